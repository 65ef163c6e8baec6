"""The door of every command: absl flags in, the contract's exit codes and readable errors out."""

import sys
from collections.abc import Callable

from absl import app, flags, logging

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
        return flags.FLAGS(argv)
    except flags.Error as error:
        raise ConfigError(f"{error}; --help shows the flags") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"configuration: {error}") from error
    except OSError as error:
        raise ConfigError(f"configuration file: {error}") from error


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return code
