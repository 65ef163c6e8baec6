"""MER-CLIP's task: align clips with their sentences, name the emotion.

`loss` and `predict` run inside the compiled step; `Task` knows the labels of a run's clips.
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

from merclip_jax import explain, losses, metrics, text
from merclip_jax.batch import Predicted, Prepared
from merclip_jax.cross_validation import Fold
from merclip_jax.models.merclip import MerClip


def loss(
    model: MerClip,
    batch: Prepared,
    epoch: Int[Array, ""],
    key: Key[Array, ""],
    config: ConfigDict,
    axis_name: str | None = None,
) -> tuple[Float[Array, ""], dict[str, Array]]:
    """The value to be minimised, and scalars to log; `key` is that of dropout."""
    out = model(batch.frames, train=True, rngs=nnx.Rngs(key), axis_name=axis_name)
    texts = model.encode_text(batch.texts) if config.text.trainable else batch.texts
    return objective(
        out.clip_embedding,
        texts,
        out.logits,
        model.logit_scale[...],
        batch,
        epoch,
        config.recipe,
        axis_name,
    )


def predict(
    model: MerClip, frames: Float[Array, "b t h w 3"], texts: Array, config: ConfigDict
) -> Predicted:
    """Probabilities of the classes, and the cosine of clip and sentence for every sentence."""
    out = model(frames)
    if config.text.trainable:
        s, p, length = texts.shape
        texts = model.encode_text(texts.reshape(s * p, length)).reshape(s, p, -1)
    # A sentence stands where the mean of its templates does, as in CLIP's ensembles of prompts.
    sentences = losses.unit(texts).mean(axis=1)
    return Predicted(jax.nn.softmax(out.logits), losses.cosine(out.clip_embedding, sentences))


def objective(
    videos: Float[Array, "b e"],
    texts: Float[Array, "b e"],
    logits: Float[Array, "b c"],
    logit_scale: Float[Array, ""],
    batch: Prepared,
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
    if trainable:
        return jnp.asarray(token_ids)
    encode = nnx.jit(lambda m, ids: m.encode_text(ids))
    return jnp.stack([encode(model, ids) for ids in jnp.asarray(token_ids)])


@dataclass(frozen=True)
class Task:
    """The labels of a run's clips.

    Attributes:
      labels: class of each clip.
      sentences: those of all clips, and which each clip has.
    """

    classes: tuple[str, ...]
    labels: Int[np.ndarray, " n"]
    sentences: text.SentenceTable

    @classmethod
    def create(
        cls,
        table: pd.DataFrame,
        classes: tuple[str, ...],
        tokenizer: Tokenizer,
        context: int,
        config: ConfigDict,
    ) -> "Task":
        """The task of a protocol's clips."""
        names = list(table["aus"] if config.text.content == "action_units" else table["class"])
        sentences = text.sentence_table(
            names, tokenizer, context, config.text.style, config.text.content
        )
        return cls(classes, table["label"].to_numpy(np.int32), sentences)

    @property
    def sentence_rows(self) -> Int[np.ndarray, " n"]:
        """Row of the sentence table for each clip, negative for none."""
        return self.sentences.of_clip

    def texts(self, model: Any, config: ConfigDict) -> Array:
        """What a step looks sentences up in."""
        return shared_texts(model, self.sentences.token_ids, config.text.trainable)

    def groups(self, fold: Fold) -> Int[np.ndarray, " n"]:
        """What balanced batches take in turn: the classes."""
        return self.labels

    def begin(self, fold: Fold, params: nnx.State, rest: nnx.State) -> tuple[nnx.State, nnx.State]:
        """Nothing of the model depends on a fold before training."""
        return params, rest

    def aside(self, fold: Fold) -> Int[np.ndarray, " m"]:
        """Clips of the training side that must be predicted too: those of inner subjects."""
        return fold.inner

    def about(self) -> dict[str, list[str]]:
        """What merclip.json says of the task."""
        return {"classes": list(self.classes)}

    def learnt(self, fold: Fold, aside: Predicted | None) -> dict[str, Any]:
        """What merclip.json says of a fold: its sentences, and the temperature if one was fitted.

        The temperature is fitted on inner subjects, whom training leaves out; the epoch was chosen
        on them, too, so it may be a little too sure.
        """
        rows = self.sentences.of_clip[fold.train]
        known = {"sentences": [self.sentences.sentences[i] for i in np.unique(rows[rows >= 0])]}
        if aside is None:
            return known
        fitted = metrics.temperature(np.asarray(aside.probabilities), self.labels[self.aside(fold)])
        return known | {"calibration": {"fitted_on": "inner subjects", "temperature": fitted}}

    def summed(self, tested: Int[np.ndarray, " n"], said: Predicted) -> Predicted:
        """Nothing to add up."""
        return said

    def score(self, tested: Int[np.ndarray, " n"], held: Predicted) -> float:
        """UF1 over the classes shown or predicted, by which an epoch is chosen."""
        return float(metrics.present_uf1(self._confusion(tested, held)))

    def scores(self, tested: Int[np.ndarray, " n"], held: Predicted) -> dict[str, float]:
        """For the model card."""
        counts = self._confusion(tested, held)
        return {"uf1": float(metrics.uf1(counts)), "uar": float(metrics.uar(counts))}

    def columns(self, fold: Fold, held: Predicted, aside: Predicted | None) -> dict[str, Any]:
        """What predictions.csv says of a fold's held-out clips."""
        columns: dict[str, Any] = {"prediction": held.probabilities.argmax(1)}
        for name, column in zip(self.classes, held.probabilities.T, strict=True):
            columns[f"p_{name}"] = column
        known = self.sentences.of_clip[fold.train]
        return columns | explain.columns(np.asarray(held.scores), self.sentences.sentences, known)

    def _confusion(self, tested: Int[np.ndarray, " n"], held: Predicted) -> np.ndarray:
        guesses = np.asarray(held.probabilities).argmax(1)
        return metrics.confusion(self.labels[tested], guesses, len(self.classes))
