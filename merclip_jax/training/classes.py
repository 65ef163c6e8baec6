"""What tasks that name classes say of their predictions: scores, and columns of a table."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from merclip_jax.scoring import metrics
from merclip_jax.training.batch import Predicted


def epoch_score(labels: Int[np.ndarray, " n"], predicted: Predicted) -> float:
    """UF1 over the classes shown or predicted, by which an epoch is chosen."""
    return float(metrics.present_uf1(_confusion(labels, predicted)))


def card_scores(labels: Int[np.ndarray, " n"], predicted: Predicted) -> dict[str, float]:
    """UF1 and UAR, for the model card."""
    counts = _confusion(labels, predicted)
    return {"uf1": float(metrics.uf1(counts)), "uar": float(metrics.uar(counts))}


def columns(classes: Sequence[str], predicted: Predicted) -> dict[str, np.ndarray]:
    """The predicted class of each clip, and the probability of every class."""
    probabilities = np.asarray(predicted.probabilities)
    named = zip(classes, probabilities.T, strict=True)
    return {"prediction": probabilities.argmax(1)} | {f"p_{name}": p for name, p in named}


def _confusion(labels: Int[np.ndarray, " n"], predicted: Predicted) -> np.ndarray:
    probabilities = np.asarray(predicted.probabilities)
    return metrics.confusion(labels, probabilities.argmax(1), probabilities.shape[1])
