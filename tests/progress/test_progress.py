"""Progress is seen where nobody watches, too, and short work says nothing there."""

import sys

from merclip_jax import progress


def test_short_work_leaves_no_line_in_a_log(capsys):
    assert list(progress.bar(range(9), "packing", "clip")) == list(range(9))
    assert capsys.readouterr().err == ""


def test_long_work_does(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SELDOM_S", 0)
    monkeypatch.setattr(progress, "SOON_S", 0)
    list(progress.bar(iter(range(9)), "packing", "clip", 9))
    said = capsys.readouterr().err
    assert "packing" in said and "9/9" in said


def test_a_terminal_has_a_bar_at_once(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    watched = progress.bar(range(2), "packing", "clip")
    assert "packing" in capsys.readouterr().err
    watched.close()
