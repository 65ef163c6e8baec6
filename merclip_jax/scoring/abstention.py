"""UF1 where clips that the rules leave undecided count as errors, not as they fall."""

import numpy as np
from jaxtyping import Bool, Int

from merclip_jax.scoring import metrics


def uf1(
    labels: Int[np.ndarray, " n"],
    guesses: Int[np.ndarray, "k n"],
    undecided: Bool[np.ndarray, "k n"],
    subjects: np.ndarray,
    n_classes: int,
) -> dict:
    """UF1 whose undecided clips are missed by their own class and claimed by none.

    Returns:
      {value, ci95, seeds}, as the other scores: mean of the k seeds, interval over subjects.
    """
    answers = np.where(undecided, n_classes, guesses)
    counts = metrics.subject_confusions(labels, answers, subjects, n_classes + 1)
    return metrics.pooled(counts, {"uf1": _of_classes})["uf1"]


def _of_classes(counts: np.ndarray) -> np.ndarray:
    """UF1 of confusions whose last row and column stand for 'undecided', which is no class."""
    return np.asarray(metrics.f1(counts)[..., :-1].mean(-1))
