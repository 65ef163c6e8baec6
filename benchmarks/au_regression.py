"""A flow regression per action unit that knows strong motion, beside a run of Micro-AU CLIP.

python -m benchmarks.au_regression --workdir=runs/micro_au \
    --regression=runs/strangers_regression/folds/official/model-seed0

Each fold fits the regression's own clips and those of its training side together, so that both
systems have seen the same people; grid, power and strength stay as the regression's own inner
subjects chose them, since a choice in each of 26 folds would take an hour. Scored on the run's
clips; the difference is paired by subject.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import flags
from ml_collections import ConfigDict
from tqdm import tqdm

from merclip_jax import app, experiment, templates
from merclip_jax.baselines import grid
from merclip_jax.baselines.regression import Regression
from merclip_jax.data import pack
from merclip_jax.errors import ConfigError
from merclip_jax.facs import labels as au_labels
from merclip_jax.protocols import folds as cross_validation
from merclip_jax.protocols import selection
from merclip_jax.reports import results
from merclip_jax.scoring import au_metrics, metrics


def told(clips: grid.Clips, regression: Regression, folds: Sequence) -> np.ndarray:
    """What the regression says of the held-out clips of every fold: which units move."""
    setting, count = regression.cfg.setting, len(regression.cfg.outputs)
    head = grid.Head(grid.fit_units, grid.predicted_units, count)
    said = np.zeros(clips.labels.shape, bool)
    for fold in tqdm(folds, desc="fitting", disable=None):
        fitted = grid.fit(head, clips.at(fold.train).and_also(regression.clips), setting)
        said[fold.test] = grid.logits(clips.grids[fold.test], fitted, setting) > 0
    return said


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""

    def text(name: str, default: str | None, meaning: str) -> None:
        flags.DEFINE_string(name, default, meaning, flag_values=given)

    text("workdir", None, "a finished run of Micro-AU CLIP")
    text("regression", None, "an exported flow_regression_au that tells the same units")
    text("data_dir", "data", "where prepared datasets and packed clips are kept")


def main(given: flags.FlagValues) -> None:
    """Print both scores with their intervals, and the paired difference."""
    if not (given.workdir and given.regression):
        raise ConfigError("give --workdir and --regression")
    run, regression = (
        results.read(Path(given.workdir)),
        Regression.from_pretrained(given.regression),
    )
    config = ConfigDict(run.run["config"])
    config.data.data_dir = given.data_dir
    protocol = selection.get(run.run["protocol"]["name"])
    packed, table = experiment.load_clips(config, protocol)
    starts, _ = pack.first_rows(table)
    motion = packed.stored.motion
    assert motion is not None  # both systems see it
    shown = np.asarray(motion[starts + pack.apexes(table)])
    labels = au_labels.matrix(table["action_units"], regression.cfg.outputs)
    folds = cross_validation.of_protocol(protocol, table, config.folds.scheme)
    said = told(grid.Clips(grid.grids(shown), labels), regression, folds)
    place = {name: i for i, name in enumerate(table["clip_id"])}
    order = [place[name] for name in run.clips["clip_id"]]
    ours = au_metrics.subject_counts(
        run.headline.au_labels, run.headline.au_probabilities > 0.5, run.subjects
    )
    theirs = au_metrics.subject_counts(labels[order], said[None, order], run.subjects)
    report(ours, np.repeat(theirs, len(ours), axis=0))


def report(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Print what counts per subject say."""
    for who, counts in (("Micro-AU CLIP", ours), ("regression", theirs)):
        for name, score in metrics.pooled(counts, au_metrics.HEADLINE).items():
            interval = templates.interval(score["ci95"])
            sys.stdout.write(f"{name:10}{who:16}{score['value']:.3f} ({interval})\n")
    for name, metric in au_metrics.HEADLINE.items():
        found = metrics.compare(ours, theirs, metric, samples=2000)
        interval = templates.interval(found.ci95, "+.3f")
        change = f"{found.difference:+.3f} ({interval}), p = {found.p_value:.4f}"
        sys.stdout.write(f"{name:10}{'difference':16}{change}\n")


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
