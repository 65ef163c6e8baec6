"""Folds that are done: which files they leave, and whether these are still what was written."""

import contextlib
import shutil
from pathlib import Path

import pandas as pd

from merclip_jax import manifest
from merclip_jax import workdir as files
from merclip_jax.data import identity
from merclip_jax.errors import DataError
from merclip_jax.scoring import attention
from merclip_jax.training import processes

TABLES = ("history", "predictions")


def results(folder: Path, seed: int, kind: str) -> Path:
    """A fold's finished table of 'predictions' or 'history'."""
    return folder / f"{kind}-seed{seed}.csv"


def written(folder: Path, seed: int) -> list[Path]:
    """What a fold's report is made of: its tables, and where its model looked if that was kept."""
    files = [*(results(folder, seed, kind) for kind in TABLES), attention.file(folder, seed)]
    return [file for file in files if file.exists()]


def mark(folder: Path, seed: int, parts: dict[str, str]) -> None:
    """Mark a fold as done: the last act of its training."""
    manifest.write(_mark(folder, seed), written(folder, seed), parts)


def check_identity(workdir: Path, clips: pd.DataFrame, now: dict[str, str]) -> None:
    """Refuse to go on where folds are done that were computed from something else.

    Args:
      workdir: of the run; its clips.csv tells what the clips were.
      clips: what clips.csv would be now.
      now: what folds are computed from now, by part.

    Raises:
      ConfigError: with the parts that differ, and the clips if they can be named.
    """
    for path in sorted(workdir.glob(f"folds/*/{_mark(Path(), '*')}")):
        with contextlib.suppress(DataError):  # a damaged one: its fold is trained again
            made = manifest.read(path)
            if made and (parts := identity.differing(made.identity, now)):
                before = None
                with contextlib.suppress(OSError, ValueError):
                    before = files.read_table(workdir / "clips.csv")
                raise identity.mismatch(path.parent, parts, before, clips)


def check(folder: Path, seed: int) -> list[str]:
    """Make a fold that is done and damaged one to be trained again; says what is wrong with it.

    A table is in the last checkpoint, too; where anything else is damaged the fold starts anew.
    """
    path = _mark(folder, seed)
    if not path.exists():
        return []
    faults = manifest.faults(path)
    if faults and processes.is_first():
        if faults.keys() - {results(folder, seed, kind) for kind in TABLES}:
            shutil.rmtree(folder / "checkpoints" / f"seed{seed}", ignore_errors=True)
        path.unlink()
    return [f"{fault}; the fold is trained again" for fault in faults.values()]


def is_done(folder: Path, seed: int) -> bool:
    """Whether a fold has been marked as done."""
    return _mark(folder, seed).exists()


def _mark(folder: Path, seed: int | str) -> Path:
    return folder / f"manifest-seed{seed}.json"
