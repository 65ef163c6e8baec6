"""The door of every command: absl flags in, the contract's exit codes and readable errors out."""

import re
import sys
from collections.abc import Callable

from absl import app, flags, logging
from ml_collections.config_flags.config_flags import is_config_flag

from merclip_jax.errors import ConfigError, DataError

DONE, FAILED, BAD_ARGUMENTS, BAD_DATA = 0, 1, 2, 3


def run(main: Callable[[], None], usage: str) -> None:
    """Run `main` as a command and leave the process with the contract's exit code.

    Args:
      main: the command's body; it reads its own absl flags.
      usage: the help's text, which shows one real example.
    """

    def guarded(argv: list[str]) -> int:
        logging.set_verbosity(logging.WARNING)
        if len(argv) > 1:
            return _fail(f"unexpected argument {argv[1]!r}; options start with --", BAD_ARGUMENTS)
        try:
            main()
        except ConfigError as error:
            return _fail(str(error), BAD_ARGUMENTS)
        except DataError as error:
            return _fail(str(error), BAD_DATA)
        except OSError as error:
            return _fail(f"{error.strerror or error}: {error.filename or ''}", FAILED)
        except KeyboardInterrupt:
            return _fail("interrupted; run the same command again to resume", FAILED)
        return DONE

    if {"--help", "-help", "-h"} & set(sys.argv[1:]):  # absl's own help exits with 1
        sys.stdout.write(f"{usage}\n\n{flags.FLAGS.main_module_help()}\n")
        sys.exit(DONE)
    try:
        app.run(guarded, flags_parser=_parse)
    except ConfigError as error:
        sys.exit(_fail(str(error), BAD_ARGUMENTS))


def _parse(argv: list[str]) -> list[str]:
    """Parse flags; a misspelt flag or configuration field or a missing file is a bad argument."""
    try:
        rest = flags.FLAGS(argv)
        _open_configs()
    except ConfigError:
        raise
    except flags.Error as error:
        raise ConfigError(f"{_in_one_line(error)}; --help shows the flags") from error
    except OSError as error:  # ml_collections lists every place where it looked
        raise ConfigError(f"--config: {str(error).splitlines()[-1].strip()}") from error
    except Exception as error:  # noqa: BLE001 - a config file is a program, the user's own
        raise ConfigError(f"--config: {_in_one_line(error)}") from error
    return rest


def _open_configs() -> None:
    """Make sure that each config flag was given and its file read, before anything else is said."""
    for name in flags.FLAGS:
        if is_config_flag(flags.FLAGS[name]):
            config = flags.FLAGS[name].value
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


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return code
