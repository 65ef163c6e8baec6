"""Where Micro-AU CLIP looked: sums over clips, which add up over batches, folds and seeds."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float

from merclip_jax import workdir
from merclip_jax.errors import DataError


class Attention(NamedTuple):
    """Sums over as many clips as `clips` says, unit by unit; the step gives each clip its own.

    Attributes:
      regions: weights over the grid of patches, row by row, summed over the frames.
      units: how much each unit (row) took from each other.
      clips: how many clips are in the sums.
    """

    regions: Float[Array, "*b k n"] | Float[np.ndarray, "*b k n"]
    units: Float[Array, "*b k k"] | Float[np.ndarray, "*b k k"]
    clips: Float[Array, "*b k"] | Float[np.ndarray, "*b k"]


def over(each: Attention, chosen: Bool[np.ndarray, "b k"]) -> Attention:
    """The sums over the clips chosen for each unit, from those of single clips."""
    return Attention(
        *(np.einsum("bk...,bk->k...", x, chosen.astype(np.float64), dtype=np.float64) for x in each)
    )


def total(parts: Iterable[Attention]) -> Attention:
    """The sums over all clips, from those over some."""
    return Attention(*(np.sum(sums, axis=0) for sums in zip(*parts, strict=True)))


def file(folder: Path, seed: int) -> Path:
    """Where a fold of a run keeps the attention paid to its held-out clips."""
    return folder / f"attention-seed{seed}.npz"


def write(path: Path, sums: Attention, units: Sequence[str]) -> None:
    """Write the sums with the names of the units."""
    target = io.BytesIO()
    regions, between_units, clips = (np.asarray(x, np.float32) for x in sums)
    names = np.array(units)
    np.savez_compressed(target, names=names, regions=regions, units=between_units, clips=clips)
    path.parent.mkdir(parents=True, exist_ok=True)
    workdir.write(path, target.getvalue())


def read(path: Path, units: Sequence[str]) -> Attention:
    """Read what `write` wrote of these units.

    Raises:
      DataError: the file is damaged, or of other units.
    """
    remedy = "Delete it to have a report without maps of attention, or train the fold again."
    try:
        with np.load(path) as arrays:
            names, sums = (
                arrays["names"].tolist(),
                Attention(*(arrays[x] for x in Attention._fields)),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged ({error}). {remedy}") from error
    if names != list(units):
        raise DataError(f"{path} tells of the units {names}, the run of {list(units)}. {remedy}")
    return sums
