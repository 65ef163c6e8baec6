import sys

import pytest

from merclip_jax import app
from merclip_jax.errors import ConfigError, DataError


def leave(monkeypatch, main, *arguments):
    """The exit code with which a command leaves whose body is `main`."""
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    with pytest.raises(SystemExit) as left:
        app.run(main, "Do something.\n\nExample:\n  command --flag=value")
    return left.value.code


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError("recipe.epochs=0"), 2, "error: recipe.epochs=0\n"),
        (DataError("2 faults", ["row 1", "row 7"]), 3, "error: 2 faults\n  - row 1\n  - row 7\n"),
        (FileNotFoundError(2, "No such file", "a.csv"), 1, "error: No such file: a.csv\n"),
        (OSError("disk full"), 1, "error: disk full: \n"),
        (KeyboardInterrupt(), 1, "error: interrupted; run the same command again to resume\n"),
    ],
)
def test_what_can_be_mended_is_told_in_one_paragraph(monkeypatch, capsys, error, code, message):
    assert leave(monkeypatch, raising(error)) == code
    assert capsys.readouterr() == ("", message)


def test_a_command_that_is_done(monkeypatch, capsys):
    assert not leave(monkeypatch, lambda: None)  # absl leaves with None or 0
    assert capsys.readouterr() == ("", "")


def test_a_stray_argument(monkeypatch, capsys):
    assert leave(monkeypatch, raising(AssertionError), "casme2") == 2
    assert "unexpected argument 'casme2'" in capsys.readouterr().err


def test_an_unknown_flag(monkeypatch, capsys):
    assert leave(monkeypatch, raising(AssertionError), "--colour=red") == 2
    assert "Unknown command line flag 'colour'" in capsys.readouterr().err


@pytest.mark.parametrize("wish", ["--help", "-help", "-h"])
def test_help_is_no_error(monkeypatch, capsys, wish):
    assert leave(monkeypatch, raising(AssertionError), wish) == 0
    assert "Example:\n  command --flag=value" in capsys.readouterr().out


def test_a_bug_of_ours_is_not_dressed_up(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command"])
    with pytest.raises(ZeroDivisionError):
        app.run(lambda: 1 // 0, "")


def test_of_many_faults_twenty_are_shown():
    shown = str(DataError("30 faults", [f"row {i}" for i in range(30)])).splitlines()
    assert (len(shown), shown[-2], shown[-1]) == (22, "  - row 19", "  ... and 10 more")
