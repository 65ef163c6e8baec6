"""Errors that nobody caught, as one paragraph: what was at work, what it said, what to do.

A library says what went wrong inside it, not what that means for a run. Which library it was is
read off the traceback: the innermost frame that is ours or a listed library's decides.
"""

import errno
import os
import shutil
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from merclip_jax.errors import ConfigError, DataError, RunError

Told = ConfigError | DataError | RunError

PREPARE = (
    "delete its folder under data_dir and prepare it again: merclip-jax prepare --dataset=NAME"
)
WEIGHTS = "copy or export it again"
# Library or a part of it -> whose fault it is, what cannot be done, and the remedy.
LIBRARIES: dict[str, tuple[type[Told], str, str]] = {
    "jax._src.xla_bridge": (
        ConfigError,
        "JAX cannot start the devices that it was told to use",
        "unset JAX_PLATFORMS, or set it to cpu; for a GPU or TPU install JAX with its plugin, as "
        "pip install 'jax[cuda12]' or 'jax[tpu]'",
    ),
    "orbax": (
        DataError,
        "a checkpoint cannot be written or read",
        "give the same command again; if it says so again, delete the folder 'checkpoints' of the "
        "fold that it works on, which is then trained anew",
    ),
    "array_record": (DataError, "a prepared dataset is damaged", PREPARE),
    "google.protobuf": (DataError, "a prepared dataset is damaged", PREPARE),
    "tensorflow_datasets": (DataError, "a prepared dataset cannot be read or made", PREPARE),
    "safetensors": (DataError, "a file of weights is damaged", WEIGHTS),
    "safetensors_rust": (DataError, "a file of weights is damaged", WEIGHTS),
    "huggingface_hub": (
        ConfigError,
        "weights cannot be fetched",
        "check their name and the network, or give a folder that has them",
    ),
    "pandas.errors": (DataError, "a table cannot be read", "mend it or make it again"),
    "pandas.io": (DataError, "a table cannot be read", "mend it or make it again"),
}
NO_SPACE = os.strerror(errno.ENOSPC)
NO_MEMORY = ("RESOURCE_EXHAUSTED", "Out of memory")


def explained(error: Exception, places: Sequence[Path] = ()) -> Told:
    """An error that nobody expected as one that says what to do.

    Args:
      error: what was raised.
      places: folders that the command writes into, to tell which one's file system is full.
    """
    reason = _first_line(error)
    if NO_SPACE in str(error):
        return RunError(f"{_full(places)}; make room there, then give the same command again")
    if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
        return RunError(
            f"out of memory ({reason}): take smaller batches (--config.recipe.batch_size and "
            "--config.eval.batch_size, or --batch_size), one fold at once "
            "(--config.folds.parallel=1), or --config.data.placement=memmap"
        )
    if isinstance(error, OSError):
        named = "" if error.filename is None else os.fsdecode(error.filename)
        return RunError(": ".join(filter(None, [error.strerror or reason, named])))
    library = _at_work(error)
    if library:
        kind, cannot, remedy = LIBRARIES[library]
        return kind(f"{cannot} ({reason}): {remedy}")
    return RunError(
        f"{type(error).__name__}: {reason}. This is a fault of merclip-jax, not of what you gave; "
        f"please report it with {_kept(error)}. What was computed before is kept."
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    line = lines[0] if lines else type(error).__name__
    return line if len(line) <= 300 else f"{line[:297]}..."


def _full(places: Sequence[Path]) -> str:
    """Which of the folders' file systems has least room."""
    there = [
        next(parent for parent in (place, *place.parents) if parent.exists())
        for place in (*(place.absolute() for place in places), Path(tempfile.gettempdir()))
    ]
    free, place = min((shutil.disk_usage(place).free, place) for place in there)
    return f"{place}: the disk is full (now {free / 2**20:.0f} MiB are free)"


def _at_work(error: Exception) -> str:
    """The listed library that the error is from; '' if it is our own code's."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = [frame.f_globals.get("__name__", "") for frame in reversed(frames)]
    for module in (type(error).__module__, *modules):
        for library in LIBRARIES:
            if module == library or module.startswith(f"{library}."):
                return library
        if module.startswith("merclip_jax"):
            return ""
    return ""


def _kept(error: Exception) -> str:
    """A new file with the traceback, since people should not have to read one."""
    handle, name = tempfile.mkstemp(prefix="merclip-jax-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    return name
