"""Flow that others publish as pictures, as motion: three channels, each scaled to a byte.

What is lost by that scaling, the size of a movement, stays lost: every clip's is 1.
"""

import numpy as np
from jaxtyping import Float32, UInt8

from merclip_jax.data import motion
from merclip_jax.errors import DataError

CLEAR = 5.0  # grey levels by which the strain must lie lower than the displacement


def channels(pictures: UInt8[np.ndarray, "n h w 3"]) -> tuple[int, int]:
    """Which channels are horizontal and vertical displacement (u, v).

    They are written u, v, strain; whoever reads them may get them in the opposite order. Strain is
    never negative and near 0 on most of a face, so its median lies low; the middle one is v.

    Raises:
      DataError: the outer channels lie alike.
    """
    first, _, last = np.median(pictures, (1, 2)).mean(0)
    if abs(first - last) < CLEAR:
        raise DataError(
            f"published flow: the medians of the first and the last channel ({first:.0f} and "
            f"{last:.0f}) do not tell which is strain; take the pictures as their owner has them"
        )
    return (0, 1) if last < first else (2, 1)


def fields(
    pictures: UInt8[np.ndarray, "t h w 3"], uv: tuple[int, int]
) -> Float32[np.ndarray, "t m m 2"]:
    """Displacement less its median over the picture, of root mean square 1, on the packed grid."""
    moved = pictures[..., list(uv)].astype(np.float32)
    moved -= np.median(moved, (1, 2), keepdims=True)
    size = np.sqrt(np.square(moved).sum(-1).mean() / 2)
    times = motion.SIDE // pictures.shape[1]
    return (moved / max(size, 1e-6)).repeat(times, 1).repeat(times, 2)
