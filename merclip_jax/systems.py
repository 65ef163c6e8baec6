"""The systems by the name that `config.model.system` and a saved config.json give them.

Another system is a folder with a task, a function here that imports it, and a line in SYSTEMS. The
imports are inside the functions, so that asking for help does not load a model's code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from merclip_jax.errors import ConfigError


def _by_steps(*given: Any) -> None:
    from merclip_jax.training import loop

    loop.train_folds(*given)


@dataclass(frozen=True)
class System:
    """How a system's model starts, what it learns, and how a saved one is loaded.

    Attributes:
      title: its name for people.
      start: (config, classes, seed) -> the model and the tokenizer of its text tower.
      task: (config, table of clips, classes, model, tokenizer) -> a `training.task.Task`.
      check: (config, classes) refuses, before any data is read, what `start` cannot start from.
      load: a saved model's folder -> a `training.task.WindowModel`.
      needs_classes: whether a protocol without emotion classes leaves it nothing to learn.
      train: (training.fold.RunContext, folds, progress bar) trains folds and leaves their files;
        by steps, unless a system fits in closed form.
      is_baseline: whether it is there to be beaten: small, and at home with a random start.
    """

    title: str
    start: Callable[..., tuple[Any, Any]]
    task: Callable[..., Any]
    check: Callable[..., None]
    load: Callable[[Path], Any]
    needs_classes: bool
    train: Callable[..., None] = _by_steps
    is_baseline: bool = False


def _merclip() -> System:
    from merclip_jax.merclip import start, task

    return System(
        "MER-CLIP", start.build, task.Task.create, start.check, start.load, needs_classes=True
    )


def _micro_au() -> System:
    from merclip_jax.micro_au import start, task

    return System(
        "Micro-AU CLIP", start.build, task.Task.create, start.check, start.load, needs_classes=False
    )


def _network(name: str) -> System:
    from merclip_jax.baselines import networks, start, task

    return System(
        networks.NETWORKS[name].title,
        start.build,
        task.Task.create,
        start.check,
        start.load,
        needs_classes=True,
        is_baseline=True,
    )


def _flow_regression(units: bool) -> System:
    from merclip_jax.baselines import regression, regression_start, start, task

    return System(
        regression.RegressionConfig.title,
        regression_start.build,
        regression_start.UnitsTask.create if units else task.Task.create,
        regression_start.check,
        start.load,
        needs_classes=not units,
        train=regression.train_folds,
        is_baseline=True,
    )


SYSTEMS: dict[str, Callable[[], System]] = {
    "merclip": _merclip,
    "micro_au": _micro_au,
    **{name: partial(_network, name) for name in ("off_apexnet", "ststnet", "htnet")},
    "flow_regression": partial(_flow_regression, units=False),
    "flow_regression_au": partial(_flow_regression, units=True),
}


def get(name: str) -> System:
    """The system of a run.

    Raises:
      ConfigError: there is none of this name.
    """
    if name not in SYSTEMS:
        raise ConfigError(f"--config.model.system={name!r}: give one of {', '.join(SYSTEMS)}")
    return SYSTEMS[name]()


def of_folder(directory: Path) -> System:
    """The system of a saved model, by its config.json.

    Raises:
      ConfigError: there is no config.json, or it is that of another kind of model.
    """
    from merclip_jax.towers import files

    name = files.config(directory).get("model_type")
    if name not in SYSTEMS:
        raise ConfigError(
            f"--model={directory}: config.json says model_type {name!r}, which tells no emotions; "
            "give a model that training exported (--config.checkpoint.export), or "
            "assets/demo_model"
        )
    return SYSTEMS[name]()
