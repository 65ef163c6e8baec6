"""MER-CLIP's task: align clips with their sentences, name the emotion.

`Task.loss` and `Task.predict` run inside the compiled step; the rest runs on the host.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, Key
from ml_collections import ConfigDict
from tokenizers import Tokenizer

from merclip_jax.facs import notation, wording
from merclip_jax.merclip import losses, nearest
from merclip_jax.merclip.model import MerClip
from merclip_jax.merclip.sentences import SentenceTable, mean_of_templates, sentence_table
from merclip_jax.protocols.folds import Fold
from merclip_jax.scoring import calibration
from merclip_jax.towers.inputs import ModelInput
from merclip_jax.training.batch import AugmentedBatch, Predicted
from merclip_jax.training.classes import ClassesTask


def objective(
    videos: Float[Array, "b e"],
    texts: Float[Array, "b e"],
    logits: Float[Array, "b c"],
    logit_scale: Float[Array, ""],
    batch: AugmentedBatch,
    epoch: Int[Array, ""],
    recipe: ConfigDict,
    axis_name: str | None = None,
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """MER-CLIP's loss: w_a (v2t + t2v) / 2 + w_e focal, whose weights move from a to e by epoch.

    Over several devices the negatives are those of the whole batch, and the value is such that the
    mean of its gradients over the devices is the gradient of the whole batch's loss.
    """

    def everyone(x: Array) -> Array:
        return x if axis_name is None else jax.lax.all_gather(x, axis_name, tiled=True)

    first = 0 if axis_name is None else jax.lax.axis_index(axis_name) * len(batch.labels)
    sentences = everyone(batch.sentences)
    targets = losses.alignment_targets(
        batch.sentences, sentences, first, recipe.alignment_positives
    )
    scale, keys = jnp.exp(logit_scale), sentences >= 0
    both = losses.alignment_loss(videos, everyone(texts), targets, scale, keys)
    both += losses.alignment_loss(texts, everyone(videos), targets, scale, keys)
    alignment = losses.DIRECTION_WEIGHT * _mean(both, batch.sentences >= 0, axis_name)
    emotion = losses.focal_loss(logits, batch.labels, recipe.focal_gamma).mean()
    weight_alignment, weight_emotion = losses.progressive_weights(
        epoch,
        recipe.epochs,
        recipe.alignment_start,
        recipe.alignment_end,
        recipe.alignment_total,
    )
    value = weight_alignment * alignment + weight_emotion * emotion
    accuracy = (logits.argmax(-1) == batch.labels).mean()
    return value, {
        "loss": value,
        "loss_alignment": alignment,
        "loss_emotion": emotion,
        "accuracy": accuracy,
    }


def _mean(x: Float[Array, " b"], chosen: Bool[Array, " b"], axis_name: str | None) -> Array:
    """Mean over the chosen of all devices, such that the mean over the devices is that mean."""
    count, devices = chosen.sum(), 1
    if axis_name is not None:
        count, devices = jax.lax.psum((count, devices), axis_name)
    return devices * jnp.where(chosen, x, 0.0).sum() / jnp.maximum(count, 1)


def shared_texts(model: MerClip, token_ids: Int[np.ndarray, "s p l"], trainable: bool) -> Array:
    """What a step looks texts up in: embeddings [s, p, e], computed once; token ids if trained."""
    if not len(token_ids):  # a lookup needs a row, also where no clip has a sentence
        token_ids = np.zeros((1, *token_ids.shape[1:]), token_ids.dtype)
    # Padding stands last, and the tower looks back alone: without it all is the same, and sooner.
    token_ids = token_ids[..., : max(1, int(np.count_nonzero(token_ids, -1).max()))]
    if trainable:
        return jnp.asarray(token_ids)
    encode = nnx.jit(lambda m, ids: m.encode_text(ids))
    return jnp.stack([encode(model, ids) for ids in jnp.asarray(token_ids)])


@dataclass(frozen=True)
class Task(ClassesTask):
    """The labels and sentences of a run's clips: see `training.task.Task`.

    Attributes:
      sentences: those of all clips, and which each clip has.
      config: the run's.
    """

    sentences: SentenceTable
    config: ConfigDict

    @classmethod
    def create(
        cls,
        config: ConfigDict,
        table: pd.DataFrame,
        classes: tuple[str, ...],
        model: MerClip,
        tokenizer: Tokenizer,
    ) -> "Task":
        """The task of a protocol's clips."""
        style = config.text.style
        if config.text.content == "action_units":
            texts = [wording.sentence(units, style) for units in table["action_units"]]
        else:
            texts = list(table["class"])
        mirrored = texts
        if config.augment.flip and config.text.content == "action_units":
            turned = map(notation.mirrored, table["action_units"])
            mirrored = [wording.sentence(units, style) for units in turned]
        sentences = sentence_table(texts, mirrored, tokenizer, model.cfg.text.context, style)
        return cls(classes, table["label"].to_numpy(np.int32), sentences, config)

    @property
    def sentence_rows(self) -> Int[np.ndarray, " n"]:
        """Row of the sentence table for each clip, negative for none."""
        return self.sentences.of_clip

    @property
    def mirrored_rows(self) -> Int[np.ndarray, " n"]:
        """The same for each clip's mirror image."""
        return self.sentences.of_mirrored

    def texts(self, model: MerClip) -> Array:
        """Embeddings of all sentences, computed once; token ids if the text tower is trained."""
        return shared_texts(model, self.sentences.token_ids, self.config.text.trainable)

    def loss(
        self,
        model: MerClip,
        batch: AugmentedBatch,
        epoch: Int[Array, ""],
        key: Key[Array, ""],
        axis_name: str | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """The value to be minimised, and scalars to log; `key` is that of dropout."""
        out = model(batch.frames, train=True, rngs=nnx.Rngs(key), axis_name=axis_name)
        texts = model.encode_text(batch.texts) if self.config.text.trainable else batch.texts
        return objective(
            out.clip_embedding,
            texts,
            out.logits,
            model.logit_scale[...],
            batch,
            epoch,
            self.config.recipe,
            axis_name,
        )

    def predict(self, model: MerClip, frames: ModelInput, texts: Array) -> Predicted:
        """Probabilities of the classes, and the cosine of clip and sentence for every sentence."""
        if self.config.text.trainable:
            s, p, length = texts.shape
            texts = model.encode_text(texts.reshape(s * p, length)).reshape(s, p, -1)
        logits, alike = model.window_scores(frames, mean_of_templates(texts))
        return Predicted(jax.nn.softmax(logits), alike)

    def fold_metadata(self, fold: Fold, val_pred: Predicted | None) -> dict[str, Any]:
        """The sentences of the training clips, and the temperature if one was fitted.

        The temperature is fitted on inner subjects, whom training leaves out; the epoch was chosen
        on them, too, so it may be a little too sure.
        """
        rows = self.sentences.of_clip[fold.train]
        texts = {"sentences": [self.sentences.sentences[i] for i in np.unique(rows[rows >= 0])]}
        if val_pred is None:
            return texts
        truth = self.labels[self.val_indices(fold)]
        temperature = calibration.temperature(np.asarray(val_pred.probabilities), truth)
        return texts | {"calibration": {"fitted_on": "inner subjects", "temperature": temperature}}

    def columns(
        self, fold: Fold, test_pred: Predicted, val_pred: Predicted | None
    ) -> dict[str, Any]:
        """The class, the probability of each, and the nearest sentences of training clips."""
        of_training = self.sentences.of_clip[fold.train]
        return super().columns(fold, test_pred, val_pred) | nearest.columns(
            np.asarray(test_pred.scores), self.sentences.sentences, of_training
        )
