"""The door of every command: flags in, the contract's exit codes and readable errors out."""

import contextlib
import ctypes
import logging
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import absl.logging
from absl import flags
from ml_collections import config_flags
from ml_collections.config_flags.config_flags import is_config_flag

from merclip_jax.errors import ConfigError, DataError, RunError, unexpected

DONE = 0
# glibc's malloc.h: no array is mapped on its own, and the heap is never cut nor grown in bits.
MALLOC = {-4: 0, -1: -1, -2: 2**28}


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
      usage: the help's text, which shows one real example; its first line says what it does.
      define: (register, arguments) defines the command's flags, in a register of its own.
      body: what it does with the flags given.
      more_help: what stands in the help after the flags.
    """

    usage: str
    define: Callable[[flags.FlagValues, Sequence[str]], None]
    body: Callable[[flags.FlagValues], None]
    more_help: Callable[[], str] = str


def run(command: Command, argv: Sequence[str] | None = None) -> int:
    """Run a command and say how it ended: the contract's exit code.

    Args:
      command: what to run.
      argv: its arguments, without the program's name; None takes those of the process.
    """
    given = flags.FlagValues()
    arguments = [_named(argument) for argument in (sys.argv[1:] if argv is None else argv)]
    command.define(given, arguments)
    if {"--help", "-help", "-h"} & set(arguments):
        help_text = "\n".join(
            filter(None, [command.usage, _flags_help(given), command.more_help()])
        )
        sys.stdout.write(f"{help_text}\n")
        return DONE
    if argv is None:
        _hush_libraries()
        _keep_memory()
    try:
        _parse(given, arguments)
        command.body(given)
    except (ConfigError, DataError, RunError) as error:
        return _fail(error)
    except Exception as error:  # noqa: BLE001 - the last door: nobody should read a traceback
        return _fail(unexpected.explained(error, _written(given)))
    except KeyboardInterrupt:
        return _fail(RunError("interrupted; run the same command again to resume"))
    return DONE


def _hush_libraries() -> None:
    """Leave what is said of an error to `run`: Orbax logs it once per thread, with tracebacks."""
    absl.logging.set_verbosity(absl.logging.FATAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)


def _keep_memory() -> None:
    """Let glibc keep memory that arrays leave, for those that follow.

    Else it hands every large one back to the kernel, and each step fetches and clears its pages
    anew: half of all page faults of a training.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no glibc
        for option, value in MALLOC.items():
            ctypes.CDLL(None).mallopt(option, value)


def _written(given: flags.FlagValues) -> list[Path]:
    """The folders that a command writes into, as its flags and its config name them."""
    named = [given[name].value for name in ("workdir", "output", "data_dir") if name in given]
    if "config" in given and given["config"].value is not None:
        named.append(given["config"].value.data.data_dir)
    return [Path(place) for place in named if place]


def _flags_help(given: flags.FlagValues) -> str:
    lines = ["\nFlags:"]
    for name in given:
        flag = given[name]
        if is_config_flag(flag):
            lines.append(f"  --{name}=FILE\n      {flag.help}")
            continue
        choices = getattr(flag.parser, "enum_values", None)
        values = "|".join(choices) if choices else flag.flag_type()
        default = "" if flag.default in (None, "", []) else f" (default: {flag.default})"
        lines.append(f"  --{name}={values}\n      {flag.help}{default}")
    return "\n".join(lines)


def _parse(given: flags.FlagValues, arguments: list[str]) -> None:
    """Parse flags; a misspelt flag or configuration field or a missing file is a bad argument."""
    try:
        rest = given(["merclip-jax", *arguments])[1:]
        if rest:
            raise ConfigError(f"unexpected argument {rest[0]!r}; options start with --")
        _open_configs(given)
    except ConfigError:
        raise
    except flags.Error as error:
        raise ConfigError(f"{_in_one_line(error)}; --help shows the flags") from error
    except OSError as error:  # ml_collections lists every place where it looked
        raise ConfigError(f"--config: {str(error).splitlines()[-1].strip()}") from error
    except Exception as error:  # noqa: BLE001 - a config file is a program, the user's own
        raise ConfigError(f"--config: {_in_one_line(error)}") from error


def define_config(given: flags.FlagValues, arguments: Sequence[str], meaning: str) -> None:
    """Define --config: a file, or the name of one of the package's own, such as 'demo'."""
    config_flags.DEFINE_config_file(
        "config", help_string=meaning, flag_values=given, sys_argv=["merclip-jax", *arguments]
    )


def corpora() -> list[str]:
    """The corpora that have a builder, for help; no builder is imported."""
    folder = resources.files("merclip_jax.tfds_builders")
    return sorted(place.name for place in folder.iterdir() if place.joinpath("README.md").is_file())


def _named(argument: str) -> str:
    """--config=demo or configs/demo.py as a path of the package, where no such file lies here."""
    match = re.fullmatch(r"--?config=(?:configs/)?((?:\w+/)?\w+)(?:\.py)?(:.*)?", argument)
    if not match or Path(re.sub(r"^--?config=|:.*$", "", argument)).exists():
        return argument
    own = resources.files("merclip_jax.configs").joinpath(f"{match[1]}.py")
    return f"--config={own}{match[2] or ''}" if own.is_file() else argument


def _open_configs(given: flags.FlagValues) -> None:
    """Make sure that each config flag was given and its file read, before anything else is said."""
    for name in given:
        if is_config_flag(given[name]):
            config = given[name].value
            if config is None:
                raise ConfigError(f"--{name} is missing: name a file, as --{name}=configs/demo.py")
            config.keys()  # ml_collections keeps quiet about a missing file until here


def _in_one_line(error: BaseException) -> str:
    """An error's first and last line; what may stand between is the traceback of a config file."""
    while error.args and isinstance(error.args[0], Exception):  # ml_collections nests them
        error = error.args[0]
    message = str(error) or repr(error)
    if isinstance(error, KeyError):  # its str is a repr
        message = f"unknown field: {error.args[0]}"
    first, *others = message.strip().splitlines()
    last = [re.sub(r"^\w+Error: ", "", line) for line in others[-1:]]
    return " ".join([first.rstrip(), *last])


def _fail(error: ConfigError | DataError | RunError) -> int:
    sys.stderr.write(f"error: {error}\n")
    return error.exit_code
