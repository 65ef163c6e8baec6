"""Rebuild a run's report from its predictions; compare runs on the same clips: the command."""

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
  merclip-jax evaluate --workdir=runs/casme2 --against=runs/flow --against=runs/htnet

With --against, two runs on the same clips are compared: subjects are paired, and the difference
comes with its 95 % interval and the p value of a permutation test. Runs that tell the same action
units are compared by their F1, too. DIR/comparison.html shows both side by side, whichever system
each run has: MER-CLIP and Micro-AU CLIP, for instance. Give --against several times for one table
of several runs, each compared with --workdir."""


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    flags.DEFINE_string("workdir", "", "folder of a finished run", flag_values=given)
    flags.DEFINE_multi_string(
        "against", [], "folder of another run on the same clips; may be repeated", flag_values=given
    )


def _evaluate(given: flags.FlagValues) -> None:
    """Print the rebuilt report's table and, if asked, the comparison."""
    from merclip_jax.reports import comparison, paired, report, results

    workdir, against = given.workdir, given.against
    if not workdir:
        raise ConfigError("--workdir is missing: name the folder of a finished run")
    compared = ""
    if against:  # first of all, so that a refused comparison leaves everything as it was
        runs = [results.read(Path(folder)) for folder in (workdir, *against)]
        outcomes = [paired.compare(runs[0], other) for other in runs[1:]]
        reports = [report.build(run) for run in runs]
        for name, other, outcome in zip(against, reports[1:], outcomes, strict=True):
            compared += (
                f"\nAgainst {name}\n{other.table()}\n"
                f"\n{workdir} minus {name}, paired by subject\n{comparison.table(outcome)}\n"
            )
        if len(runs) > 2:
            names = comparison.run_names(runs)
            compared += f"\nAll runs\n{comparison.overview(names, reports, outcomes)}\n"
        compared += f"\nSide by side: {comparison.write(runs, outcomes)}\n"
    sys.stdout.write(f"{report.write(workdir).table()}\n{compared}")


COMMAND = app.Command(USAGE, _define, _evaluate)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return app.run(COMMAND, argv)


if __name__ == "__main__":
    sys.exit(main())
