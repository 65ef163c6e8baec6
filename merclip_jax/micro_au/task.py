"""Micro-AU CLIP's task: find the action units (AUs), read the emotion off them without its labels.

`Task.loss` and `Task.predict` run inside the compiled step; the rest runs on the host.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from flax import nnx
from jaxtyping import Array, Float, Int, Key
from ml_collections import ConfigDict

from merclip_jax.facs import emotion_rules
from merclip_jax.facs import labels as au_labels
from merclip_jax.micro_au import emotion_text, losses, start
from merclip_jax.micro_au.model import MicroAu
from merclip_jax.protocols.folds import Fold
from merclip_jax.scoring import attention, au_metrics, calibration
from merclip_jax.scoring.attention import Attention
from merclip_jax.towers.inputs import ModelInput
from merclip_jax.training.batch import AugmentedBatch, Predicted


@dataclass(frozen=True)
class Task:
    """The action units of a run's clips; their emotions are no part of it: see `training.task`.

    Attributes:
      classes: emotions of the protocol; may be none.
      units: names of the action units.
      labels: 1, 0 or -1 of each clip and unit.
      rules: prototypes of each class.
      config: the run's.
      emotion_texts: sentences by which the emotion is read off the units; None: by the rules.
    """

    classes: tuple[str, ...]
    units: tuple[str, ...]
    labels: au_labels.Labels
    rules: emotion_rules.Rules
    config: ConfigDict
    emotion_texts: emotion_text.Texts | None = None

    @classmethod
    def create(
        cls,
        config: ConfigDict,
        table: pd.DataFrame,
        classes: tuple[str, ...],
        model: Any,
        tokenizer: Any,
    ) -> "Task":
        """The task of a protocol's clips; model and tokenizer are for emotions read off texts."""
        by_text = classes and config.au.emotion == "text"
        texts = start.emotion_texts(config, classes, model, tokenizer) if by_text else None
        units = au_labels.units(config.au.units, config.au.sides)
        labels = au_labels.matrix(table["action_units"], units)
        rules = () if texts else emotion_rules.read(classes, units, config.au.rules)
        return cls(classes, units, labels, rules, config, texts)

    @property
    def sentence_rows(self) -> Int[np.ndarray, " n"]:
        """No clip has a sentence of its own: the units have."""
        return np.full(len(self.labels), -1, np.int32)

    mirrored_rows = sentence_rows

    def texts(self, model: Any) -> Array:
        """Nothing to look up in a step: the units' texts are the model's own."""
        return jnp.zeros((1, 1, 1))

    def loss(
        self,
        model: MicroAu,
        batch: AugmentedBatch,
        epoch: Int[Array, ""],
        key: Key[Array, ""],
        axis_name: str | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """MiAUCL and GDLoss, weighted by `config.au`.

        Over several devices each has the features of all: every term compares clips of the whole
        batch, and the mean of the devices' gradients is that of the whole batch's loss.
        """
        out = model(batch.frames, train=True, rngs=nnx.Rngs(key), axis_name=axis_name)
        features, labels = out.features, batch.labels
        if axis_name is not None:
            features, labels = jax.lax.all_gather((features, labels), axis_name, tiled=True)
        settings, texts, scale = self.config.au, model.texts[...], model.logit_scale[...]
        logits = model.unit_logits(features)
        text = losses.text_loss(logits, labels, model.positive_weight[...])
        value, scalars = text, {"loss_text": text}
        if settings.visual_weight:
            scalars["loss_visual"] = losses.visual_loss(features, labels, settings.visual_form)
            value += settings.visual_weight * scalars["loss_visual"]
        if settings.naming_weight and settings.text:
            by_direction = settings.naming_form == "direction"
            names = losses.directions(texts) if by_direction else texts[:, 0]
            scalars["loss_naming"] = losses.naming_loss(features, names, labels, scale)
            value += settings.naming_weight * scalars["loss_naming"]
        if settings.dependency_weight:
            scalars["loss_dependency"] = _dependency(settings, model, features, labels)
            value += settings.dependency_weight * scalars["loss_dependency"]
        right = (logits > 0) == (labels == 1)
        annotated = labels >= 0
        accuracy = jnp.where(annotated, right, 0).sum() / jnp.maximum(annotated.sum(), 1)
        return value, {"loss": value, **scalars, "accuracy": accuracy}

    def predict(self, model: MicroAu, frames: ModelInput, texts: Array) -> Predicted:
        """Probability and logit of every unit, and what it attends to in each clip."""
        out = model(frames)
        logits = model.unit_logits(out.features)
        paid = Attention(out.region_weights.sum(2), out.unit_weights, jnp.ones_like(logits))
        return Predicted(jax.nn.sigmoid(logits), logits, paid)

    def strata(self, fold: Fold) -> Int[np.ndarray, " n"]:
        """Clips by their rarest unit."""
        return au_labels.rarest(self.labels, fold.train)

    def init_fold(
        self, fold: Fold, params: nnx.State, model_state: nnx.State
    ) -> tuple[nnx.State, nnx.State]:
        """The model's state with the figures of this fold's training side.

        GDA's bias starts at the correlation: units that move together attend to each other first;
        one that came with the weights stays.
        """
        statistics = au_labels.statistics(self.labels[fold.train])
        correlation = jnp.asarray(statistics.correlation, jnp.float32)
        weight = jnp.asarray(statistics.positive_weight, jnp.float32)
        params, model_state = jax.tree.map(lambda x: x, (params, model_state))  # copies of the tree
        if "gda" in params:
            gda: Any = params["gda"]
            if not gda["bias"][...].any():
                _set(gda, "bias", correlation)
        _set(model_state, "correlation", correlation)
        _set(model_state, "positive_weight", weight)
        return params, model_state

    def val_indices(self, fold: Fold) -> Int[np.ndarray, " m"]:
        """Clips on which rates and thresholds are measured: inner ones, else the training side."""
        return fold.inner if len(fold.inner) else fold.train

    def model_info(self) -> dict[str, list[str]]:
        """Classes and units."""
        return {"classes": list(self.classes), "units": list(self.units)}

    def fold_metadata(self, fold: Fold, val_pred: Predicted | None) -> dict[str, Any]:
        """Errors of each unit, and its calibration if fitted.

        The rates are how often a unit is predicted when it is still, and when it moved.
        """
        fitted, rates = self._fitted(fold, val_pred)
        metadata = {"rates": rates.tolist()}
        if self.config.au.threshold != "inner":
            return metadata
        fit = {
            "fitted_on": "inner subjects",
            "threshold": fitted.threshold.tolist(),
            "temperature": fitted.temperature,
        }
        return metadata | {"calibration": fit}

    def aggregate(self, indices: Int[np.ndarray, " n"], predicted: Predicted) -> Predicted:
        """With the attention of single clips summed over those that are known to show a unit."""
        present = self.labels[indices] == 1
        return predicted._replace(sums=attention.over(predicted.sums, present))

    def score(self, indices: Int[np.ndarray, " n"], predicted: Predicted) -> float:
        """Mean binary F1 over the units shown."""
        return au_metrics.mean_f1(self.labels[indices], np.asarray(predicted.scores) > 0)

    def card_scores(self, indices: Int[np.ndarray, " n"], predicted: Predicted) -> dict[str, float]:
        """The same."""
        return {"au_f1": self.score(indices, predicted)}

    def columns(
        self, fold: Fold, test_pred: Predicted, val_pred: Predicted | None
    ) -> dict[str, Any]:
        """The class and its probabilities, where there are any; state and probability of each unit.

        Thresholds and calibration come from inner subjects where there are any; the rates of
        misses and false alarms, which the rules need, from the same clips of the training side.
        """
        fitted, rates = self._fitted(fold, val_pred)
        probabilities = fitted.probabilities(np.asarray(test_pred.scores))
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

    def keep(self, folder: Path, seed: int, test_pred: Predicted) -> None:
        """The attention paid to the held-out clips."""
        attention.write(attention.file(folder, seed), test_pred.sums, self.units)

    def _fitted(
        self, fold: Fold, val_pred: Predicted | None
    ) -> tuple[calibration.Fitted, Float[np.ndarray, "2 k"]]:
        """Calibration of a fold, and its rates of false alarms and hits."""
        assert val_pred is not None  # this task always asks for some
        labels, logits = self.labels[self.val_indices(fold)], np.asarray(val_pred.scores)
        fitted = calibration.fit(logits, labels, chosen=self.config.au.threshold == "inner")
        return fitted, fitted.rates(logits, labels)

    def _emotions(
        self, probabilities: Float[np.ndarray, "n k"], rates: Float[np.ndarray, "2 k"]
    ) -> Float[np.ndarray, "n c"]:
        """Probability of each class, from those of the units."""
        if self.emotion_texts:
            return self.emotion_texts.infer(probabilities)
        return emotion_rules.infer(self.rules, probabilities, rates)


def _dependency(
    settings: ConfigDict, model: MicroAu, features: Float[Array, "b k e"], labels: Int[Array, "b k"]
) -> Float[Array, ""]:
    """GDLoss in the form that `au.dependency_form` names."""
    if settings.dependency_form == "centred":
        return losses.dependency_loss_centred(features, model.texts[...], labels)
    if settings.dependency_form == "correlation":
        return losses.dependency_loss(features, model.correlation[...])
    return losses.dependency_loss_by_instance(features, labels)


def _set(state: Any, name: str, value: Array) -> None:
    state[name] = state[name].replace(value)
