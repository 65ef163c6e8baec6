"""Clips that users hand over as arrays: told apart, converted where it is safe, else refused."""

from typing import Any

import numpy as np
from jaxtyping import UInt8

from merclip_jax.errors import DataError

Clip = UInt8[np.ndarray, "t h w 3"]
FEWEST = 2  # frames: an expression is a motion
SMALLEST = 8  # pixels of a side; below, an array is rather of another layout than of a face


def clips(frames: Any) -> list[Clip]:
    """One clip, a batch of clips, or a list of clips of differing length and size, as uint8.

    Args:
      frames: [t, h, w, 3] or [b, t, h, w, 3], or a sequence of [t, h, w, 3]; RGB. uint8 is taken
        as it is, other whole numbers if all lie in 0 to 255, fractions if all lie in 0 to 1, where
        1 is white.

    Raises:
      DataError: another dtype, range or layout, or a clip of fewer than two frames.
    """
    if isinstance(frames, (list, tuple)) and frames and np.ndim(frames[0]) == 4:
        return [_clip(np.asarray(one), f"clip {n}: ") for n, one in enumerate(frames)]
    given = np.asarray(frames)
    if given.ndim == 5 and len(given):
        return [_clip(one, f"clip {n}: ") for n, one in enumerate(_bytes(given, ""))]
    return [_clip(given, "")]


def _clip(given: np.ndarray, name: str) -> Clip:
    if given.ndim != 4 or given.shape[-1] != 3 or min(given.shape[1:3]) < SMALLEST:
        raise DataError(
            f"{name}frames of shape {list(given.shape)}: give RGB pictures as [t, h, w, 3], or "
            f"several clips as [b, t, h, w, 3], of {SMALLEST} pixels a side at least"
        )
    if len(given) < FEWEST:
        raise DataError(
            f"{name}{len(given)} frame: an expression is a motion, so give {FEWEST} frames or more"
        )
    return _bytes(given, name)


def _bytes(given: np.ndarray, name: str) -> UInt8[np.ndarray, "..."]:
    """The same picture values as bytes."""
    if given.dtype == np.uint8:
        return given
    low, high = (float(given.min()), float(given.max())) if given.size else (0.0, 0.0)
    if np.issubdtype(given.dtype, np.integer) and 0 <= low and high <= 255:
        return given.astype(np.uint8)
    if np.issubdtype(given.dtype, np.floating) and 0 <= low and high <= 1:
        return np.rint(255 * given).astype(np.uint8)
    raise DataError(
        f"{name}frames of {given.dtype} from {low:g} to {high:g}: give uint8, whole numbers from 0 "
        "to 255, or fractions from 0 (black) to 1 (white); frames are normalised here, not before"
    )
