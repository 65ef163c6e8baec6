"""The flow-grid regression as a system: fitted per fold in closed form, saved like all models.

`flow_regression` tells the classes, `flow_regression_au` the action units, and the emotion by rules
as Micro-AU CLIP does. A saved one keeps the motion and the labels of its training clips, so that a
run which starts from it fits them together with its own.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Int
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from merclip_jax.baselines import grid
from merclip_jax.baselines.grid import Clips, Fitted, Head, Setting
from merclip_jax.data import pack
from merclip_jax.errors import ConfigError
from merclip_jax.protocols.folds import Fold
from merclip_jax.towers import files, folder, leaves
from merclip_jax.training import export, processes
from merclip_jax.training.batch import Predicted
from merclip_jax.training.fold import RunContext


class Kept(nnx.Variable):
    """What a model carries along without training or running it."""


@dataclass(frozen=True)
class RegressionConfig:
    """What a regression tells, and from how fine a grid.

    Attributes:
      system: the name in `systems.py`.
      outputs: classes, or action units.
      setting: as inner subjects chose it.
      kept: training clips that it keeps.
      parts: of motion that it sees: 2, or 3 with strain.
    """

    system: str
    outputs: tuple[str, ...]
    setting: Setting
    kept: int
    parts: int = 2

    title: ClassVar[str] = "Flow regression"

    @property
    def tells_units(self) -> bool:
        """Whether what it tells are action units."""
        return self.system == "flow_regression_au"

    def to_json(self) -> dict[str, Any]:
        """A dict that `json` can write."""
        values = asdict(self)
        return {"model_type": values.pop("system"), **values}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "RegressionConfig":
        """Rebuild from `to_json`'s dict.

        Raises:
          ConfigError: a field is missing or unknown.
        """
        try:
            setting, outputs = Setting(**values["setting"]), tuple(values["outputs"])
            kept, parts = values["kept"], values.get("parts", 2)
            return cls(values["model_type"], outputs, setting, kept, parts)
        except (KeyError, TypeError) as error:
            raise ConfigError(f"a field is missing or unknown: {error}") from error


class Regression(folder.Saveable):
    """A linear model of a flow grid, and the clips that it was fitted on."""

    def __init__(self, cfg: RegressionConfig, *, rngs: nnx.Rngs | None = None):
        count, side = len(cfg.outputs), cfg.setting.grid
        self.cfg = cfg
        self.kernel = nnx.Param(jnp.zeros((cfg.parts * side**2, count), jnp.float32))
        self.bias = nnx.Param(jnp.zeros(count, jnp.float32))
        shape = (cfg.kept, grid.FINEST, grid.FINEST, cfg.parts)
        self.grids = Kept(jnp.zeros(shape, jnp.float16))
        states = (cfg.kept, count) if cfg.tells_units else (cfg.kept,)
        self.labels = Kept(jnp.zeros(states, jnp.int32))

    @classmethod
    def of(cls, cfg: RegressionConfig, fitted: Fitted, clips: Clips) -> "Regression":
        """The model that was fitted on some clips."""
        model = cls(cfg)
        model.kernel[...], model.bias[...] = (jnp.asarray(part, jnp.float32) for part in fitted)
        model.grids[...] = jnp.asarray(clips.grids, jnp.float16)
        model.labels[...] = jnp.asarray(clips.labels, jnp.int32)
        return model

    @property
    def clips(self) -> Clips:
        """The clips that it was fitted on."""
        return Clips(
            np.asarray(self.grids[...], np.float32), np.asarray(self.labels[...], np.int32)
        )

    @classmethod
    def from_pretrained(cls, directory: str | os.PathLike) -> "Regression":
        """Load a model that `save_pretrained` wrote.

        Raises:
          ConfigError: the directory lacks a file, or its config.json cannot be used.
          DataError: the weights are damaged or do not fit; all misfits are listed.
        """
        directory = files.locate(directory)
        cfg = files.sizes(directory, RegressionConfig.from_json)
        return leaves.fill(cls(cfg), files.read(directory), str(directory))


def train_folds(context: RunContext, folds: Sequence[Fold], bar: tqdm) -> None:
    """Fit folds one after another and write what they predict; see `systems.System.train`."""
    config, learner = context.config, context.learner
    steps = config.recipe.epochs * learner.steps_per_epoch * config.recipe.batch_size
    start = nnx.merge(learner.graphdef, context.params, context.shared.frozen, context.model_state)
    clips = Clips(_grids(context), context.task.labels)
    if start.cfg.kept and start.cfg.parts != clips.grids.shape[-1]:
        raise ConfigError(
            f"--config.model.init_from={config.model.init_from} knows motion of {start.cfg.parts} "
            f"parts, these clips have {clips.grids.shape[-1]}: published flow has strain as its "
            "third; start from a regression of the same kind of motion"
        )
    with threadpool_limits(1):  # problems so small that threads would only wait
        near = grid.starts(_head(start.cfg), start.clips) if processes.is_first() else {}
        for fold in folds:
            if processes.is_first():
                _train_fold(context, fold, start, clips, near)
            bar.update(steps)


def _grids(context: RunContext) -> grid.Grids:
    """The motion that is seen of each clip of the run's table."""
    state = context.learner.start(context.params, context.model_state, jax.random.key(0))
    starts, lengths = map(jnp.asarray, pack.first_rows(context.table))
    apexes = jnp.asarray(pack.apexes(context.table))
    rows = np.asarray(context.learner.choose_rows(state, starts, lengths, apexes, False))
    motion = context.clips.stored.motion
    assert motion is not None  # `start.check` has seen to it
    return grid.grids(np.asarray(motion[rows[:, 0]]))


def _train_fold(
    context: RunContext,
    fold: Fold,
    start: Regression,
    clips: Clips,
    near: Mapping[Setting, Fitted],
) -> None:
    began, task, cfg = time.monotonic(), context.task, start.cfg
    head, own = _head(cfg), clips.at(fold.train)
    people = context.table.iloc[fold.train].groupby(["dataset", "subject"]).ngroup().to_numpy()
    setting, of_inner = grid.choose(
        head, own, start.clips, people, lambda test_pred: task.score(fold.train, test_pred), near
    )
    every = own.and_also(start.clips)
    fitted = grid.fit(head, every, setting, near.get(setting))
    test_pred = head.predicted(grid.logits(clips.grids[fold.test], fitted, setting))
    if context.config.checkpoint.export:
        sizes = replace(cfg, setting=setting, kept=len(every.labels), parts=every.grids.shape[-1])
        model = Regression.of(sizes, fitted, every)
        export.save_model(context, fold, model, test_pred, of_inner)
    table = export.predictions(context, fold, test_pred, of_inner, "last", 0)
    seconds = time.monotonic() - began
    export.write(context, fold, [_history(context, fold, of_inner, setting, seconds)], table)


def _head(cfg: RegressionConfig) -> Head:
    if cfg.tells_units:
        return Head(grid.fit_units, grid.predicted_units, len(cfg.outputs))
    return Head(grid.fit_classes, grid.predicted_classes, len(cfg.outputs))


def _history(
    context: RunContext, fold: Fold, of_inner: Predicted, setting: Setting, seconds: float
) -> dict[str, Any]:
    """The one row of a fold: loss and accuracy of training subjects, each told by the others."""
    labels = context.task.labels[fold.train]
    loss, accuracy = _loss(np.asarray(of_inner.probabilities), labels)
    row = {"fold": fold.name, "seed": context.seed, "epoch": 0, "loss": loss, "accuracy": accuracy}
    return row | asdict(setting) | {"learning_rate": 0.0, "seconds": seconds}


def _loss(probabilities: np.ndarray, labels: Int[np.ndarray, "n ..."]) -> tuple[float, float]:
    """Mean negative log-probability and share of right answers; unknown states do not count."""
    if labels.ndim == 1:
        of_truth = probabilities[np.arange(len(labels)), labels]
        right = probabilities.argmax(1) == labels
    else:
        annotated = labels >= 0
        of_truth = np.where(labels == 1, probabilities, 1 - probabilities)[annotated]
        right = of_truth > 0.5
    return float(-np.log(np.maximum(of_truth, 1e-12)).mean()), float(right.mean())
