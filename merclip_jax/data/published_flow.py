"""Flow that others publish as pictures, as motion: u, v and strain, each scaled to a byte.

u and v are displacement to the right and down; strain, the size of its gradient's symmetric part,
is what its publisher measured at full size. Every channel of a picture was stretched from its least
to its greatest value, so where 0 lay and how large a movement was are lost: the median stands for
the one, and every channel's root mean square becomes 1.
"""

import numpy as np
from jaxtyping import Float32, UInt8

from merclip_jax.data import motion

VERSION = 1  # raise when the same pictures give other motion


def fields(pictures: UInt8[np.ndarray, "t h w 3"]) -> Float32[np.ndarray, "t m m 3"]:
    """Each channel less its median, of root mean square 1, on the packed grid."""
    moved = pictures.astype(np.float32)
    moved -= np.median(moved, (1, 2), keepdims=True)
    moved /= np.maximum(np.sqrt(np.square(moved).mean((1, 2), keepdims=True)), 1e-6)
    times = motion.SIDE // pictures.shape[1]
    return moved.repeat(times, 1).repeat(times, 2)
