import sys
from pathlib import Path

import pytest
from absl import flags
from ml_collections import config_flags

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


@pytest.fixture
def parse(monkeypatch):
    """The parser of a command that has --config and --workdir."""
    own = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=own)
    flags.DEFINE_string("workdir", None, "", flag_values=own)
    monkeypatch.setattr(flags, "FLAGS", own)
    monkeypatch.chdir(Path(__file__).parents[2])

    def parsed(*arguments):
        # absl's config flag reads its overrides from sys.argv.
        monkeypatch.setattr(sys, "argv", ["command", *arguments])
        app._parse(sys.argv)
        return own

    return parsed


def test_config_and_override(parse):
    given = parse("--config=configs/casme2.py:classes=3", "--config.recipe.epochs=3")
    assert given.config.data.protocol == "merclip/casme2/3"
    assert given.config.recipe.epochs == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((), r"--config is missing: name a file, as --config=configs/demo\.py"),
        (("--config=configs/nope.py",), r"No such file or directory: 'configs/nope\.py'"),
        (
            ("--config=configs/nope.py", "--config.recipe.epochs=3"),
            r"No such file or directory: 'configs/nope\.py'",
        ),
        (("--config=configs",), r"Is a directory: 'configs'"),
        (
            ("--config=configs/casme2.py:classes=9",),
            r"casme2\.py:classes=9: give classes=3, 4, 5 or 7, or megc2019",
        ),
        (
            ("--config=configs/demo.py", "--config.recipe.epoch=3"),
            r"unknown field: 'epoch' Did you mean \"epochs\"",
        ),
        (("--config=configs/demo.py", "--config.recipe.epochs=many"), "epochs=many: invalid"),
        (("--config=configs/demo.py", "--colour=red"), "flag 'colour'"),
    ],
)
def test_a_config_that_cannot_be_read_is_told_in_one_line(parse, given, message):
    with pytest.raises(ConfigError, match=message) as refused:
        parse(*given)
    assert "\n" not in str(refused.value)
    assert "Traceback" not in str(refused.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("    config.recipe.epoch = 3", r"unknown field: Key \"epoch\" .*Did you mean \"epochs\""),
        ("    config.recipe.epochs = many", "name 'many' is not defined"),
        ("    config.recipe.epochs = = 3", r"invalid syntax \(mine\.py, line 5\)"),
        ("    return 1 / 0", "division by zero"),
    ],
)
def test_a_users_own_config_with_a_mistake(parse, tmp_path, body, message):
    source = (
        f"from configs import demo\n\ndef get_config():\n    config = demo.get_config()\n{body}\n"
    )
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(ConfigError, match=message) as refused:
        parse(f"--config={tmp_path / 'mine.py'}")
    assert "\n" not in str(refused.value)


def test_of_many_faults_twenty_are_shown():
    shown = str(DataError("30 faults", [f"row {i}" for i in range(30)])).splitlines()
    assert (len(shown), shown[-2], shown[-1]) == (22, "  - row 19", "  ... and 10 more")
