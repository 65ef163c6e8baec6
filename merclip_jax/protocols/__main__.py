"""Every protocol as a table: the command."""

import sys
from collections.abc import Sequence

from absl import flags

from merclip_jax import app

USAGE = """Every protocol: which corpora, which classes, how many clips.

Example:
  merclip-jax protocols --list"""


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    flags.DEFINE_bool("list", True, "print every protocol as a table", flag_values=given)


def _list(given: flags.FlagValues) -> None:
    from merclip_jax.protocols import selection

    table = selection.listing()
    lines = [list(table.columns), *table.astype(str).values.tolist()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


COMMAND = app.Command(USAGE, _define, _list)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return app.run(COMMAND, argv)


if __name__ == "__main__":
    sys.exit(main())
