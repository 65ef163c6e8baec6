"""Progress is seen where nobody watches, too, and short work says nothing there."""

import sys
from pathlib import Path

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


def test_what_has_no_items_is_told_by_hand(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SELDOM_S", 0)
    monkeypatch.setattr(progress, "SOON_S", 0)
    with progress.bar(None, "camera0", "s", 2.5) as bar:
        bar.update(1.5)
        bar.update(1.0)
    assert "2.5/2.5" in capsys.readouterr().err


def test_a_line_is_said_on_stderr(capsys):
    progress.say("compiling the model, once")
    assert capsys.readouterr() == ("", "compiling the model, once\n")


def test_nobody_has_a_bar_of_their_own():
    """One that a log or a notebook would not show."""
    root = Path(progress.__file__).parent
    assert not [path for path in root.rglob("*.py") if "disable=None" in path.read_text()]
