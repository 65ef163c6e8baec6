"""What tasks that name classes have in common: strata, scores, and columns of a table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Int

from merclip_jax.protocols.folds import Fold
from merclip_jax.scoring import metrics
from merclip_jax.training.batch import Predicted


@dataclass(frozen=True)
class ClassesTask:
    """A `training.task.Task` but for what is learnt: its subclasses add `loss` and `predict`.

    Attributes:
      classes: emotions of the protocol.
      labels: class of each clip.
    """

    classes: tuple[str, ...]
    labels: Int[np.ndarray, " n"]

    @property
    def sentence_rows(self) -> Int[np.ndarray, " n"]:
        """No clip has a sentence."""
        return np.full(len(self.labels), -1, np.int32)

    @property
    def mirrored_rows(self) -> Int[np.ndarray, " n"]:
        """As of the clips themselves."""
        return self.sentence_rows

    def texts(self, model: Any) -> Array:
        """Nothing to look up."""
        return jnp.zeros((1, 1, 1))

    def strata(self, fold: Fold) -> Int[np.ndarray, " n"]:
        """The classes."""
        return self.labels

    def init_fold(
        self, fold: Fold, params: nnx.State, model_state: nnx.State
    ) -> tuple[nnx.State, nnx.State]:
        """Nothing of the model depends on a fold before training."""
        return params, model_state

    def val_indices(self, fold: Fold) -> Int[np.ndarray, " m"]:
        """Clips of inner subjects."""
        return fold.inner

    def aggregate(self, indices: Int[np.ndarray, " n"], predicted: Predicted) -> Predicted:
        """Nothing to sum."""
        return predicted

    def score(self, indices: Int[np.ndarray, " n"], predicted: Predicted) -> float:
        """UF1 over the classes shown or predicted, by which an epoch is chosen."""
        return float(metrics.present_uf1(_confusion(self.labels[indices], predicted)))

    def card_scores(self, indices: Int[np.ndarray, " n"], predicted: Predicted) -> dict[str, float]:
        """UF1 and UAR."""
        counts = _confusion(self.labels[indices], predicted)
        return {"uf1": float(metrics.uf1(counts)), "uar": float(metrics.uar(counts))}

    def columns(
        self, fold: Fold, test_pred: Predicted, val_pred: Predicted | None
    ) -> dict[str, Any]:
        """The class, and the probability of each."""
        probabilities = np.asarray(test_pred.probabilities)
        named = zip(self.classes, probabilities.T, strict=True)
        return {"prediction": probabilities.argmax(1)} | {f"p_{name}": p for name, p in named}

    def model_info(self) -> dict[str, list[str]]:
        """The classes."""
        return {"classes": list(self.classes)}

    def fold_metadata(self, fold: Fold, val_pred: Predicted | None) -> dict[str, Any]:
        """Nothing is fitted after training."""
        return {}

    def keep(self, folder: Path, seed: int, test_pred: Predicted) -> None:
        """Nothing beside the predictions."""


def _confusion(labels: Int[np.ndarray, " n"], predicted: Predicted) -> np.ndarray:
    probabilities = np.asarray(predicted.probabilities)
    return metrics.confusion(labels, probabilities.argmax(1), probabilities.shape[1])
