"""Action units by a linear probe of the same frozen tower, beside a run of Micro-AU CLIP.

python -m benchmarks.au_probe --workdir=runs/synthetic_au [--tower=assets/demo_model]

The probe is a balanced logistic regression per unit on the tower's pooled features (the clip
embedding, the video token and the mean of all tokens), trained on the same clips of each fold; its
strength is chosen by cross-validation over the training subjects. Scored as the run is, on the
run's own clips; the difference is paired by subject.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from absl import flags
from flax import nnx
from ml_collections import ConfigDict
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from merclip_jax import app, experiment
from merclip_jax.data import augment
from merclip_jax.errors import ConfigError
from merclip_jax.facs import labels as au_labels
from merclip_jax.models import MerClip
from merclip_jax.protocols import folds as cross_validation
from merclip_jax.protocols import selection
from merclip_jax.reports import results
from merclip_jax.scoring import au_metrics, metrics

BATCH = 20


def features(tower: MerClip, packed, table, frames: int) -> np.ndarray:
    """Pooled features of every clip, frames spread evenly."""
    see = nnx.jit(lambda model, x: model.vision(x))
    found = []
    starts, counts = table["start"].to_numpy(), table["n_frames"].to_numpy()
    rows = starts[:, None] + np.linspace(0, counts - 1, frames, axis=1).round().astype(int)
    for part in tqdm(np.array_split(rows, -(-len(rows) // BATCH)), desc="features", disable=None):
        pad = np.resize(part, (BATCH, frames))
        clips = packed.frames[pad.reshape(-1)].reshape(*pad.shape, *packed.frames.shape[1:])
        embedding, tokens = see(tower, augment.normalize(jnp.asarray(clips)))
        pooled = jnp.concatenate([embedding, tokens[:, 0], tokens[:, 1:].mean(1)], axis=1)
        found.append(np.asarray(pooled)[: len(part)])
    return np.concatenate(found)


def probed(x: np.ndarray, labels: np.ndarray, fold, subjects: np.ndarray) -> np.ndarray:
    """What the probe says of a fold's held-out clips."""
    said = np.zeros((len(fold.test), labels.shape[1]), bool)
    for k in range(labels.shape[1]):
        known = fold.train[labels[fold.train, k] >= 0]
        y = labels[known, k]
        if len(np.unique(y)) < 2:
            continue
        probe = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=500)
        )
        strengths = {"logisticregression__C": [0.001, 0.01, 0.1, 1.0]}
        search = GridSearchCV(probe, strengths, scoring="f1", cv=GroupKFold(3))
        search.fit(x[known], y, groups=subjects[known])
        said[:, k] = search.predict(x[fold.test])
    return said


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""

    def text(name: str, default: str | None, meaning: str) -> None:
        flags.DEFINE_string(name, default, meaning, flag_values=given)

    text("workdir", None, "a finished run of Micro-AU CLIP")
    text("tower", "assets/demo_model", "the model whose tower is probed")
    text("data_dir", "data", "where prepared datasets and packed clips are kept")


def main(given: flags.FlagValues) -> None:
    """Print both scores with their intervals, and the paired difference."""
    if not given.workdir:
        raise ConfigError("--workdir is missing: name the folder of a finished run")
    run = results.read(Path(given.workdir))
    config = ConfigDict(run.run["config"])
    config.data.data_dir = given.data_dir
    protocol = selection.get(run.run["protocol"]["name"])
    packed, table = experiment.load_clips(config, protocol)
    labels = au_labels.matrix(table["action_units"], run.headline.units)
    x = features(MerClip.from_pretrained(given.tower), packed, table, config.data.frames)
    said = np.zeros((len(table), labels.shape[1]), bool)
    subjects = table["subject"].to_numpy(str)
    folds = cross_validation.of_protocol(protocol, table, config.folds.scheme)
    for fold in tqdm(folds, desc="probing", disable=None):
        said[fold.test] = probed(x, labels, fold, subjects)
    place = {name: i for i, name in enumerate(table["clip_id"])}
    order = [place[name] for name in run.clips["clip_id"]]
    ours = au_metrics.subject_counts(
        run.headline.au_labels, run.headline.au_probabilities > 0.5, run.subjects
    )
    theirs = au_metrics.subject_counts(labels[order], said[None, order], run.subjects)
    theirs = np.repeat(theirs, len(ours), axis=0)
    for name, form in (("f1", au_metrics.binary_f1), ("f1_macro", au_metrics.macro_f1)):
        metric = au_metrics.pooled_f1(form)
        for who, counts in (("Micro-AU CLIP", ours), ("linear probe", theirs)):
            low, high = metrics.bootstrap_interval(counts, metric)
            value = float(metric(counts.sum(1)).mean())
            sys.stdout.write(f"{name:10}{who:16}{value:.3f} ({low:.3f} to {high:.3f})\n")
        found = metrics.compare(ours, theirs, metric, samples=2000)
        low, high = found.ci95
        sys.stdout.write(
            f"{name:10}{'difference':16}{found.difference:+.3f} ({low:+.3f} to {high:+.3f}), "
            f"p = {found.p_value:.4f}\n"
        )


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
