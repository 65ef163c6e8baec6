"""The golden files of the tiny official model, and its clips; see tests/goldens/README.md."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from merclip_jax.models import MerClip

GOLDENS = Path(__file__).parent / "goldens"
# The release keeps the constants as float32 buffers, also in its float64 run.
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDENS / "tiny" / f"{name}.npz") as arrays:
        return dict(arrays)


def clips(inputs, dtype) -> jax.Array:
    """The golden clips, channels last and normalised."""
    frames = inputs["inputs_uint8"][:, 0].transpose(0, 2, 3, 4, 1)
    return jnp.asarray((frames.astype(dtype) - MEAN.astype(dtype)) / STD.astype(dtype))


def in_float64(model: MerClip) -> MerClip:
    graphdef, state = nnx.split(model)
    return nnx.merge(graphdef, jax.tree.map(lambda x: jnp.asarray(np.asarray(x), float), state))


def relative(value, expected) -> float:
    """Largest error over the largest magnitude of what is expected."""
    value, expected = np.asarray(value), np.asarray(expected)
    assert value.shape == expected.shape
    return float(np.abs(value - expected).max() / np.abs(expected).max())
