"""One training step of one fold, as pure functions; `parallel` runs it on many folds and devices.

A batch comes as indices of clips. Gathering its frames, augmentation, the model, the losses and the
optimiser's update are one function of (state, batch, shared), which is jitted once for all folds.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, Key, UInt8
from ml_collections import ConfigDict

from merclip_jax import augment, losses, optim
from merclip_jax.models.merclip import MerClip


class State(NamedTuple):
    """What a fold's training changes, and the key that its randomness comes from."""

    params: Any  # trained parameters
    rest: Any  # BatchNorm's running statistics
    opt_state: Any
    step: Int[Array, ""]
    key: Any  # Key[Array, ""]; () in a checkpoint, as the seed and the fold give it again


class Batch(NamedTuple):
    """Clips of one step: `rows` point into the packed frames."""

    rows: Int[Array, "b t"] | Int[np.ndarray, "b t"]
    labels: Int[Array, " b"]
    sentences: Int[Array, " b"]  # row of the sentence table; negative: the clip has none


class Prepared(NamedTuple):
    """A batch with its frames gathered and augmented, and its texts looked up."""

    frames: Float[Array, "b t h w 3"]
    labels: Int[Array, " b"]
    sentences: Int[Array, " b"]
    texts: Array  # [b, e] embeddings, or [b, l] token ids where the text tower is trained


class Shared(NamedTuple):
    """What all folds read and none changes."""

    frames: UInt8[Array, "n h w 3"] | UInt8[np.ndarray, "n h w 3"]
    texts: Array  # [s, p, e] embeddings, or [s, p, l] token ids where the text tower is trained
    frozen: Any  # parameters that are not trained


class Predicted(NamedTuple):
    """Probabilities of the classes, and the cosine of clip and sentence for every sentence."""

    probabilities: Float[Array, "b c"]
    similarity: Float[Array, "b s"]


@dataclass(frozen=True)
class Learner:
    """The fixed side of training: the model's structure, the optimiser and the recipe."""

    graphdef: Any
    optimizer: optax.GradientTransformation
    schedule: optax.Schedule
    config: ConfigDict
    steps_per_epoch: int

    @classmethod
    def create(
        cls, model: MerClip, config: ConfigDict, steps_per_epoch: int
    ) -> tuple["Learner", Any, Any, Any]:
        """Split a model into (learner, trained parameters, rest, frozen parameters)."""

        def is_trained(path, leaf) -> bool:
            return isinstance(leaf, nnx.Param) and optim.trainable(
                path, config.text.trainable, image_tower=not config.model.freeze_image
            )

        graphdef, *states = nnx.split(model, is_trained, nnx.Param, ...)
        params, frozen, rest = states
        recipe = config.recipe
        rate, updates = recipe.learning_rate, steps_per_epoch // recipe.accumulate
        if recipe.lr_reference_batch:
            batch = recipe.batch_size * recipe.accumulate
            rate = optim.scaled_lr(rate, batch, recipe.lr_reference_batch)
        schedule = optim.schedule(rate, updates, recipe.epochs, recipe.warmup_epochs)
        optimizer = optim.adamw(
            schedule,
            optim.decay_mask(params, recipe.decay_form),
            weight_decay=recipe.weight_decay,
            clip_norm=recipe.clip_norm,
        )
        if recipe.accumulate > 1:
            optimizer = optax.MultiSteps(optimizer, recipe.accumulate).gradient_transformation()
        return cls(graphdef, optimizer, schedule, config, steps_per_epoch), params, rest, frozen

    def rate(self, step: int) -> float:
        """The learning rate in training step `step`."""
        return float(self.schedule(step // self.config.recipe.accumulate))

    def start(self, params: Any, rest: Any, key: Key[Array, ""]) -> State:
        """The state before the first step."""
        return State(params, rest, self.optimizer.init(params), jnp.int32(0), key)

    def train(self, state: State, batch: Batch, shared: Shared) -> tuple[State, dict[str, Array]]:
        """One step: (state, batch) -> (state, scalars to log)."""
        return self.update(state, self.prepare(state, batch, shared), shared.frozen)

    def prepare(self, state: State, batch: Batch, shared: Shared) -> Prepared:
        """Gather and augment the frames; draw one template for every clip's sentence."""
        augment_key, template_key, _ = self._keys(state)
        settings = self.config.augment
        frames = augment.augment(
            augment_key,
            shared.frames[batch.rows],
            augmix=settings.augmix,
            mirror=settings.flip,
            color=settings.color,
            face_mix=settings.face_mix,
            face_mix_alpha=settings.face_mix_alpha,
        )
        template = jax.random.randint(template_key, batch.labels.shape, 0, shared.texts.shape[1])
        texts = shared.texts[jnp.maximum(batch.sentences, 0), template]
        return Prepared(frames, batch.labels, batch.sentences, texts)

    def update(
        self, state: State, batch: Prepared, frozen: Any, axis_name: str | None = None
    ) -> tuple[State, dict[str, Array]]:
        """Forward, backward and the optimiser's update.

        With `axis_name`, `batch` is one device's share and the result is that of the whole batch.
        """
        _, _, dropout_key = self._keys(state)
        if axis_name is not None:
            dropout_key = jax.random.fold_in(dropout_key, jax.lax.axis_index(axis_name))
        epoch = state.step // self.steps_per_epoch

        def loss(params):
            model = nnx.merge(self.graphdef, params, frozen, state.rest, copy=True)
            out = model(batch.frames, train=True, rngs=nnx.Rngs(dropout_key), axis_name=axis_name)
            texts = model.encode_text(batch.texts) if self.config.text.trainable else batch.texts
            value, scalars = objective(
                out.clip_embedding,
                texts,
                out.logits,
                model.logit_scale[...],
                batch,
                epoch,
                self.config.recipe,
                axis_name,
            )
            return value, (scalars, nnx.state(model, nnx.Not(nnx.Param)))

        grads, (scalars, rest) = jax.grad(loss, has_aux=True)(state.params)
        if axis_name is not None:
            grads, scalars = jax.lax.pmean((grads, scalars), axis_name)
        updates, opt_state = self.optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        scalars["gradient_norm"] = optax.global_norm(grads)
        return State(params, rest, opt_state, state.step + 1, state.key), scalars

    def predict(self, state: State, rows: Int[Array, "b t"], shared: Shared) -> Predicted:
        """What the model says of clips, in evaluation mode and without augmentation."""
        model = nnx.merge(self.graphdef, state.params, shared.frozen, state.rest, copy=True)
        out = model(augment.normalize(shared.frames[rows]))
        texts = shared.texts
        if self.config.text.trainable:
            s, p, length = texts.shape
            texts = model.encode_text(texts.reshape(s * p, length)).reshape(s, p, -1)
        # A sentence stands where the mean of its templates does, as in CLIP's ensembles of prompts.
        sentences = losses.unit(texts).mean(axis=1)
        similarity = losses.cosine(out.clip_embedding, sentences)
        return Predicted(jax.nn.softmax(out.logits), similarity)

    def choose_rows(
        self,
        state: State,
        starts: Int[Array, " b"],
        lengths: Int[Array, " b"],
        train: bool,
    ) -> Int[Array, "b t"]:
        """Rows of the packed frames that a step sees of clips with these starts and lengths."""
        data = self.config.data
        key = jax.random.fold_in(self._keys(state)[0], 0)
        chosen = augment.sample_frames(key, lengths, data.frames, train, data.temporal)
        return starts[:, None] + (0 if data.motion == "none" else chosen)

    @staticmethod
    def _keys(state: State) -> Key[Array, " 3"]:
        return jax.random.split(jax.random.fold_in(state.key, state.step), 3)


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
