"""Long videos of one drawn person: micro-expressions among all else that a face does.

The person blinks, speaks in bouts, moves the head and changes the resting tone of the muscles;
none of that depends on the events. A video is a function of (corpus seed, subject, index).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from merclip_jax.errors import ConfigError
from merclip_jax.tfds_builders.synthetic_me import story
from merclip_jax.tfds_builders.synthetic_me.corpus import PRIOR, Corpus
from merclip_jax.tfds_builders.synthetic_me.motion import Rig

DURATION = (0.15, 0.5)  # seconds: micro-expressions last up to half a second (Yan et al. 2013)
APART = 0.5  # seconds of rest around every event
CHUNK = 50  # frames that are drawn at a time
SPOKEN = {"26": 1.0, "25": 0.5}  # AU forms of speech, relative to the jaw


@dataclass(frozen=True)
class Expression:
    """The truth of one event; times in milliseconds, as the first of the video's frames is at 0.

    Attributes:
      onset_ms, apex_ms, offset_ms: last still frame, first of full strength, first still again.
      emotion: one of `corpus.PRIOR`.
      aus: the AU cell in CASME II's notation.
      amplitude: the strongest displacement, in pixels of a frame 224 wide.
    """

    onset_ms: float
    apex_ms: float
    offset_ms: float
    emotion: str
    aus: str
    amplitude: float


@dataclass(frozen=True)
class Scene:
    """A video before it is drawn; the fields beside `fps` and `events` are those of `Story`."""

    fps: float
    events: tuple[Expression, ...]
    strengths: dict[str, Float[np.ndarray, " t"]]
    closed: Float[np.ndarray, " t"]
    head: Float[np.ndarray, "t 3"]
    gain: Float[np.ndarray, " t"]
    noise_seed: int


def tell(
    corpus: Corpus,
    subject: int,
    index: int,
    *,
    seconds: float = 20.0,
    events: int = 4,
    fps: float = story.FPS,
) -> Scene:
    """Draw what happens in video `index` of identity `subject`.

    Args:
      corpus: amplitudes, emotions, resting tone and drift; its `frames` do not matter.
      subject: number of the identity, as in `clips.identity`.
      index: number of the video, from 0.
      seconds: its length.
      events: how many micro-expressions it shows; each lies somewhere in its own equal share.
      fps: frames per second.

    Raises:
      ConfigError: the events do not fit.
    """
    room = seconds / max(events, 1)
    if room < DURATION[1] + 2 * APART:
        raise ConfigError(
            f"{events} events do not fit in {seconds} s: give each at least "
            f"{DURATION[1] + 2 * APART} s"
        )
    rng = np.random.default_rng(
        np.random.SeedSequence(corpus.seed, spawn_key=(subject, 0, index + 1))
    )
    corpus = replace(corpus, frames=round(seconds * fps))
    times = np.arange(corpus.frames) / fps
    strengths = {
        form: tone * (1 + 0.1 * _wander(rng, times))
        for form, tone in story.resting(rng, corpus).items()
    }
    shown = []
    for number in range(events):
        truth, moved = _event(rng, corpus, number * room, room, fps)
        shown.append(truth)
        _add(strengths, moved)
    speech = _speech(rng, times)
    _add(strengths, {form: share * speech for form, share in SPOKEN.items()})
    return Scene(
        fps,
        tuple(shown),
        strengths,
        closed=_blinks(rng, times),
        head=_head(rng, times, corpus.drift),
        gain=1 + 0.01 * _wander(rng, times),
        noise_seed=int(rng.integers(2**31)),
    )


def film(rig: Rig, scene: Scene, noise: float) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Act out a scene, frame by frame, in bounded memory; `noise` in grey levels."""
    grain = np.random.Generator(np.random.SFC64(scene.noise_seed))
    for start in range(0, len(scene.gain), CHUNK):
        part = slice(start, start + CHUNK)
        strengths = {form: values[part] for form, values in scene.strengths.items()}
        frames = rig.frames(strengths, scene.closed[part], scene.head[part], scene.gain[part])
        frames += noise * grain.standard_normal(frames.shape, dtype=np.float32)
        yield from np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def _event(
    rng: np.random.Generator, corpus: Corpus, start: float, room: float, fps: float
) -> tuple[Expression, dict[str, np.ndarray]]:
    """One micro-expression somewhere in `room` seconds from `start`: truth, and displacements."""
    emotion = story.draw(rng, corpus.emotions)
    aus = story.draw(rng, PRIOR[emotion])
    amplitudes = story.strengths_at_apex(rng, corpus, aus)
    length = rng.uniform(*DURATION)
    first = start + rng.uniform(APART, room - APART - length)
    rise, hold = length * rng.uniform(0.3, 0.5), length * rng.uniform(0.0, 0.15)
    instants = np.round(np.array([0, rise, rise + hold, length]) * fps + first * fps).astype(int)
    envelope = story.expression(corpus.frames, *(int(mark) for mark in instants))
    onset, apex, _, offset = (float(mark) * 1000 / fps for mark in instants)
    largest = max(size / story.travel(form) for form, size in amplitudes.items())
    truth = Expression(onset, apex, offset, emotion, aus, largest)
    return truth, {form: size * envelope for form, size in amplitudes.items()}


def _add(strengths: dict[str, np.ndarray], more: dict[str, np.ndarray]) -> None:
    for form, values in more.items():
        strengths[form] = strengths.get(form, 0.0) + values


def _speech(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """The jaw while the person talks: bouts of one or two seconds, a few syllables a second."""
    moved = np.zeros(len(times))
    for begin in _moments(rng, times, every=8.0):
        length, hertz, phase, size = rng.uniform((1, 3, 0, 0.3), (2, 6, 2 * np.pi, 1.5))
        inside = np.clip((times - begin) / length, 0, 1)
        moved += size * np.sin(np.pi * inside) * (1 + np.sin(2 * np.pi * hertz * times + phase)) / 2
    return moved


def _blinks(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Lid closure: 15 blinks a minute, each some 150 to 250 ms."""
    closed = np.zeros(len(times))
    for middle in _moments(rng, times, every=4.0):
        closed = np.maximum(closed, 1.2 - np.abs(times - middle) / rng.uniform(0.06, 0.1))
    return np.clip(closed, 0, 1)


def _head(rng: np.random.Generator, times: np.ndarray, drift: float) -> np.ndarray:
    """Slow sway, and now and then a move to another place within half a second or so."""
    pixels, degrees = 2 * drift, 0.6 * drift
    path = np.stack([size * _wander(rng, times) for size in (pixels, pixels, degrees)], 1)
    place = np.zeros(3)
    for begin in _moments(rng, times, every=6.0):
        target = rng.normal(0, (4 * drift, 4 * drift, 1.5 * drift))
        done = np.clip((times - begin) / rng.uniform(0.4, 0.9), 0, 1)
        path += (done**2 * (3 - 2 * done))[:, None] * (target - place)
        place = target
    return path


def _moments(rng: np.random.Generator, times: np.ndarray, every: float) -> np.ndarray:
    """Random times, on average one per `every` seconds."""
    length = len(times) * (times[1] - times[0])
    return np.sort(rng.uniform(0, length, rng.poisson(length / every)))


def _wander(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """A slow random path of about unit spread: waves of three to twenty seconds."""
    hertz, phase = rng.uniform((0.05, 0), (0.3, 2 * np.pi), (4, 2)).T
    return np.sin(2 * np.pi * np.outer(times, hertz) + phase).sum(1) / np.sqrt(2)
