"""Motion of a clip's skin as pictures: how far each point has gone since the first frame.

Estimated by iterative least squares on the brightness (Lucas and Kanade 1981; windows of two sizes,
Baker and Matthews 2004), against the clip's mean picture, which is nearly free of noise. The head's
own motion and changes of light are fitted first, so that the prior which holds skin without
texture back pulls it to the head's motion and not to rest.

Lengths are pixels of a picture 224 wide, whatever the frames' size: 1 is 1/224 of the side.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, UInt8

from merclip_jax.towers.config import MOTION_SIDE

VERSION = 1  # raise when the same frames give other motion
PUBLISHED_VERSION = 1  # the same of pictures of flow (`published`)
REFERENCE = 224  # lengths are pixels of a picture this wide
WORKING = 112  # pixels: side of the pictures that are compared
SIDE = MOTION_SIDE  # pixels: side of the motion that is kept
LARGEST = 8.0  # length that the largest byte stands for
STILL = 128  # the byte of no motion
SEEN = 28  # pixels: side of the pictures of motion that a network sees of motion alone
FLOOR = 0.05  # length below which a clip's motion is not scaled up: noise stays small
STRAIN = 2.0  # strain is shown so much larger than displacement, whose size it then has
HEAD = (0.12, 1.0, 0.08, 0.92)  # rows and columns of the head, over the side

SMOOTHING = 0.7  # of the pictures, pixels: against noise and aliases
INSTANTS = 1.0  # of the pictures over time, frames
SURROUNDINGS = 10.0  # pixels: slower changes of brightness are taken for light
WINDOWS = (10.0, 4.0)  # standard deviation in pixels: first wide ones, which cannot go astray
ROUNDS = 2  # of each window
PRIOR = 100.0  # grey levels squared: how much contrast a window needs to be believed

Picture = Float32[np.ndarray, "s s"]
Field = Float32[np.ndarray, "s s 2"]


def motion(frames: UInt8[np.ndarray, "t h w 3"]) -> Float32[np.ndarray, "t m m 2"]:
    """Where the skin has gone since the first frame, to the right and down, without the head.

    Args:
      frames: RGB, square, one face, cropped by one transform for all.

    Returns:
      Lengths in pixels of a picture 224 wide, on a grid of SIDE; 0 in the first frame.
    """
    lightness = over_time(np.stack([brightness(frame) for frame in frames]))
    template = Template(lightness.mean(0))
    return since_first(np.stack([template.motion_to(picture) for picture in lightness]))


def since_first(fields: Float32[np.ndarray, "t m m 2"]) -> Float32[np.ndarray, "t m m 2"]:
    """What `motion` gives, from where a template's points are in each frame (`Template`)."""
    return without_head(fields - fields[:1]) * (REFERENCE / WORKING)


def without_head(
    fields: Float32[np.ndarray, "t m m 2"], steady: Bool[np.ndarray, "m m"] | None = None
) -> Float32[np.ndarray, "t m m 2"]:
    """Fields less their best affine map: the head's shift, roll, scale and shear.

    It is fitted over the head, or over its `steady` points alone.
    """
    plane, inside = _plane(fields.shape[1]), head(fields.shape[1])
    weights = plane if steady is None else plane * steady[..., None]
    fit = np.linalg.pinv(weights[inside].reshape(-1, 3))
    coefficients = fit @ fields[:, *inside].reshape(len(fields), -1, 2)
    return fields - np.einsum("hwk,tkc->thwc", plane, coefficients, optimize=True)


def encode(fields: Float[np.ndarray, "*n"]) -> UInt8[np.ndarray, "*n"]:
    """Bytes whose steps grow with the root of the length: finest where motion is small."""
    root = np.sign(fields) * np.sqrt(np.minimum(np.abs(fields) / LARGEST, 1))
    return np.rint(STILL + 127 * root).astype(np.uint8)


def decode(stored: UInt8[Array, "*n"] | UInt8[np.ndarray, "*n"]) -> Float[Array, "*n"]:
    """Lengths from `encode`'s bytes; runs inside a compiled step."""
    root = (jnp.asarray(stored, jnp.float32) - STILL) / 127
    return LARGEST * root * jnp.abs(root)


def pictures(
    stored: UInt8[Array, "*b t m m c"] | UInt8[np.ndarray, "*b t m m c"], side: int = SEEN
) -> Float[Array, "*b t {side} {side} 3"]:
    """What a network sees of motion: displacement to the right and down, and strain.

    Displacement is divided by its root mean square over the clip and the head, so that weak and
    strong movements look alike; a still clip is not scaled up. Strain, the size of the symmetric
    part of its gradient, does not depend on how the head moved; a third part of what is stored is
    the strain that others have measured. Runs inside a compiled step.
    """
    return shown(reduced(decode(stored), side))


def shown(fields: Float[Array, "*b t s s c"]) -> Float[Array, "*b t s s 3"]:
    """`pictures` of fields that are decoded and as small as they are seen."""
    side = fields.shape[-2]
    displacement, measured = fields[..., :2], fields[..., 2:]
    inside = displacement[..., *head(side), :]
    size = jnp.mean(jnp.square(inside), axis=(-4, -3, -2, -1), keepdims=True)
    scaled = displacement * jax.lax.rsqrt(size + FLOOR**2)
    stretched = measured if measured.shape[-1] else STRAIN * strain(scaled)
    return jnp.concatenate([scaled, stretched], -1)


def strain(fields: Float[Array, "*n h w 2"]) -> Float[Array, "*n h w 1"]:
    """Size of the strain tensor (Frobenius norm): how much skin is stretched, per pixel."""
    down, right = jnp.gradient(fields, axis=(-3, -2))
    shear = (down[..., 0] + right[..., 1]) / 2
    squared = right[..., 0] ** 2 + down[..., 1] ** 2 + 2 * shear**2
    return jnp.sqrt(squared + 1e-12)[..., None]


def reduced(fields: Float[Array, "*n m m c"], side: int) -> Float[Array, "*n {side} {side} c"]:
    """Means over square cells."""
    *rest, rows, _, parts = fields.shape
    cell = rows // side
    return fields.reshape(*rest, side, cell, side, cell, parts).mean((-4, -2))


def mirror(fields: Float[Array, "*n h w c"]) -> Float[Array, "*n h w c"]:
    """What the mirrored face would show: left is right, and rightwards is leftwards."""
    return fields[..., ::-1, :] * jnp.array([-1.0, 1.0, 1.0])[: fields.shape[-1]]


def brightness(frame: UInt8[np.ndarray, "h w 3"]) -> Picture:
    """Brightness at the working size, smooth enough for gradients to be trusted."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (WORKING, WORKING), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small.astype(np.float32), (0, 0), SMOOTHING)


def over_time(pictures: Float32[np.ndarray, "t ..."]) -> Float32[np.ndarray, "t ..."]:
    """Every picture averaged with its neighbours in time; fewer at both ends."""
    apart = np.subtract.outer(np.arange(len(pictures)), np.arange(len(pictures)))
    weights = np.exp(-0.5 * (apart / INSTANTS) ** 2).astype(np.float32)
    return np.tensordot(weights / weights.sum(1, keepdims=True), pictures, 1)


@cache
def _plane(side: int) -> Float32[np.ndarray, "s s 3"]:
    along = np.linspace(-1, 1, side, dtype=np.float32)
    across, down = np.meshgrid(along, along)
    return np.stack([np.ones_like(across), across, down], -1)


def head(side: int) -> tuple[slice, slice]:
    """Rows and columns of the head in a square picture."""
    top, bottom, left, right = (round(edge * side) for edge in HEAD)
    return slice(top, bottom), slice(left, right)


@dataclass(frozen=True)
class Template:
    """A picture, and what is needed to say how others have moved from it.

    Attributes:
      picture: smooth brightness, in grey levels.
    """

    picture: Picture

    def motion_to(self, other: Picture) -> Float32[np.ndarray, "m m 2"]:
        """Where the template's points are in `other`, in working pixels, on the grid kept."""
        posed, other = self._head_to(other)
        other = _detail(other)
        local = np.zeros((SIDE, SIDE, 2), np.float32)
        for window, (xx, xy, yy, determinant) in zip(WINDOWS, self._tensors, strict=True):
            held, before = PRIOR / window**2, local
            for _ in range(ROUNDS):
                moved = posed + cv2.resize(local, (WORKING, WORKING))
                change = _moved_back(other, moved) - self._detail
                pulled = self._slopes * cv2.merge((change, change))
                right, down = cv2.split(_pooled(pulled, window) + held * (local - before))
                step = (yy * right - xy * down, xx * down - xy * right)
                local = local - cv2.merge([part / determinant for part in step])
        return local + cv2.resize(posed, (SIDE, SIDE), interpolation=cv2.INTER_AREA)

    def _head_to(self, other: Picture) -> tuple[Field, Picture]:
        """The affine motion of the head to `other`, and `other` in the template's light."""
        inside, plane = head(WORKING), _plane(WORKING)
        moved = np.zeros((WORKING, WORKING, 2), np.float32)
        gain, offset = 1.0, 0.0
        for _ in range(3):
            warped = _moved_back(other, moved)
            change = (warped[inside] - offset) / gain - self.picture[inside]
            update = self._to_head @ change.ravel()
            moved = moved - plane @ update[:6].reshape(3, 2)
            offset, gain = offset + update[7] * gain, gain * (1 + update[6])
        return moved, (other - np.float32(offset)) / np.float32(gain)

    @cached_property
    def _to_head(self) -> Float32[np.ndarray, "8 p"]:
        """From changes of brightness over the head to its affine motion, gain and offset."""
        slopes, plane = _slopes(self.picture), _plane(WORKING)
        motion = (plane[..., None] * slopes[..., None, :]).reshape(WORKING, WORKING, 6)
        light = np.stack([self.picture, np.ones_like(self.picture)], -1)
        rows = np.concatenate([motion, light], -1)[head(WORKING)].reshape(-1, 8)
        rows = rows.astype(np.float64)
        return np.linalg.solve(rows.T @ rows + 1e-3 * np.eye(8), rows.T).astype(np.float32)

    @cached_property
    def _detail(self) -> Picture:
        return _detail(self.picture)

    @cached_property
    def _slopes(self) -> Field:
        return _slopes(self._detail)

    @cached_property
    def _tensors(self) -> list[tuple[Picture, Picture, Picture, Picture]]:
        """Per window the structure tensor with the prior on its diagonal, and its determinant."""
        x, y = self._slopes[..., 0], self._slopes[..., 1]
        products, tensors = np.stack([x * x, x * y, y * y], -1), []
        for window in WINDOWS:
            xx, xy, yy = np.moveaxis(_pooled(products, window), -1, 0)
            xx, yy = xx + PRIOR / window**2, yy + PRIOR / window**2
            tensors.append((xx, xy, yy, xx * yy - xy * xy))
        return tensors


def _detail(picture: Picture) -> Picture:
    return picture - cv2.GaussianBlur(picture, (0, 0), SURROUNDINGS)


def _slopes(picture: Picture) -> Field:
    """Change of brightness per pixel, to the right and down."""
    down, right = np.gradient(picture)
    return np.stack([right, down], -1)


def _pooled(products: Float32[np.ndarray, "s s c"], window: float) -> np.ndarray:
    """Weighted means over Gaussian windows, on the grid kept; `window` in working pixels."""
    small = cv2.resize(products, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (0, 0), window * SIDE / WORKING)


def _moved_back(picture: Picture, field: Field) -> Picture:
    """`picture` read where `field` says that the template's points have gone."""
    where = _points(len(picture)) + field
    nothing = np.empty(0, np.float32)
    return cv2.remap(picture, where, nothing, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@cache
def _points(side: int) -> Field:
    """Where each pixel is: to the right and down."""
    along = np.arange(side, dtype=np.float32)
    return np.stack(np.meshgrid(along, along), -1)


def published(stretched: UInt8[np.ndarray, "t h w 3"]) -> Float32[np.ndarray, "t m m 3"]:
    """Flow that others publish as pictures, as motion: u, v and strain, each scaled to a byte.

    u and v are displacement to the right and down; strain is what its publisher measured at full
    size. Every channel of a picture was stretched from its least to its greatest value, so where 0
    lay and how large a movement was are lost: the median stands for the one, and every channel's
    root mean square becomes 1.
    """
    moved = stretched.astype(np.float32)
    moved -= np.median(moved, (1, 2), keepdims=True)
    moved /= np.maximum(np.sqrt(np.square(moved).mean((1, 2), keepdims=True)), 1e-6)
    times = SIDE // stretched.shape[1]
    return moved.repeat(times, 1).repeat(times, 2)
