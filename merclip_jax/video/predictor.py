"""A saved model as a reader of windows: loaded, and compiled once for one size of batch."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float
from scipy import special

from merclip_jax import progress, systems
from merclip_jax.data import inputs
from merclip_jax.data.inputs import Stored
from merclip_jax.facs import emotion_rules
from merclip_jax.merclip import sentences
from merclip_jax.scoring import calibration
from merclip_jax.towers import files
from merclip_jax.video import model_info


class Reading(NamedTuple):
    """What a model says of some windows.

    Attributes:
      probabilities: of the classes.
      units: probability of each action unit; no columns where the model names emotions alone.
      similarity: cosine with each sentence; no columns where there are units.
    """

    probabilities: Float[np.ndarray, "b c"]
    units: Float[np.ndarray, "b u"]
    similarity: Float[np.ndarray, "b s"]


class Predictor:
    """A model ready to read windows in batches of one fixed size; `about` says what it is."""

    def __init__(self, directory: str | os.PathLike, batch_size: int = 8, crop: str = "auto"):
        """Load a folder that `save_pretrained` wrote.

        Args:
          directory: the folder, or an id of the Hugging Face hub.
          batch_size: windows that are read at once.
          crop: one of `crops.WAYS` in place of what the model asks for, or 'auto'.

        Raises:
          ConfigError: no such model, or one that tells neither emotions nor action units.
          DataError: its weights are damaged.
        """
        directory = files.locate(directory)
        self.info = model_info.read(directory, crop)
        self.batch_size = batch_size
        self.model = systems.of_folder(directory).load(directory)
        info = self.info
        self._fitted = calibration.Fitted(info.threshold, info.temperature)
        has_rules = info.units and info.classes
        self._rules = emotion_rules.read(info.classes, info.units) if has_rules else ()
        self._graph, self._state = nnx.split(self.model)
        self._texts = self._embed(directory)
        self._compiled: jax.stages.Compiled | None = None

    def compile(self) -> None:
        """Compile the model for one batch, once; `read` does so by itself if nobody has."""
        if self._compiled is None:
            progress.say("compiling the model, once")
            lowered = jax.jit(_scores, static_argnums=0).lower(
                self._graph, self._state, self._blank(), self._texts
            )
            self._compiled = lowered.compile()

    def exported(self) -> jax.export.Exported:
        """The program with its weights inside, as StableHLO for CPU, GPU and TPU.

        It takes the arrays of one whole batch of windows as they would be packed, uint8, and gives
        logits and similarities, before calibration. `serialize` makes a file of it, which
        `jax.export.deserialize(content).call(*arrays)` runs without this package.
        """
        leaves, form = jax.tree.flatten(self._blank())

        def scores(*leaves: Array) -> tuple[Array, Array]:
            batch = jax.tree.unflatten(form, leaves)
            return _scores(self._graph, self._state, batch, self._texts)

        platforms = ("cpu", "cuda", "tpu")
        return jax.export.export(jax.jit(scores), platforms=platforms)(*leaves)

    def _blank(self) -> Stored:
        """A batch of nothing, for its shapes."""
        size = self.info.size
        blank = np.zeros((self.info.count, size, size, 3), np.uint8)
        return self._batch([inputs.of_frames(blank, self.info.input)])

    def read(self, windows: Sequence[Stored]) -> Reading:
        """Read windows as they would be packed; any number of them, padded to whole batches."""
        self.compile()
        assert self._compiled is not None
        batches = []
        for first in range(0, len(windows), self.batch_size):
            part = windows[first : first + self.batch_size]
            outputs = self._compiled(self._state, self._batch(part), self._texts)
            batches.append([np.asarray(values, np.float64)[: len(part)] for values in outputs])
        logits, similarity = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        nothing = np.zeros((len(windows), 0))
        if not self.info.units:
            classes = special.softmax(logits / self.info.temperature, axis=1)
            return Reading(classes, nothing, similarity)
        units = self._fitted.probabilities(logits)
        if not self._rules:
            return Reading(nothing, units, nothing)
        return Reading(emotion_rules.infer(self._rules, units, self.info.rates), units, nothing)

    def _batch(self, windows: Sequence[Stored]) -> Stored:
        """A whole batch; the last window fills it up."""
        full = [*windows, *[windows[-1]] * (self.batch_size - len(windows))]
        return jax.tree.map(lambda *parts: np.stack(parts), *full)

    def _embed(self, directory: Path) -> Float[Array, "n e"]:
        """The sentences in the model's space: the mean of their templates, as in training."""
        if not self.info.sentences:
            return jnp.zeros((0, self.model.cfg.vision.output_dim))
        tokenizer = files.tokenizer(directory)
        return sentences.embedded(self.model, tokenizer, self.info.sentences, self.info.style)


def _scores(
    graph: Any, state: Any, stored: Stored, texts: Float[Array, "n e"]
) -> tuple[Float[Array, "b k"], Float[Array, "b n"]]:
    """Logits of classes or of action units, and the cosine with every sentence."""
    return nnx.merge(graph, state).window_scores(inputs.seen(stored), texts)
