"""One training step of one fold, as pure functions; `parallel` runs it on many folds and devices.

A batch comes as indices of clips. Gathering its frames, augmentation, the model, the losses and the
optimiser's update are one function of (state, batch, shared), which is jitted once for all folds.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Int, Key
from ml_collections import ConfigDict

from merclip_jax.data import augment, inputs, moves
from merclip_jax.data.augmix import own_draws
from merclip_jax.training import optim
from merclip_jax.training.batch import AugmentedBatch, Batch, Predicted, Shared, State
from merclip_jax.training.task import Task


@dataclass(frozen=True)
class Learner:
    """The fixed side of training: the model's structure, the task, the optimiser and the recipe."""

    graphdef: Any
    task: Task
    optimizer: optax.GradientTransformation
    schedule: optax.Schedule
    config: ConfigDict
    steps_per_epoch: int

    @classmethod
    def create(
        cls, model: nnx.Module, task: Task, config: ConfigDict, steps_per_epoch: int
    ) -> tuple["Learner", Any, Any, Any]:
        """Split a model into (learner, trained parameters, model state, frozen parameters)."""

        def is_trained(path: tuple[Any, ...], leaf: Any) -> bool:
            return isinstance(leaf, nnx.Param) and optim.trainable(
                path, config.text.trainable, image_tower=not config.model.freeze_image
            )

        graphdef, *states = nnx.split(model, is_trained, nnx.Param, ...)
        params, frozen, model_state = states
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
        learner = cls(graphdef, task, optimizer, schedule, config, steps_per_epoch)
        return learner, params, model_state, frozen

    def rate(self, step: int) -> float:
        """The learning rate in training step `step`."""
        return float(self.schedule(step // self.config.recipe.accumulate))

    def start(self, params: Any, model_state: Any, key: Key[Array, ""]) -> State:
        """The state before the first step."""
        return State(params, model_state, self.optimizer.init(params), jnp.int32(0), key)

    def train(
        self, state: State, batch: Batch, shared: Shared, axis_name: str | None = None
    ) -> tuple[State, dict[str, Array]]:
        """One step: (state, batch) -> (state, scalars to log).

        With `axis_name`, `batch` is one device's share and the result is that of the whole batch.
        """
        prepared = self.prepare(state, batch, shared, axis_name)
        return self.update(state, prepared, shared.frozen, axis_name)

    def prepare(
        self, state: State, batch: Batch, shared: Shared, axis_name: str | None = None
    ) -> AugmentedBatch:
        """Gather and augment the frames; draw one template for every clip's sentence.

        With `axis_name`, `batch` and the result are one device's share of a batch.
        """
        augment_key, template_key, _ = self._keys(state)
        stored, sentences = shared.stored.rows(batch.rows), batch.sentences
        settings, alike = self.config.augment, None
        if settings.half_mix:
            alike = moves.same_shown(batch.labels, sentences, axis_name)
        frames = inputs.augmented(augment_key, stored, settings, axis_name, alike)
        if settings.flip:
            turned = augment.mirrored(augment_key, len(sentences), axis_name)
            sentences = jnp.where(turned, batch.mirrored, sentences)

        def draw(n: int) -> Array:
            return jax.random.randint(template_key, (n,), 0, shared.texts.shape[1])

        template = own_draws(draw, len(sentences), axis_name)
        texts = shared.texts[jnp.maximum(sentences, 0), template]
        return AugmentedBatch(frames, batch.labels, sentences, texts)

    def update(
        self, state: State, batch: AugmentedBatch, frozen: Any, axis_name: str | None = None
    ) -> tuple[State, dict[str, Array]]:
        """Forward, backward and the optimiser's update.

        With `axis_name`, `batch` is one device's share and the result is that of the whole batch.
        """
        _, _, dropout_key = self._keys(state)
        if axis_name is not None:
            dropout_key = jax.random.fold_in(dropout_key, jax.lax.axis_index(axis_name))
        epoch = state.step // self.steps_per_epoch

        def loss(params: Any) -> tuple[Array, Any]:
            model = nnx.merge(self.graphdef, params, frozen, state.model_state, copy=True)
            value, scalars = self.task.loss(model, batch, epoch, dropout_key, axis_name)
            return value, (scalars, nnx.state(model, nnx.Not(nnx.Param)))

        grads, (scalars, model_state) = jax.grad(loss, has_aux=True)(state.params)
        if axis_name is not None:
            grads, scalars = jax.lax.pmean((grads, scalars), axis_name)
        updates, opt_state = self.optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        scalars["gradient_norm"] = optax.global_norm(grads)
        return State(params, model_state, opt_state, state.step + 1, state.key), scalars

    def predict(self, state: State, rows: Int[Array, "b t"], shared: Shared) -> Predicted:
        """What the model predicts of clips, in evaluation mode and without augmentation."""
        model = nnx.merge(self.graphdef, state.params, shared.frozen, state.model_state, copy=True)
        return self.task.predict(model, inputs.seen(shared.stored.rows(rows)), shared.texts)

    def choose_rows(
        self,
        state: State,
        starts: Int[Array, " b"],
        lengths: Int[Array, " b"],
        apexes: Int[Array, " b"],
        train: bool,
    ) -> Int[Array, "b t"]:
        """Rows of the packed frames that a step sees of clips with these starts and lengths."""
        data = self.config.data
        if data.motion == "none":
            return jnp.repeat(starts[:, None], data.frames, axis=1)
        if data.temporal == "apex":
            return (starts + apexes)[:, None]
        key = jax.random.fold_in(self._keys(state)[0], 0)
        if train and self.config.augment.cut:
            lengths = augment.cut(key, lengths, apexes, self.config.augment.cut)
        chosen = augment.sample_frames(key, lengths, data.frames, train, data.temporal)
        return starts[:, None] + chosen

    @staticmethod
    def _keys(state: State) -> Key[Array, " 3"]:
        return jax.random.split(jax.random.fold_in(state.key, state.step), 3)
