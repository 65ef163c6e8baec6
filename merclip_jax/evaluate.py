"""Rebuild a run's report from its predictions; compare two runs on the same clips."""

import sys
from pathlib import Path

from absl import flags

from merclip_jax import app, comparison, metrics, protocols, report, results
from merclip_jax.au import metrics as au_metrics
from merclip_jax.au import scores as au_scores
from merclip_jax.errors import ConfigError
from merclip_jax.metrics import Comparison
from merclip_jax.results import Results

USAGE = """Rebuild the report of a finished run from its predictions, and print its table.

Examples:
  python -m merclip_jax.evaluate --workdir=runs/casme2
  python -m merclip_jax.evaluate --workdir=runs/casme2 --against=runs/casme2-still

With --against, two runs on the same clips are compared: subjects are paired, and the difference
comes with its 95 % interval and the p value of a permutation test. Runs that tell the same action
units are compared by their F1, too. DIR/comparison.html shows both side by side, whichever system
each run has: MER-CLIP and Micro-AU CLIP, for instance.
"""


def compare(first: Results, second: Results) -> dict[str, Comparison]:
    """Paired comparison of two runs: for each score first - second, its interval and p value.

    Raises:
      ConfigError: the runs are not on the same clips, subjects and classes in the same order, or
        have different numbers of seeds, or there are no classes and they tell different units.
    """
    _refuse_unlike(first, second)
    runs, compared = (first, second), {}
    if first.class_names:
        ours, theirs = (report.subject_counts(run, run.headline) for run in runs)
        for name, metric in metrics.HEADLINE.items():
            compared[name] = metrics.compare(ours, theirs, metric)
    if first.headline.units and first.headline.units == second.headline.units:
        ours, theirs = (au_scores.subject_counts(run, run.headline) for run in runs)
        for name, metric in au_metrics.HEADLINE.items():
            compared[f"au_{name}"] = metrics.compare(ours, theirs, metric)
    return compared


def comparison_table(comparisons: dict[str, Comparison]) -> str:
    """The comparison as text for a terminal."""
    lines = [f"{'':24}difference   95 % interval      p"]
    for key, outcome in comparisons.items():
        low, high = outcome.ci95
        lines.append(
            f"  {comparison.NAMES[key]:22}{outcome.difference:+10.3f}   "
            f"{low:+.3f} to {high:+.3f}   {outcome.p_value:.4f}"
        )
    return "\n".join(lines)


def _refuse_unlike(first: Results, second: Results) -> None:
    """Unlike lists of clips give scores that mean different things."""
    fingerprints = [protocols.fingerprint(run.clips) for run in (first, second)]
    if fingerprints[0] != fingerprints[1]:
        described = [
            f"{run.workdir}: {run.run['protocol']['name']}, {len(run.clips)} clips, "
            f"fingerprint {fingerprint[:12]}"
            for run, fingerprint in zip((first, second), fingerprints, strict=True)
        ]
        raise ConfigError(
            f"--against: the runs are not on the same clips and classes ({'; '.join(described)}). "
            "Only runs with one fingerprint can be compared."
        )
    if first.class_names != second.class_names:
        raise ConfigError(
            f"--against: the classes are in another order ({first.class_names} and "
            f"{second.class_names}). Train both runs with the same protocol."
        )
    units = [run.headline.units for run in (first, second)]
    if not first.class_names and units[0] != units[1]:
        raise ConfigError(
            f"--against: one run tells the action units {', '.join(units[0])}, the other "
            f"{', '.join(units[1])}. Train both with the same au.units and au.sides."
        )
    seeds = [len(run.run["seeds"]) for run in (first, second)]
    if seeds[0] != seeds[1]:
        raise ConfigError(
            f"--against: {seeds[0]} and {seeds[1]} seeds. A paired test needs equally many; train "
            "the run that lacks seeds again with config.seeds of the other."
        )


def main() -> None:
    """The command: print the rebuilt report's table and, if asked, the comparison."""
    workdir, against = flags.FLAGS.workdir, flags.FLAGS.against
    if not workdir:
        raise ConfigError("--workdir is missing: name the folder of a finished run")
    compared = ""
    if against:  # first of all, so that a refused comparison leaves everything as it was
        first, second = results.read(Path(workdir)), results.read(Path(against))
        outcomes = compare(first, second)
        compared = (
            f"\nAgainst {against}\n{report.build(second).table()}\n"
            f"\n{workdir} minus {against}, paired by subject\n{comparison_table(outcomes)}\n"
            f"\nSide by side: {comparison.write((first, second), outcomes)}\n"
        )
    sys.stdout.write(f"{report.write(workdir).table()}\n{compared}")


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "", "folder of a finished run")
    flags.DEFINE_string("against", "", "folder of another run on the same clips, to compare with")
    app.run(main, USAGE)
