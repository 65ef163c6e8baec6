"""Rebuild a run's report from its predictions; compare two runs on the same clips: the command."""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from merclip_jax import app
from merclip_jax.errors import ConfigError

USAGE = """Rebuild the report of a finished run from its predictions, and print its table.

Examples:
  merclip-jax evaluate --workdir=runs/casme2
  merclip-jax evaluate --workdir=runs/casme2 --against=runs/casme2-still

With --against, two runs on the same clips are compared: subjects are paired, and the difference
comes with its 95 % interval and the p value of a permutation test. Runs that tell the same action
units are compared by their F1, too. DIR/comparison.html shows both side by side, whichever system
each run has: MER-CLIP and Micro-AU CLIP, for instance."""


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    flags.DEFINE_string("workdir", "", "folder of a finished run", flag_values=given)
    flags.DEFINE_string(
        "against", "", "folder of another run on the same clips, to compare with", flag_values=given
    )


def _evaluate(given: flags.FlagValues) -> None:
    """Print the rebuilt report's table and, if asked, the comparison."""
    from merclip_jax.reports import comparison, paired, report, results

    workdir, against = given.workdir, given.against
    if not workdir:
        raise ConfigError("--workdir is missing: name the folder of a finished run")
    compared = ""
    if against:  # first of all, so that a refused comparison leaves everything as it was
        first, second = results.read(Path(workdir)), results.read(Path(against))
        outcomes = paired.compare(first, second)
        compared = (
            f"\nAgainst {against}\n{report.build(second).table()}\n"
            f"\n{workdir} minus {against}, paired by subject\n{comparison.table(outcomes)}\n"
            f"\nSide by side: {comparison.write((first, second), outcomes)}\n"
        )
    sys.stdout.write(f"{report.write(workdir).table()}\n{compared}")


COMMAND = app.Command(USAGE, _define, _evaluate)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return app.run(COMMAND, argv)


if __name__ == "__main__":
    sys.exit(main())
