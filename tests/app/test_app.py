import re
from pathlib import Path

import pytest
from absl import flags

from merclip_jax import __main__, app
from merclip_jax.errors import ConfigError, DataError

USAGE = "Do something.\n\nExample:\n  command --flag=value"


def leave(body, *arguments):
    """The exit code of a command without flags whose body is `body`."""
    return app.run(app.Command(USAGE, lambda *_: None, lambda _: body()), arguments)


def raising(error):
    def body():
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError("recipe.epochs=0"), 2, "error: recipe.epochs=0\n"),
        (DataError("2 faults", ["row 1", "row 7"]), 3, "error: 2 faults\n  - row 1\n  - row 7\n"),
        (FileNotFoundError(2, "No such file", "a.csv"), 1, "error: No such file: a.csv\n"),
        (OSError("disk full"), 1, "error: disk full\n"),
        (KeyboardInterrupt(), 1, "error: interrupted; run the same command again to resume\n"),
    ],
)
def test_what_can_be_mended_is_told_in_one_paragraph(capsys, error, code, message):
    assert leave(raising(error)) == code
    assert capsys.readouterr() == ("", message)


def test_a_command_that_is_done(capsys):
    assert leave(lambda: None) == 0
    assert capsys.readouterr() == ("", "")


def test_a_stray_argument(capsys):
    assert leave(raising(AssertionError), "casme2") == 2
    assert "unexpected argument 'casme2'" in capsys.readouterr().err


def test_an_unknown_flag(capsys):
    assert leave(raising(AssertionError), "--colour=red") == 2
    assert "Unknown command line flag 'colour'" in capsys.readouterr().err


@pytest.mark.parametrize("wish", ["--help", "-help", "-h"])
def test_help_is_no_error(capsys, wish):
    assert leave(raising(AssertionError), wish) == 0
    assert "Example:\n  command --flag=value" in capsys.readouterr().out


def test_help_shows_the_flags_and_what_else_there_is_to_say(capsys):
    command = app.Command(USAGE, define, raising(AssertionError), lambda: "And more.")
    assert app.run(command, ["--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Do something.\n") and shown.endswith("\nAnd more.\n")
    assert "  --config=FILE\n      the run's" in shown
    assert "  --workdir=string\n      its folder (default: here)" in shown
    assert "  --face=largest|all\n" in shown


def define(given, arguments):
    """The flags of a command that has --config, --workdir and --face."""
    app.define_config(given, arguments, "the run's")
    flags.DEFINE_string("workdir", "here", "its folder", flag_values=given)
    flags.DEFINE_enum("face", "all", ["largest", "all"], "whose", flag_values=given)


@pytest.fixture
def parse(monkeypatch):
    """The exit code of such a command, and the flags that its body was given."""
    monkeypatch.chdir(Path(__file__).parents[2])

    def parsed(*arguments):
        seen = []
        return app.run(app.Command(USAGE, define, seen.append), arguments), *seen

    return parsed


def test_config_and_override(parse):
    code, given = parse("--config=configs/casme2.py:classes=3", "--config.recipe.epochs=3")
    assert code == 0
    assert given.config.data.protocol == "merclip/casme2/3"
    assert given.config.recipe.epochs == 3


@pytest.mark.parametrize("name", ["casme2", "configs/casme2.py"])
def test_a_config_of_ours_is_found_by_its_name_from_any_folder(parse, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, given = parse(f"--config={name}:classes=3", "--config.recipe.epochs=3", "--workdir=there")
    assert given.config.data.protocol == "merclip/casme2/3"
    assert (given.config.recipe.epochs, given.workdir) == (3, "there")


@pytest.mark.parametrize("name", ["baselines/ststnet", "configs/baselines/ststnet.py"])
def test_so_is_one_in_a_folder(parse, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, given = parse(f"--config={name}:macro", "--config.recipe.epochs=3", "--workdir=there")
    assert (given.config.model.system, given.config.data.builder_config) == ("ststnet", "macro")


def refused(parse, capsys, *given):
    """The one line with which arguments are refused."""
    assert parse(*given) == (2,)
    out, told = capsys.readouterr()
    assert out == "" and told.startswith("error: ") and told.count("\n") == 1
    assert "Traceback" not in told
    return told


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
def test_a_config_that_cannot_be_read_is_told_in_one_line(parse, capsys, given, message):
    assert re.search(message, refused(parse, capsys, *given))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("    config.recipe.epoch = 3", r"unknown field: Key \"epoch\" .*Did you mean \"epochs\""),
        ("    config.recipe.epochs = many", "name 'many' is not defined"),
        ("    config.recipe.epochs = = 3", r"invalid syntax \(mine\.py, line 5\)"),
        ("    return 1 / 0", "division by zero"),
    ],
)
def test_a_users_own_config_with_a_mistake(parse, capsys, tmp_path, body, message):
    source = (
        f"from configs import demo\n\ndef get_config():\n    config = demo.get_config()\n{body}\n"
    )
    (tmp_path / "mine.py").write_text(source)
    assert re.search(message, refused(parse, capsys, f"--config={tmp_path / 'mine.py'}"))


def test_of_many_faults_twenty_are_shown():
    shown = str(DataError("30 faults", [f"row {i}" for i in range(30)])).splitlines()
    assert (len(shown), shown[-2], shown[-1]) == (22, "  - row 19", "  ... and 10 more")


# --- all commands under one name


def test_the_one_name_lists_its_commands(capsys):
    for given in ([], ["-h"], ["--help"]):
        assert __main__.main(given) == 0
        shown = capsys.readouterr().out
        assert all(f"\n  {name} " in shown for name in __main__.COMMANDS)


@pytest.mark.parametrize("name", __main__.COMMANDS)
def test_each_command_has_help_with_an_example(capsys, name):
    assert __main__.main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"\n  merclip-jax {name}" in shown


def test_a_command_that_is_none_is_told(capsys):
    assert __main__.main(["trian"]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("error: no command 'trian'\n")
    assert "  train " in told.err
