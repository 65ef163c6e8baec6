"""What a model sees of packed clips: frames, pictures of their motion, or both.

One place for training, prediction and explanations. Augmentation of the look leaves motion alone;
a mirrored clip moves the other way.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt8
from ml_collections import ConfigDict

from merclip_jax.data import augment, motion, moves
from merclip_jax.towers.inputs import Both, ModelInput


class Stored(NamedTuple):
    """Frames as they are packed, and their motion; None where a model does not see it."""

    frames: UInt8[Array, "*n h w 3"] | UInt8[np.ndarray, "*n h w 3"] | None
    motion: UInt8[Array, "*n m m c"] | UInt8[np.ndarray, "*n m m c"] | None

    def rows(self, rows: Int[Array, "*n"] | Int[np.ndarray, "*n"]) -> "Stored":
        """Some rows of all that is stored."""
        return Stored(*(None if part is None else part[rows] for part in self))


def of_frames(frames: UInt8[np.ndarray, "t h w 3"], kind: str) -> Stored:
    """A single clip as it would be packed, for a model whose input is of this kind."""
    moved = motion.encode(motion.motion(frames)) if "motion" in kind else None
    return Stored(frames if "rgb" in kind else None, moved)


def seen(stored: Stored) -> ModelInput:
    """What a model sees of clips [b, t, ...], without augmentation."""
    frames = None if stored.frames is None else augment.normalize(jnp.asarray(stored.frames))
    moved = None if stored.motion is None else motion.pictures(stored.motion, _side(stored))
    return _joined(frames, moved)


def augmented(
    key: Key[Array, ""],
    stored: Stored,
    settings: ConfigDict,
    axis_name: str | None = None,
    alike: Bool[Array, "b n"] | None = None,
) -> ModelInput:
    """What a model sees of clips [b, t, ...] in training.

    With `axis_name` they are one device's of a batch.

    Args:
      settings: `config.augment`.
      alike: which clips of the whole batch show the same as each of these; None: none is mixed.
    """
    frames = moved = None
    if stored.frames is not None:
        frames = augment.augment(
            key,
            _placed(key, jnp.asarray(stored.frames), settings, axis_name),
            augmix=settings.augmix,
            mirror=settings.flip,
            color=settings.color,
            face_mix=settings.face_mix,
            face_mix_alpha=settings.face_mix_alpha,
            face_mix_self=settings.face_mix_self,
            hue=settings.hue,
            axis_name=axis_name,
        )
    if stored.motion is not None:
        fields = motion.reduced(motion.decode(stored.motion), _side(stored))
        if alike is not None:
            fields = moves.mix_halves(key, fields, alike, settings.half_mix, axis_name)
        fields = _placed(key, fields, settings, axis_name)
        if settings.flip:
            chosen = augment.mirrored(key, len(fields), axis_name)[:, None, None, None, None]
            fields = jnp.where(chosen, motion.mirror(fields), fields)
        if settings.disturb:
            fields = moves.disturb(key, fields, settings.disturb, axis_name)
        moved = motion.shown(fields)
    return _joined(frames, moved)


def _placed(
    key: Key[Array, ""], clips: Array, settings: ConfigDict, axis_name: str | None
) -> Array:
    """Frames (uint8) or motion of faces that are larger or smaller, and shifted."""
    if not (settings.zoom or settings.shift):
        return clips
    sizes, shifts = moves.places(key, len(clips), settings.zoom, settings.shift, axis_name)
    if clips.dtype == jnp.uint8:
        return jnp.round(moves.place(clips.astype(jnp.float32), sizes, shifts)).astype(jnp.uint8)
    return moves.grown(moves.place(clips, sizes, shifts), sizes)


def held_still(clips: ModelInput, rest: ModelInput, moving: Bool[Array, "g g"]) -> ModelInput:
    """Clips [t, ...] of which only some cells of a grid move; the others are `at_rest`."""

    def part(clip: Float[Array, "t s s 3"], rest: Float[Array, "t s s 3"]) -> Array:
        cell = clip.shape[1] // moving.shape[0]
        return jnp.where(moving.repeat(cell, 0).repeat(cell, 1)[..., None], clip, rest)

    return jax.tree.map(part, clips, rest)


def at_rest(stored: Stored, onset: int) -> ModelInput:
    """What a model would see of a clip [t, ...] if the face stayed as it is at the onset.

    Motion is none then. Of frames, the one given is shown all the time.
    """
    frames, moved = stored
    if frames is not None:
        frames = jnp.broadcast_to(jnp.asarray(frames)[onset], frames.shape)
    if moved is not None:
        moved = jnp.full(moved.shape, motion.STILL, jnp.uint8)
    return seen(Stored(frames, moved))


def _side(stored: Stored) -> int:
    """Beside frames all of the motion is seen, so that it divides as the frames do."""
    return motion.SEEN if stored.frames is None else motion.SIDE


def _joined(frames: Array | None, moved: Array | None) -> ModelInput:
    if frames is not None and moved is not None:
        return Both(frames, moved)
    alone = moved if frames is None else frames
    assert alone is not None  # `config.data.input` names one at least
    return alone
