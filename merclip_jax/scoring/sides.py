"""Is left told from right? Of units that a run tells apart by side, in clips that move one side.

Scores of single units do not answer this: a detector that always says both sides finds every
one-sided movement.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from merclip_jax.scoring import metrics


def pairs(units: Sequence[str]) -> list[tuple[int, int]]:
    """Places of (left, right) of every unit that is there on both sides."""
    place = {unit: i for i, unit in enumerate(units)}
    return [
        (i, place[f"R{unit[1:]}"])
        for unit, i in place.items()
        if unit.startswith("L") and f"R{unit[1:]}" in place
    ]


def told_apart(
    labels: Int[np.ndarray, "n u"],
    probabilities: Float[np.ndarray, "k n u"],
    units: Sequence[str],
    subjects: np.ndarray,
) -> dict | None:
    """How often the side that moved has the higher probability.

    Counted over (clip, unit) of which exactly one side is annotated, the other being known to be
    still; a tie counts half. Chance is one half.

    Returns:
      {share, ci95, n}: the share (mean of the k seeds), its interval over subjects, and the number
      of (clip, unit); None where no clip moves one side alone.
    """
    both = pairs(units)
    left, right = [pair[0] for pair in both], [pair[1] for pair in both]
    side = labels[:, left] - labels[:, right]
    one = labels[:, left] + labels[:, right] == 1  # 1 and 0: -1 stands for unknown
    if not one.any():
        return None
    margin = side * np.sign(probabilities[..., left] - probabilities[..., right])
    halves = ((margin + 1) * one).astype(np.int64).sum(-1)  # 2 per hit, 1 per tie
    names, subject = np.unique(subjects[one.any(1)], return_inverse=True)
    counts = np.zeros((len(probabilities), len(names), 1, 2), np.int64)
    for row, share in zip(counts, halves[:, one.any(1)], strict=True):
        np.add.at(row[:, 0, 0], subject, share)
        np.add.at(row[:, 0, 1], subject, 2 * one.sum(1)[one.any(1)])
    return {
        "share": float(_share(counts.sum(1)).mean()),
        "ci95": list(metrics.bootstrap_interval(counts, _share)),
        "n": int(one.sum()),
    }


def _share(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts[..., 0, 0] / counts[..., 0, 1])
