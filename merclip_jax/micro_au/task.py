"""Micro-AU CLIP's task: find the action units (AUs), read the emotion off them without its labels.

`loss` and `predict` run inside the compiled step; `Task` knows the labels of a run's clips.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from flax import nnx
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict
from tokenizers import Tokenizer

from merclip_jax.au import attention, emotion_rules, emotion_text
from merclip_jax.au import labels as au_labels
from merclip_jax.au import losses as au_losses
from merclip_jax.au import metrics as au_metrics
from merclip_jax.au.attention import Attention
from merclip_jax.batch import Predicted, Prepared
from merclip_jax.cross_validation import Fold
from merclip_jax.models import start
from merclip_jax.models.micro_au import MicroAu


def loss(
    model: MicroAu,
    batch: Prepared,
    epoch: Int[Array, ""],
    key: Key[Array, ""],
    config: ConfigDict,
    axis_name: str | None = None,
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """MiAUCL and GDLoss, weighted by `config.au`; over devices each sees its own share of clips."""
    del epoch
    out = model(batch.frames, train=True, rngs=nnx.Rngs(key), axis_name=axis_name)
    settings, texts, scale = config.au, model.texts[...], model.logit_scale[...]
    logits = model.unit_logits(out.features)
    terms = {"text": au_losses.text_loss(logits, batch.labels, model.positive_weight[...])}
    if settings.visual_weight:
        terms["visual"] = au_losses.visual_loss(out.features, batch.labels)
    if settings.naming_weight and settings.text:
        terms["naming"] = au_losses.naming_loss(out.features, texts, batch.labels, scale)
    if settings.dependency_weight:
        terms["dependency"] = (
            au_losses.dependency_loss(out.features, model.correlation[...])
            if settings.dependency_form == "correlation"
            else au_losses.dependency_loss_by_instance(out.features, batch.labels)
        )
    value = sum(term * settings.get(f"{name}_weight", 1.0) for name, term in terms.items())
    right = (logits > 0) == (batch.labels == 1)
    known = batch.labels >= 0
    accuracy = jnp.where(known, right, 0).sum() / jnp.maximum(known.sum(), 1)
    scalars = {"loss": value, **{f"loss_{name}": term for name, term in terms.items()}}
    return value, scalars | {"accuracy": accuracy}


def predict(
    model: MicroAu, frames: Float[Array, "b t h w 3"], texts: Array, config: ConfigDict
) -> Predicted:
    """Probability and logit of every unit, and where it looked in each clip."""
    out = model(frames)
    logits = model.unit_logits(out.features)
    looked = Attention(out.region_weights.sum(2), out.unit_weights, jnp.ones_like(logits))
    return Predicted(jax.nn.sigmoid(logits), logits, looked)


@dataclass(frozen=True)
class Task:
    """The labels of a run's clips; their emotions are no part of it.

    Attributes:
      units: names of the action units.
      labels: 1, 0 or -1 of each clip and unit.
      rules: prototypes of each class.
      texts_of_emotions: sentences by which the emotion is read off the units; None: by the rules.
    """

    classes: tuple[str, ...]
    units: tuple[str, ...]
    labels: au_labels.Labels
    rules: emotion_rules.Rules
    threshold: str
    texts_of_emotions: emotion_text.Texts | None = None

    @classmethod
    def create(
        cls,
        table: pd.DataFrame,
        classes: tuple[str, ...],
        model: MicroAu,
        tokenizer: Tokenizer,
        config: ConfigDict,
    ) -> "Task":
        """The task of a protocol's clips."""
        by_text = classes and config.au.emotion == "text"
        texts = start.emotion_texts(config, classes, model, tokenizer) if by_text else None
        units = au_labels.units(config.au.units, config.au.sides)
        return cls(
            classes,
            units,
            au_labels.matrix(list(table["aus"]), units),
            () if texts else emotion_rules.read(classes, units, config.au.rules),
            config.au.threshold,
            texts,
        )

    @property
    def sentence_rows(self) -> Int[np.ndarray, " n"]:
        """No clip has a sentence of its own: the units have."""
        return np.full(len(self.labels), -1, np.int32)

    def texts(self, model: Any, config: ConfigDict) -> Array:
        """Nothing to look up in a step: the units' texts are the model's own."""
        return jnp.zeros((1, 1, 1))

    def groups(self, fold: Fold) -> Int[np.ndarray, " n"]:
        """What balanced batches take in turn: clips by their rarest unit."""
        return au_labels.rarest(self.labels, fold.train)

    def begin(self, fold: Fold, params: nnx.State, rest: nnx.State) -> tuple[nnx.State, nnx.State]:
        """The model's state with the figures of this fold's training side.

        GDA's bias starts at the correlation: who moves together hears of each other first.
        """
        found = au_labels.statistics(self.labels[fold.train])
        correlation = jnp.asarray(found.correlation, jnp.float32)
        weight = jnp.asarray(found.positive_weight, jnp.float32)
        params, rest = jax.tree.map(lambda x: x, (params, rest))  # other folds start from these
        if "gda" in params:
            _set(params["gda"], "bias", correlation)
        _set(rest, "correlation", correlation)
        _set(rest, "positive_weight", weight)
        return params, rest

    def aside(self, fold: Fold) -> Int[np.ndarray, " m"]:
        """Clips of the training side on which rates and thresholds are measured."""
        return fold.inner if len(fold.inner) else fold.train

    def about(self) -> dict[str, list[str]]:
        """What merclip.json says of the task."""
        return {"classes": list(self.classes), "units": list(self.units)}

    def learnt(self, fold: Fold, aside: Predicted | None) -> dict[str, Any]:
        """What merclip.json says of a fold: errors of each unit, and its calibration if fitted.

        The rates are how often a unit is said when it is still, and when it moved.
        """
        fitted, rates = self._fitted(fold, aside)
        said = {"rates": rates.tolist()}
        if self.threshold != "inner":
            return said
        calibration = {
            "fitted_on": "inner subjects",
            "threshold": fitted.threshold.tolist(),
            "temperature": fitted.temperature,
        }
        return said | {"calibration": calibration}

    def summed(self, tested: Int[np.ndarray, " n"], said: Predicted) -> Predicted:
        """With the attention of single clips summed over those that are known to show a unit."""
        assert said.attention is not None  # `predict` gives it
        shown = self.labels[tested] == 1
        return said._replace(attention=attention.over(said.attention, shown))

    def score(self, tested: Int[np.ndarray, " n"], held: Predicted) -> float:
        """Mean binary F1 over the units shown, by which an epoch is chosen."""
        return au_metrics.mean_f1(self.labels[tested], np.asarray(held.scores) > 0)

    def scores(self, tested: Int[np.ndarray, " n"], held: Predicted) -> dict[str, float]:
        """For the model card."""
        return {"au_f1": self.score(tested, held)}

    def columns(self, fold: Fold, held: Predicted, aside: Predicted | None) -> dict[str, Any]:
        """What predictions.csv says of a fold's held-out clips.

        Thresholds and calibration come from inner subjects where there are any; the rates of
        misses and false alarms, which the rules need, from the same clips of the training side.
        """
        fitted, rates = self._fitted(fold, aside)
        probabilities = fitted.probabilities(np.asarray(held.scores))
        columns: dict[str, Any] = {}
        if self.classes:
            classes = self._emotions(probabilities, rates)
            columns["prediction"] = classes.argmax(1)
            columns |= {
                f"p_{name}": column for name, column in zip(self.classes, classes.T, strict=True)
            }
        for i, unit in enumerate(self.units):
            columns[f"au_{unit}"] = self.labels[fold.test, i]
            columns[f"au_p_{unit}"] = probabilities[:, i]
            columns[f"au_says_{unit}"] = (probabilities[:, i] > 0.5).astype(int)
        return columns

    def _fitted(
        self, fold: Fold, aside: Predicted | None
    ) -> tuple[emotion_rules.Fitted, Float[np.ndarray, "2 k"]]:
        """Calibration of a fold, and its rates of false alarms and hits."""
        assert aside is not None  # this task always asks for some
        known, logits = self.labels[self.aside(fold)], np.asarray(aside.scores)
        fitted = emotion_rules.fit(logits, known, chosen=self.threshold == "inner")
        return fitted, fitted.rates(logits, known)

    def _emotions(
        self, probabilities: Float[np.ndarray, "n k"], rates: Float[np.ndarray, "2 k"]
    ) -> Float[np.ndarray, "n c"]:
        """Probability of each class, from those of the units."""
        if self.texts_of_emotions:
            return self.texts_of_emotions.infer(probabilities)
        return emotion_rules.infer(self.rules, probabilities, rates)


def _set(state: Any, name: str, value: Array) -> None:
    state[name] = state[name].replace(value)
