"""From a corpus's definition to pixels: identities are cached, clips are rendered on demand."""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import UInt8

from merclip_jax.tfds_builders.records import Clip
from merclip_jax.tfds_builders.synthetic_me import conditions, face, story
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.tfds_builders.synthetic_me.motion import Rig
from merclip_jax.tfds_builders.synthetic_me.story import Story
from merclip_jax.tfds_builders.synthetic_me.traits import Traits


@lru_cache(maxsize=16)
def identity(seed: int, subject: int, size: int, texture: float = 0.0) -> Rig:
    """The drawn person `subject` of the corpora with this seed, ready to move.

    `texture` is that of `Conditions`.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(subject, 0)))
    drawn = face.draw(Traits.sample(rng))
    if texture:
        drawn = replace(drawn, picture=conditions.weathered(drawn.picture, rng, texture))
    return Rig(drawn, size)


def render_clip(
    corpus: Corpus, subject: int, index: int
) -> tuple[UInt8[np.ndarray, "t h w 3"], Clip]:
    """Clip `index` of the corpus's subject `subject` (both from 0): RGB frames, and the truth.

    The same arguments give the same bytes. The record's own `frames` are left empty, as the
    pixels stand beside it; `encode` makes the bytes that a stored record carries.
    """
    number = corpus.first_subject + subject
    plot = story.tell(corpus, number, index)
    rig = identity(corpus.seed, number, corpus.size, corpus.conditions.texture)
    frames = film(rig, plot, corpus.noise)
    return frames, record(plot, f"s{number:02d}", f"c{index:03d}", corpus.split(subject))


def film(rig: Rig, plot: Story, noise: float) -> UInt8[np.ndarray, "t h w 3"]:
    """Act out a story with a face, and photograph it; `noise` in grey levels."""
    recording = plot.recording
    turn = None if recording is None else recording.turn
    frames = rig.frames(plot.strengths, plot.closed, plot.head, plot.gain, turn)
    if recording is not None:
        frames = recording.lit(frames)
    grain = np.random.Generator(np.random.SFC64(plot.noise_seed))  # the quickest of NumPy's
    grey = grain.standard_normal(frames.shape, dtype=np.float32)
    grey *= noise
    grey += frames
    seen = np.clip(np.rint(grey, out=grey), 0, 255, out=grey).astype(np.uint8)
    return seen if recording is None else recording.stored(seen)


def record(plot: Story, subject: str, clip: str, split: str = "") -> Clip:
    """The clip record of a story, without frames; frame numbers count from 1."""
    times, numbers = (plot.onset, plot.apex, plot.offset), np.arange(len(plot.gain))
    if plot.recording is not None:
        times = plot.recording.annotated(*times)
        numbers = numbers[plot.recording.source >= 0]
    onset, apex, offset = (time + 1 for time in times)
    return Clip(
        dataset="synthetic_me",
        subject=subject,
        clip=clip,
        emotion=plot.emotion,
        aus=plot.aus,
        onset=onset,
        apex=apex,
        offset=offset,
        onset_used=onset,
        apex_used=apex,
        offset_used=offset,
        apex_valid=True,
        fps=story.FPS,
        frame_numbers=[int(number) + 1 for number in numbers],
        frames=[],
        split=split,
    )


def encode(frames: UInt8[np.ndarray, "t h w 3"]) -> list[bytes]:
    """PNG bytes: lossless, so that sub-pixel motion survives."""
    quick = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return [cv2.imencode(".png", frame[..., ::-1], quick)[1].tobytes() for frame in frames]
