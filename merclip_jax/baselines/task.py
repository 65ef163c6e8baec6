"""The baselines' task: name the emotion, nothing else. See `training.task.Task`."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from flax import nnx
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from merclip_jax.baselines.networks import Network
from merclip_jax.towers.inputs import Both
from merclip_jax.training import classes
from merclip_jax.training.batch import AugmentedBatch, Predicted


@dataclass(frozen=True)
class Task(classes.ClassesTask):
    """The classes of a run's clips. `loss` and `predict` run inside the compiled step."""

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
