"""The baselines' task: name the emotion, nothing else. See `training.task.Task`.

`Task.loss` and `Task.predict` run inside the compiled step; the rest runs on the host.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from flax import nnx
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from merclip_jax.baselines.networks import Network
from merclip_jax.protocols.folds import Fold
from merclip_jax.towers.inputs import Both
from merclip_jax.training import classes
from merclip_jax.training.batch import AugmentedBatch, Predicted


@dataclass(frozen=True)
class Task:
    """The classes of a run's clips.

    Attributes:
      classes: emotions of the protocol.
      labels: class of each clip.
    """

    classes: tuple[str, ...]
    labels: Int[np.ndarray, " n"]

    @classmethod
    def create(
        cls,
        config: ConfigDict,
        table: pd.DataFrame,
        classes: tuple[str, ...],
        model: nnx.Module,
        tokenizer: None,
    ) -> "Task":
        """The task of a protocol's clips."""
        return cls(classes, table["label"].to_numpy(np.int32))

    @property
    def sentence_rows(self) -> Int[np.ndarray, " n"]:
        """No clip has a sentence."""
        return np.full(len(self.labels), -1, np.int32)

    mirrored_rows = sentence_rows

    def texts(self, model: nnx.Module) -> Array:
        """Nothing to look up."""
        return jnp.zeros((1, 1, 1))

    def loss(
        self,
        model: Network,
        batch: AugmentedBatch,
        epoch: Int[Array, ""],
        key: Key[Array, ""],
        axis_name: str | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """Cross-entropy of the classes, from the only frame that is seen."""
        rngs = nnx.Rngs(key)
        assert not isinstance(batch.frames, Both)  # `start.check` has seen to it
        logits = model(batch.frames[:, 0], train=True, rngs=rngs, axis_name=axis_name)
        value = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels).mean()
        return value, {"loss": value, "accuracy": (logits.argmax(-1) == batch.labels).mean()}

    def predict(self, model: Network, frames: Float[Array, "b 1 s s 3"], texts: Array) -> Predicted:
        """Probabilities of the classes."""
        return Predicted(jax.nn.softmax(model(frames[:, 0])), jnp.zeros((len(frames), 0)))

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
        """UF1 over the classes shown or predicted."""
        return classes.epoch_score(self.labels[indices], predicted)

    def card_scores(self, indices: Int[np.ndarray, " n"], predicted: Predicted) -> dict[str, float]:
        """UF1 and UAR."""
        return classes.card_scores(self.labels[indices], predicted)

    def columns(
        self, fold: Fold, test_pred: Predicted, val_pred: Predicted | None
    ) -> dict[str, Any]:
        """The class, and the probability of each."""
        return classes.columns(self.classes, test_pred)

    def model_info(self) -> dict[str, list[str]]:
        """The classes."""
        return {"classes": list(self.classes)}

    def fold_metadata(self, fold: Fold, val_pred: Predicted | None) -> dict[str, Any]:
        """Nothing is fitted after training."""
        return {}

    def keep(self, folder: Path, seed: int, test_pred: Predicted) -> None:
        """Nothing beside the predictions."""
