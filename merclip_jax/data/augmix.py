"""AugMix for clips: thirteen image operations with explicit arguments, mixed in random chains.

The method is Hendrycks et al., AugMix (arXiv 1912.02781); the operations, their ranges and their
rounding follow what the MER-CLIP release @31037e9 runs (pytorchvideo 0.1.5 over torchvision).
One draw holds for all frames of a clip, so motion survives; only the statistics inside
AutoContrast, Equalize and contrast are taken frame by frame, as there. Every operation maps uint8
frames to uint8 frames: blends truncate, warps and the blur round half to even.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key, UInt8

MAX_LEVEL = 10.0  # levels count from 0 to 10
MIN_LEVEL = 0.1
WIDTH = 3  # chains per clip
DEPTH = 3  # at most so many operations per chain
FILL = 0.5  # grey level brought in from outside the frame: in effect black, as released

Frames = UInt8[Array, "t h w c"]
Scalar = Float[Array, ""]


def _truncated(values: Float[Array, "..."]) -> UInt8[Array, "..."]:
    return jnp.clip(values, 0.0, 255.0).astype(jnp.uint8)


def _blend(frames: Frames, other: Float[Array, "..."], factor: Scalar) -> Frames:
    return _truncated(factor * frames + (1.0 - factor) * other)


def _grey(frames: Frames) -> Float[Array, "t h w 1"]:
    """Luma (ITU-R BT.601 weights, as torchvision rounds them), truncated to whole grey levels."""
    return jnp.floor(frames.astype(jnp.float32) @ jnp.array([[0.2989], [0.587], [0.114]]))


def _looked_up(tables: UInt8[Array, "t c 256"], frames: Frames) -> Frames:
    t, c = tables.shape[:2]
    start = 256 * jnp.arange(t * c).reshape(t, 1, 1, c)
    return tables.reshape(-1)[start + frames]


def _warped(frames: Frames, matrix: list[list[Scalar | float]]) -> Frames:
    """Bilinear warp about the frame's centre; `matrix` 2x3 takes output to input pixels.

    The frame is weighted once more by its own coverage where it meets the fill: torchvision
    warps a mask beside the image and blends with it, which darkens a one-pixel seam.
    """
    t, h, w, c = frames.shape
    xs = jnp.arange(w) - (w - 1) / 2.0
    ys = (jnp.arange(h) - (h - 1) / 2.0)[:, None]
    x, y = (a * xs + b * ys + shift for a, b, shift in matrix)
    x, y = x + (w - 1) / 2.0, y + (h - 1) / 2.0
    left, top = jnp.floor(x), jnp.floor(y)
    # Pixels first, frames and channels last: each tap then copies one contiguous row.
    pixels = frames.transpose(1, 2, 0, 3).reshape(h * w, t * c).astype(jnp.float32)
    total, coverage = jnp.zeros((h, w, t * c)), jnp.zeros((h, w, 1))
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        column, row = left + dx, top + dy
        inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
        weight = (1.0 - jnp.abs(x - column)) * (1.0 - jnp.abs(y - row)) * inside
        index = jnp.where(inside, row * w + column, 0.0).astype(jnp.int32)
        total += weight[..., None] * pixels[index]
        coverage += weight[..., None]
    filled = total * coverage + (1.0 - coverage) * FILL
    return _truncated(jnp.round(filled)).reshape(h, w, t, c).transpose(2, 0, 1, 3)


def auto_contrast(frames: Frames, _: Scalar) -> Frames:
    """Stretch each channel of each frame to 0..255; a constant channel stays as it is."""
    # Reduced as int32, one axis at a time: XLA:CPU is six times slower on uint8 or on both at once.
    wide = frames.astype(jnp.int32)
    low, high = (
        reduce(reduce(wide, axis=1, keepdims=True), axis=2, keepdims=True)
        for reduce in (jnp.min, jnp.max)
    )
    flat = high == low
    scale = 255.0 / jnp.where(flat, 255, high - low)
    return _truncated((wide - jnp.where(flat, 0, low)) * scale)


def equalize(frames: Frames, _: Scalar) -> Frames:
    """Flatten the histogram of each channel of each frame (PIL's integer form)."""
    t, h, w, c = frames.shape
    values = frames.transpose(0, 3, 1, 2).reshape(t * c, h * w)
    counts = jnp.zeros((t * c, 256), jnp.int32).at[jnp.arange(t * c)[:, None], values].add(1)
    brightest = jnp.max(jnp.arange(256) * (counts > 0), axis=1, keepdims=True)
    last = jnp.take_along_axis(counts, brightest, axis=1)
    step = (h * w - last) // 255
    below = jnp.cumsum(counts, axis=1) - counts
    tables = jnp.clip((below + step // 2) // jnp.maximum(step, 1), 0, 255)
    # The table of level v counts what lies below v; half a step is added to all but the first.
    tables = tables.at[:, 0].set(0)
    tables = jnp.where(step == 0, jnp.arange(256), tables)
    return _looked_up(tables.astype(jnp.uint8).reshape(t, c, 256), frames)


def rotate(frames: Frames, degrees: Scalar) -> Frames:
    """Turn counter-clockwise about the centre by `degrees`."""
    cos, sin = jnp.cos(jnp.deg2rad(degrees)), jnp.sin(jnp.deg2rad(degrees))
    return _warped(frames, [[cos, -sin, 0.0], [sin, cos, 0.0]])


def posterize(frames: Frames, bits: Scalar) -> Frames:
    """Keep the `bits` (a whole number) highest bits of each value."""
    return frames & (0xFF << (8 - bits.astype(jnp.int32))).astype(jnp.uint8)


def solarize(frames: Frames, threshold: Scalar) -> Frames:
    """Invert values at or above `threshold` (0..1), rounded down to a whole grey level."""
    return jnp.where(frames >= jnp.floor(255.0 * threshold), 255 - frames, frames)


def shear_x(frames: Frames, factor: Scalar) -> Frames:
    """Shear along the width: `factor` pixels per row, with the release's offset of half of it."""
    return _warped(frames, [[1.0, factor, frames.shape[1] * factor / 2.0], [0.0, 1.0, 0.0]])


def shear_y(frames: Frames, factor: Scalar) -> Frames:
    """Shear along the height: `factor` pixels per column, offset likewise."""
    return _warped(frames, [[1.0, 0.0, 0.0], [factor, 1.0, frames.shape[2] * factor / 2.0]])


def translate_x(frames: Frames, factor: Scalar) -> Frames:
    """Move to the left by the share `factor` of the width."""
    return _warped(frames, [[1.0, 0.0, frames.shape[2] * factor], [0.0, 1.0, 0.0]])


def translate_y(frames: Frames, factor: Scalar) -> Frames:
    """Move upwards by the share `factor` of the height."""
    return _warped(frames, [[1.0, 0.0, 0.0], [0.0, 1.0, frames.shape[1] * factor]])


def adjust_saturation(frames: Frames, factor: Scalar) -> Frames:
    """Blend with the grey frame; `factor` 1 changes nothing, 0 is grey."""
    return _blend(frames, _grey(frames), factor)


def adjust_contrast(frames: Frames, factor: Scalar) -> Frames:
    """Blend with each frame's mean grey level."""
    return _blend(frames, _grey(frames).mean((1, 2, 3), keepdims=True), factor)


def adjust_brightness(frames: Frames, factor: Scalar) -> Frames:
    """Blend with black."""
    return _truncated(factor * frames)


def adjust_sharpness(frames: Frames, factor: Scalar) -> Frames:
    """Blend with a 3x3 blur (centre 5/13, neighbours 1/13); the outermost pixels stay."""
    wide = frames.astype(jnp.int32)
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    box = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    blurred = jnp.round((box + 4 * wide[:, 1:-1, 1:-1]) / 13.0)
    return _blend(frames, frames.astype(jnp.float32).at[:, 1:-1, 1:-1].set(blurred), factor)


class Operation(NamedTuple):
    """An operation whose argument is base + span * level / 10, of drawn sign if `signed`."""

    apply: Callable[[Frames, Scalar], Frames]
    base: float = 0.0
    span: float = 0.0
    signed: bool = False


# The four adjustments start at 0.1, not at 1: low levels are the strongest ones (as released).
# Posterize keeps 4 bits at every level below 10, since the release truncates the level to int.
OPERATIONS = (
    Operation(auto_contrast),
    Operation(equalize),
    Operation(rotate, 0.0, 30.0, signed=True),
    Operation(posterize, 4.0),
    Operation(solarize, 1.0, -1.0),
    Operation(shear_x, 0.0, 0.3, signed=True),
    Operation(shear_y, 0.0, 0.3, signed=True),
    Operation(translate_x, 0.0, 1.0 / 3.0, signed=True),
    Operation(translate_y, 0.0, 1.0 / 3.0, signed=True),
    Operation(adjust_saturation, 0.1, 1.8),
    Operation(adjust_contrast, 0.1, 1.8),
    Operation(adjust_brightness, 0.1, 1.8),
    Operation(adjust_sharpness, 0.1, 1.8),
)
UNCHANGED = len(OPERATIONS)  # index of the empty slot in a chain shorter than DEPTH


# Clips are mapped one by one on purpose: a vectorised `switch` runs every branch on every clip.
@jax.custom_batching.sequential_vmap
def apply_augmix(
    frames: Frames,
    weights: Float[Array, " k"],
    keep: Scalar,
    operations: Int[Array, "k d"],
    arguments: Float[Array, "k d"],
) -> Frames:
    """Mix `keep` of a clip with (1 - keep) of `k` chains weighted by `weights`, then truncate.

    A chain is a row of `operations` (indices into OPERATIONS, or UNCHANGED) with `arguments`.
    """
    branches = [operation.apply for operation in OPERATIONS] + [lambda x, _: x]

    def step(chain: Array, slot: Any) -> tuple[Array, None]:
        return lax.switch(slot[0], branches, chain, slot[1]), None

    def add_chain(mixed: Array, chain: Any) -> tuple[Array, None]:
        weight, slots = chain
        return mixed + weight * lax.scan(step, frames, slots)[0], None

    nothing = jnp.zeros(frames.shape, jnp.float32)
    mixed, _ = lax.scan(add_chain, nothing, (weights, (operations, arguments)))
    return _truncated(keep * frames + (1.0 - keep) * mixed)


def _draw(key: Key[Array, ""], magnitude: float) -> tuple[Array, Array, Array, Array]:
    keys = jax.random.split(key, 6)
    slots = (WIDTH, DEPTH)
    # Normalised exponentials are Dirichlet(1, 1, 1); the general sampler costs seconds to compile.
    shares = jax.random.exponential(keys[0], (WIDTH,))
    weights = shares / shares.sum()
    keep = jax.random.uniform(keys[1])
    depth = jax.random.randint(keys[2], (WIDTH, 1), 1, DEPTH + 1)
    chosen = jax.random.randint(keys[3], slots, 0, len(OPERATIONS))
    level = jax.random.uniform(keys[4], slots, minval=MIN_LEVEL, maxval=magnitude)
    sign = jax.random.rademacher(keys[5], slots, jnp.float32)
    base, span, signed = (
        jnp.array([getattr(o, name) for o in OPERATIONS])[chosen]
        for name in ("base", "span", "signed")
    )
    arguments = base + span * level / MAX_LEVEL * jnp.where(signed, sign, 1.0)
    return weights, keep, jnp.where(jnp.arange(DEPTH) < depth, chosen, UNCHANGED), arguments


def augmix(
    key: Key[Array, ""],
    clips: UInt8[Array, "b t h w c"],
    magnitude: float = 1.0,
    axis_name: str | None = None,
) -> UInt8[Array, "b t h w c"]:
    """Draw and apply one AugMix per clip.

    Three chains of 1 to 3 operations drawn uniformly, levels from U(0.1, `magnitude`) out of 10,
    weights from Dirichlet(1, 1, 1), the kept share from U(0, 1).
    """
    keys = own_draws(partial(jax.random.split, key), len(clips), axis_name)
    draws = jax.vmap(_draw, in_axes=(0, None))(keys, magnitude)
    return jax.vmap(apply_augmix)(clips, *draws)


def own_draws(draw: Callable[[int], Any], b: int, axis_name: str | None) -> Any:
    """What `draw(n)` gives to the `b` clips of this device, n being those of all devices.

    What is drawn for a clip depends on its place in the whole batch alone.
    """
    if axis_name is None:
        return draw(b)
    drawn, first = draw(b * lax.axis_size(axis_name)), b * lax.axis_index(axis_name)
    return jax.tree.map(lambda x: lax.dynamic_slice_in_dim(x, first, b), drawn)
