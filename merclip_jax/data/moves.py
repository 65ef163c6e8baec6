"""Augmentation of where a face lies and of how it moves: pure functions of a key and a batch.

They work on decoded motion `[b, t, h, w, c]` (displacement to the right and down, and a measured
strain where there is one), `place` on frames too. With `axis_name` the clips are one device's of a
batch, and are drawn what they would be in it.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from merclip_jax.data.augmix import own_draws

COARSE = 2.8  # pixels: errors of measurement are alike within it
HALVES = 4  # upper, lower, left and right half

Fields = Float[Array, "b t h w c"]


def places(
    key: Key[Array, ""], n: int, zoom: float, shift: float, axis_name: str | None = None
) -> tuple[Float[Array, " n"], Float[Array, "n 2"]]:
    """How much larger each of `n` clips is shown, and where: its shift down and to the right.

    Sizes are even in their logarithm, from `1 / (1 + zoom)` to `1 + zoom`; shifts are shares of the
    side, up to `shift` each way.
    """
    size_key, shift_key = jax.random.split(jax.random.fold_in(key, 2))

    def draw(n: int) -> tuple[Array, Array]:
        sizes = jax.random.uniform(size_key, (n,), minval=-1.0)
        return sizes, jax.random.uniform(shift_key, (n, 2), minval=-1.0)

    sizes, shifts = own_draws(draw, n, axis_name)
    return jnp.exp(sizes * jnp.log1p(zoom)), shift * shifts


def place(clips: Fields, sizes: Float[Array, " b"], shifts: Float[Array, "b 2"]) -> Fields:
    """Clips about the picture's middle made larger and shifted; edges are repeated outwards."""
    rows, columns = (_reading(clips.shape[2 + i], sizes, shifts[:, i]) for i in range(2))
    return jnp.einsum("byh,bthwc,bxw->btyxc", rows, clips, columns)


def _reading(
    side: int, sizes: Float[Array, " b"], shifts: Float[Array, " b"]
) -> Float[Array, "b {side} {side}"]:
    """Weights by which each new pixel along one axis reads the old ones: linear interpolation."""
    pixels = jnp.arange(side)
    away = pixels + 0.5 - side * (0.5 + shifts[:, None])  # from the middle
    read = jnp.clip(away / sizes[:, None] + side / 2 - 0.5, 0, side - 1)
    return jnp.maximum(0, 1 - jnp.abs(read[..., None] - pixels))


def grown(fields: Fields, sizes: Float[Array, " b"]) -> Fields:
    """Displacement as it is in a larger picture; a measured strain does not change."""
    factors = jnp.array([1.0, 1.0, 0.0])[: fields.shape[-1]]
    return fields * (1 + factors * (sizes[:, None, None, None, None] - 1))


def disturb(
    key: Key[Array, ""], fields: Fields, most: float, axis_name: str | None = None
) -> Fields:
    """Add smooth errors to each frame, up to `most` times as large as the clip's own motion.

    Sizes are root mean squares over the clip: of displacement together, of a measured strain alone.
    """
    size_key, error_key = jax.random.split(jax.random.fold_in(key, 3))
    _, t, h, w, c = fields.shape
    coarse = (t, round(h / COARSE), round(w / COARSE), c)

    def draw(n: int) -> tuple[Array, Array]:
        share = jax.random.uniform(size_key, (n, 1, 1, 1, 1), maxval=most)
        return share, jax.random.normal(error_key, (n, *coarse))

    share, errors = own_draws(draw, len(fields), axis_name)
    errors = jax.image.resize(errors, fields.shape, "cubic")
    parts = [slice(0, 2), slice(2, None)][: c - 1]
    sized = [
        errors[..., part] * _size(fields[..., part]) / _size(errors[..., part]) for part in parts
    ]
    return fields + share * jnp.concatenate(sized, -1)


def _size(fields: Fields) -> Float[Array, "b 1 1 1 1"]:
    return jnp.sqrt(jnp.mean(jnp.square(fields), (1, 2, 3, 4), keepdims=True) + 1e-12)


def mix_halves(
    key: Key[Array, ""],
    fields: Fields,
    alike: Bool[Array, "b n"],
    prob: float,
    axis_name: str | None = None,
) -> Fields:
    """Give clips half of the motion of another one that shows the same, with probability `prob`.

    Args:
      alike: which clips of the whole batch each of these may take from; itself, if no other.
      prob: of a clip; the half is the upper, lower, left or right one, each as likely.
    """
    partner_key, half_key, prob_key = jax.random.split(jax.random.fold_in(key, 4), 3)

    def draw(n: int) -> tuple[Array, Array, Array]:
        likes = jax.random.uniform(partner_key, (n, n))
        halves = jax.random.randint(half_key, (n,), 0, HALVES)
        return likes, halves, jax.random.bernoulli(prob_key, prob, (n,))

    likes, halves, chosen = own_draws(draw, len(fields), axis_name)
    partners = jnp.argmax(jnp.where(alike, likes, -1.0), axis=1)
    everyone = fields
    if axis_name is not None:
        everyone = jax.lax.all_gather(fields, axis_name, tiled=True)
    inside = half_masks(*fields.shape[2:4])[halves] & chosen[:, None, None]
    return jnp.where(inside[:, None, ..., None], everyone[partners], fields)


def half_masks(h: int, w: int) -> Bool[Array, "4 h w"]:
    """Masks of the upper, lower, left and right half."""
    row, column = jnp.arange(h)[:, None] < h // 2, jnp.arange(w)[None] < w // 2
    both = jnp.ones((h, w), bool)
    return jnp.stack([row & both, ~row & both, column & both, ~column & both])


def same_shown(
    labels: Int[Array, "b ..."], sentences: Int[Array, " b"], axis_name: str | None = None
) -> Bool[Array, "b n"]:
    """Which clips of the whole batch have the label and the sentence of each of these."""
    own = jnp.concatenate([labels.reshape(len(labels), -1), sentences[:, None]], axis=1)
    everyone = own if axis_name is None else jax.lax.all_gather(own, axis_name, tiled=True)
    return (own[:, None] == everyone).all(-1)
