"""The systems by the name that `config.model.system` and a saved config.json give them.

Another system is a folder with a task, a function here that imports it, and a line in SYSTEMS. The
imports are inside the functions, so that asking for help does not load a model's code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merclip_jax.errors import ConfigError


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
    """

    title: str
    start: Callable[..., tuple[Any, Any]]
    task: Callable[..., Any]
    check: Callable[..., None]
    load: Callable[[Path], Any]
    needs_classes: bool


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


SYSTEMS: dict[str, Callable[[], System]] = {"merclip": _merclip, "micro_au": _micro_au}


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
