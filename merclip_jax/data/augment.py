"""Augmentation on the device: pure functions of a key and a batch of clips.

Everything can be jitted and vmapped over a leading fold axis. Clips are uint8 `[b, t, h, w, c]`
RGB until `normalize`; truncation to uint8 between the operations is that of the MER-CLIP release
@31037e9, whose order is AugMix, flip, colour jitter, normalisation, face mix. Each random function
has a twin with explicit draws (`apply_color_jitter`, `mix_regions`), which the golden tests use.
With `axis_name` the clips are one device's of a batch, and are drawn what they would be in it.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from merclip_jax.data.augmix import augmix as mix_chains
from merclip_jax.data.augmix import own_draws

MEAN = np.array([123.675, 116.28, 103.53], np.float32)  # ImageNet, RGB, 0..255
STD = np.array([58.395, 57.12, 57.375], np.float32)
REGIONS = ("forehead", "chin", "left_cheek", "right_cheek")  # left: of the picture

Clips = UInt8[Array, "b t h w c"]
Normalized = Float[Array, "b t h w c"]


def sample_frames(
    key: Key[Array, ""],
    lengths: Int[Array, " b"],
    n: int,
    train: bool,
    form: Literal["uniform", "ends", "first"] = "uniform",
) -> Int[Array, "b n"]:
    """Choose `n` frame indices for clips of `lengths` frames (each at least 1).

    uniform: `n` segments of (length - 1) / n frames. In training a frame is drawn from each, both
    ends included (neighbours share one); else the frame half a segment (rounded down) after its
    start, so the last frame is never reached. Clips shorter than `n` repeat from the start.
    ends: the same, but the last frame of each segment is predicted from: motion since the first
    frame says least in the first segment, and clips may stop at the apex.
    first: frames 0, 1, 2 ...; short clips repeat the last one (the release's "16KEY" folders).
    """
    index = jnp.arange(n)
    length = lengths[:, None]
    if form == "first":
        return jnp.minimum(index, length - 1)
    start = _rounded_ratio((length - 1) * index, n)
    stop = _rounded_ratio((length - 1) * (index + 1), n)
    if train:
        chosen = jax.random.randint(key, start.shape, start, stop + 1)
    else:
        chosen = stop if form == "ends" else start + (length - 1) // (2 * n)
    return jnp.where(length < n, index % length, chosen)


def cut(
    key: Key[Array, ""], lengths: Int[Array, " b"], apexes: Int[Array, " b"], prob: float
) -> Int[Array, " b"]:
    """Lengths of clips of which some end early: anywhere from the apex on, in frames."""
    which, where = jax.random.split(jax.random.fold_in(key, 1))
    ends = jax.random.randint(where, lengths.shape, apexes + 1, lengths + 1)
    return jnp.where(jax.random.bernoulli(which, prob, lengths.shape), ends, lengths)


def _rounded_ratio(numerator: Int[Array, "..."], denominator: int) -> Int[Array, "..."]:
    """Quotient rounded half to even (numpy's rule), in integers: no float can tip a half."""
    quotient, rest = jnp.divmod(numerator, denominator)
    up = (2 * rest > denominator) | ((2 * rest == denominator) & (quotient % 2 == 1))
    return quotient + up


def _luma(frames: Float[Array, "b t h w 3"]) -> Float[Array, "b t h w 1"]:
    return 0.2989 * frames[..., :1] + 0.587 * frames[..., 1:2] + 0.114 * frames[..., 2:]


def _scale_colors(
    frames: Float[Array, "b t h w 3"], factors: Float[Array, "b 3"]
) -> Float[Array, "b t h w 3"]:
    """Apply contrast about each frame's mean luma, saturation about each luma, and brightness."""
    brightness, contrast, saturation = jnp.moveaxis(factors, 1, 0)[:, :, None, None, None, None]
    mean = _luma(frames.mean((2, 3), keepdims=True))
    frames = contrast * frames + (1.0 - contrast) * mean
    frames = saturation * frames + (1.0 - saturation) * _luma(frames)
    return brightness * frames


def shift_hue(
    frames: Float[Array, "b t h w 3"], offsets: Int[Array, " b"]
) -> Float[Array, "b t h w 3"]:
    """Clip and truncate to uint8, then turn the hue by `offsets` (-180..180; 2 degrees each).

    Hue (0..179) and saturation are quantised to whole numbers as in OpenCV's 8-bit conversion,
    with its 12-bit reciprocals. The way back rounds; OpenCV's vector code truncates there.
    """
    rgb = jnp.clip(frames, 0.0, 255.0).astype(jnp.int32)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    value = jnp.maximum(jnp.maximum(red, green), blue)
    chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
    saturation = (chroma * _reciprocal(255 << 12, value) + 2048) >> 12
    sextant = jnp.where(value == green, blue - red + 2 * chroma, red - green + 4 * chroma)
    sextant = jnp.where(value == red, green - blue, sextant)
    hue = ((sextant * _reciprocal(30 << 12, chroma) + 2048) >> 12) + offsets[:, None, None, None]
    # Selects instead of remainders, which XLA:CPU does one number at a time.
    hue = hue + 180 * (hue < 0)
    hue = hue - 180 * (hue >= 180)
    depth = (value * saturation).astype(jnp.float32) / 255.0
    channels = []
    for start in (5.0, 3.0, 1.0):  # the cylinder formula of HSV, for red, green and blue
        k = start + hue.astype(jnp.float32) / 30.0
        k = k - 6.0 * (k >= 6.0)
        channels.append(value - depth * jnp.clip(jnp.minimum(k, 4.0 - k), 0.0, 1.0))
    return jnp.round(jnp.stack(channels, -1))


def _reciprocal(numerator: int, values: Int[Array, "..."]) -> Int[Array, "..."]:
    """Rounded `numerator / values`; at value 0 the other factor is 0, so anything will do."""
    return jnp.round(numerator / jnp.maximum(values, 1).astype(jnp.float32)).astype(jnp.int32)


def apply_color_jitter(
    clips: UInt8[Array, "b t h w 3"],
    order: Int[Array, "b 4"],
    factors: Float[Array, "b 3"],
    offsets: Int[Array, " b"],
) -> UInt8[Array, "b t h w 3"]:
    """Apply brightness (0), contrast (1), saturation (2) and hue (3) in `order`.

    The first three take `factors`, the hue `offsets` (units of 2 degrees). The result is clipped
    and truncated. The first three commute but for 1e-4 (the luma weights sum to 0.9999), so only
    their place before or after the hue, which clips and rounds, is followed: no branch is needed.
    """
    place = jnp.argsort(order, axis=1)
    before = jnp.where(place[:, :3] < place[:, 3:], factors, 1.0)
    after = jnp.where(place[:, :3] < place[:, 3:], 1.0, factors)
    frames = shift_hue(_scale_colors(clips.astype(jnp.float32), before), offsets)
    return jnp.clip(_scale_colors(frames, after), 0.0, 255.0).astype(jnp.uint8)


def color_jitter(
    key: Key[Array, ""],
    clips: Clips,
    brightness: float = 0.5,
    contrast: float = 0.5,
    saturation: float = 0.5,
    hue: float = 0.1,
    form: Literal["sound", "released"] = "sound",
    axis_name: str | None = None,
) -> Clips:
    """Jitter the colours with one draw per clip: order, three factors from 1 +- range, hue.

    `hue` is a share of the hue circle, at most 0.5: 0.1 is up to 36 degrees. The release multiplies
    it by 255 instead of 180 (up to 50 degrees), which form 'released' keeps. The offset is
    truncated towards zero to units of 2 degrees.
    """
    order_key, factor_key, hue_key = jax.random.split(key, 3)
    spread = jnp.array([brightness, contrast, saturation])
    circle = 180 if form == "sound" else 255

    def draw(n: int) -> tuple[Array, Array, Array]:
        order = jnp.argsort(jax.random.uniform(order_key, (n, 4)), axis=1)
        factors = jax.random.uniform(factor_key, (n, 3), minval=1.0 - spread, maxval=1.0 + spread)
        offsets = circle * jax.random.uniform(hue_key, (n,), minval=-hue, maxval=hue)
        return order, factors, offsets.astype(jnp.int32)

    return apply_color_jitter(clips, *own_draws(draw, len(clips), axis_name))


def mirrored(key: Key[Array, ""], n: int, axis_name: str | None = None) -> Bool[Array, " n"]:
    """Which of `n` clips `augment` mirrors with the same key."""
    flip_key = jax.random.split(key, 4)[1]
    return own_draws(lambda n: jax.random.bernoulli(flip_key, 0.5, (n,)), n, axis_name)


def flip(clips: Clips, chosen: Bool[Array, " b"]) -> Clips:
    """Mirror the chosen clips."""
    return jnp.where(chosen[:, None, None, None, None], clips[..., ::-1, :], clips)


def normalize(clips: UInt8[Array, "*axes c"]) -> Float[Array, "*axes c"]:
    """Map uint8 RGB to float32 with the release's (ImageNet's) mean and deviation."""
    return (clips.astype(jnp.float32) - MEAN) / STD


def region_masks(h: int, w: int) -> Bool[np.ndarray, "4 h w"]:
    """Masks of REGIONS: top and bottom quarter, left and right half of the rows between."""
    row, column = np.arange(h)[:, None], np.arange(w)
    middle = (row >= h // 4) & (row < 3 * h // 4)
    full = np.ones((h, w), bool)
    left = column < w // 2
    return np.stack(
        [full & (row < h // 4), full & (row >= 3 * h // 4), middle & left, middle & ~left]
    )


def mix_regions(
    clips: Normalized,
    partners: Int[Array, " b"],
    regions: Int[Array, " b"],
    chosen: Bool[Array, " b"],
    alpha: float = 0.5,
    axis_name: str | None = None,
) -> Normalized:
    """Blend one region of the `chosen` clips with frame 0 of their partners.

    Each frame becomes alpha * itself + (1 - alpha) * partner inside REGIONS[region]. Partners are
    read from the batch as it came in, so the order of the clips does not matter.
    """
    inside = jnp.asarray(region_masks(*clips.shape[2:4]))[regions] & chosen[:, None, None]
    firsts = clips[:, :1]
    if axis_name is not None:
        firsts = jax.lax.all_gather(firsts, axis_name, tiled=True)
    blend = alpha * clips + (1.0 - alpha) * firsts[partners]
    return jnp.where(inside[:, None, ..., None], blend, clips)


def local_static_face_mix(
    key: Key[Array, ""],
    clips: Normalized,
    alpha: float = 0.5,
    prob: float = 0.5,
    with_itself: bool = False,
    axis_name: str | None = None,
) -> Normalized:
    """LocalStaticFaceMix (MER-CLIP, section on augmentation) with one draw per clip.

    The still region of another face changes the look, never the motion's label. The partner is
    another clip: the release may draw the clip itself, which only damps its motion, and so does
    `with_itself`.
    """
    devices = 1 if axis_name is None else jax.lax.axis_size(axis_name)
    if len(clips) * devices < 2:
        return clips
    partner_key, region_key, prob_key = jax.random.split(key, 3)

    def draw(n: int) -> tuple[Array, Array, Array]:
        partners = (jnp.arange(n) + jax.random.randint(partner_key, (n,), not with_itself, n)) % n
        regions = jax.random.randint(region_key, (n,), 0, len(REGIONS))
        return partners, regions, jax.random.bernoulli(prob_key, prob, (n,))

    partners, regions, chosen = own_draws(draw, len(clips), axis_name)
    return mix_regions(clips, partners, regions, chosen, alpha, axis_name)


def augment(
    key: Key[Array, ""],
    clips: Clips,
    *,
    augmix: bool = True,
    mirror: bool = False,
    color: bool = True,
    face_mix: float = 0.5,
    face_mix_alpha: float = 0.5,
    face_mix_self: bool = False,
    hue: Literal["sound", "released"] = "sound",
    axis_name: str | None = None,
) -> Normalized:
    """Augment and normalise a training batch.

    The switches and `face_mix` (a probability) are static: what is off costs nothing.
    """
    keys = jax.random.split(key, 4)
    if augmix:
        clips = mix_chains(keys[0], clips, axis_name=axis_name)
    if mirror:
        clips = flip(clips, mirrored(key, len(clips), axis_name))
    if color:
        clips = color_jitter(keys[2], clips, form=hue, axis_name=axis_name)
    frames = normalize(clips)
    if face_mix > 0:
        frames = local_static_face_mix(
            keys[3], frames, face_mix_alpha, face_mix, face_mix_self, axis_name
        )
    return frames
