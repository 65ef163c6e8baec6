"""Guessers of action units (AUs) that need no model: marks beside which an F1 must be read.

F1 of 'moved' does not start at a half: saying a unit of every clip gives 2 p / (1 + p), where p is
the share of clips that show it.
"""

import numpy as np
from jaxtyping import Int, Shaped

from merclip_jax.facs import emotion_rules
from merclip_jax.scoring import au_metrics, calibration, metrics
from merclip_jax.scoring.baselines import Bound, scored

REPETITIONS = 100

# name in report.json -> short name, and what it says to a reader
MEANINGS = {
    "always": ("every unit, always", "Every unit is said of every clip."),
    "base_rate": (
        "base-rate guesses",
        "Guesses that know only how frequent each unit is among the clips outside the fold.",
    ),
}


def all_marks(
    labels: Int[np.ndarray, "n k"], folds: Shaped[np.ndarray, " n"], seed: int = 0
) -> dict[str, dict[str, float]]:
    """{'always' | 'base_rate': {'f1', 'f1_macro'}}, pooled over the clips that a fold tests.

    Args:
      labels: states of each clip's units: 1, 0, or -1 for unknown.
      folds: the fold that tests each clip; '' for clips that are only trained on.
      seed: of the guesses, of which REPETITIONS are averaged.
    """
    return {
        "always": scores(always(labels[folds != ""])),
        "base_rate": scores(_base_rate(labels, folds, seed)),
    }


def always(labels: Int[np.ndarray, "n k"]) -> Int[np.ndarray, "k 2 2"]:
    """Counts of (truth, prediction) of saying every unit of every clip."""
    return au_metrics.counts(labels, np.ones(labels.shape, bool))


def _base_rate(
    labels: Int[np.ndarray, "n k"], folds: Shaped[np.ndarray, " n"], seed: int
) -> Int[np.ndarray, "r k 2 2"]:
    rng = np.random.default_rng(seed)
    pooled = np.zeros((REPETITIONS, labels.shape[1], 2, 2), np.int64)
    for fold in sorted(set(folds) - {""}):
        train, test = labels[folds != fold], labels[folds == fold]
        rate = (train == 1).sum(0) / np.maximum((train >= 0).sum(0), 1)
        for state in (0, 1):
            actual = (test == state).sum(0)
            predicted = rng.binomial(actual, rate, (REPETITIONS, len(rate)))
            pooled[..., state, 1] += predicted
            pooled[..., state, 0] += actual - predicted
    return pooled


def scores(counts: Int[np.ndarray, "*batch k 2 2"]) -> dict[str, float]:
    """Mean over the repetitions, if there are any."""
    flat = counts.reshape(*counts.shape[:-3], -1, 2)
    return {name: float(score(flat).mean()) for name, score in au_metrics.HEADLINE.items()}


def told_the_truth(
    rules: emotion_rules.Rules, moved: Int[np.ndarray, "n k"], labels: Int[np.ndarray, " n"]
) -> Bound:
    """What the rules score if they are told which units moved, unknown ones (-1) left open."""
    sure = np.repeat([[calibration.FLOOR], [1 - calibration.FLOOR]], moved.shape[1], axis=1)
    predicted = emotion_rules.infer(rules, np.where(moved < 0, 0.5, moved == 1), sure).argmax(1)
    return scored(metrics.confusion(labels, predicted, len(rules)))
