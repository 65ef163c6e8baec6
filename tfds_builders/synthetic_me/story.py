"""What happens in a clip: which emotion, which action units, when, how strongly, and what else.

A clip is a function of (corpus seed, subject, index). What else happens (speech, blinks, head
drift, a resting tone of the muscles, light) never depends on the emotion.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from merclip_jax.tfds_builders.synthetic_me.anatomy import ACTION_UNITS, forms, unit_and_sides
from merclip_jax.tfds_builders.synthetic_me.conditions import Recording
from merclip_jax.tfds_builders.synthetic_me.corpus import PRIOR, Corpus

FPS = 100.0  # nominal: the envelope lasts as long as a micro-expression at this rate
SPEECH = "26"  # the jaw: no emotion of the prior uses it


@dataclass(frozen=True)
class Story:
    """The truth of one clip. Times are frame indices from 0; lengths as in `Corpus`.

    Attributes:
      emotion: one of `PRIOR`.
      aus: the AU cell in CASME II's notation, such as '4+L10'.
      onset, apex, offset: last still frame, first frame of full strength, first still frame.
      amplitudes: displacement of each AU form at the apex.
      strengths: every AU form's displacement over time, with speech and resting tone.
      closed: how far the lids are shut, 0 to 1.
      head: shift right, shift down, roll in degrees.
      gain: light of each frame, relative to the neutral picture.
      noise_seed: seed of the camera's noise.
      recording: the clip's conditions; None where the corpus has none.
    """

    emotion: str
    aus: str
    onset: int
    apex: int
    offset: int
    amplitudes: dict[str, float]
    strengths: dict[str, Float[np.ndarray, " t"]]
    closed: Float[np.ndarray, " t"]
    head: Float[np.ndarray, "t 3"]
    gain: Float[np.ndarray, " t"]
    noise_seed: int
    recording: Recording | None = None


def tell(corpus: Corpus, subject: int, index: int) -> Story:
    """Draw the story of clip `index` of identity `subject`."""
    rng = np.random.default_rng(np.random.SeedSequence(corpus.seed, spawn_key=(subject, index + 1)))
    emotion = draw(rng, corpus.emotions)
    aus = draw(rng, PRIOR[emotion])
    onset, apex, hold, offset = _timing(rng, corpus.frames)
    envelope = expression(corpus.frames, onset, apex, hold, offset)
    amplitudes = strengths_at_apex(rng, corpus, aus)
    strengths = resting(rng, corpus)
    for cell, amplitude in amplitudes.items():
        strengths[cell] = strengths.get(cell, 0.0) + amplitude * envelope
    strengths[SPEECH] = _speech(rng, corpus)
    return Story(
        emotion,
        aus,
        onset,
        apex,
        offset,
        amplitudes,
        strengths,
        closed=_blink(rng, corpus),
        head=_drift(rng, corpus),
        gain=rng.normal(1.0, 0.03) + _wander(rng, corpus.frames, 0.003),
        noise_seed=int(rng.integers(2**31)),
        recording=_recording(corpus, subject, index),
    )


def _recording(corpus: Corpus, subject: int, index: int) -> Recording | None:
    """The conditions of a clip, from a generator of their own."""
    if not corpus.conditions:
        return None
    seeds = np.random.SeedSequence(corpus.seed, spawn_key=(subject, index + 1, 0))
    return Recording.draw(np.random.default_rng(seeds), corpus.conditions, corpus.frames)


def expression(
    frames: int, onset: int, apex: int, hold: int, offset: int
) -> Float[np.ndarray, " t"]:
    """Strength over time: 0 up to `onset`, 1 from `apex` to `hold`, 0 from `offset`; smooth."""
    rise_and_fall = np.interp(np.arange(frames), [onset, apex, hold, offset], [0, 1, 1, 0])
    return rise_and_fall**2 * (3 - 2 * rise_and_fall)


def strengths_at_apex(rng: np.random.Generator, corpus: Corpus, aus: str) -> dict[str, float]:
    """The displacement of each AU form of a cell; the strongest has the amplitude drawn."""
    cells = aus.split("+")
    share = rng.uniform(0.7, 1.0, len(cells))
    share *= rng.uniform(*corpus.amplitude) / share.max()
    return {cell: travel(cell) * part for cell, part in zip(cells, share, strict=True)}


def travel(form: str) -> float:
    """How far an AU form moves when a brow moves by 1."""
    return ACTION_UNITS[unit_and_sides(form)[0]].travel


def draw(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """One of the keys, drawn by weight."""
    share = np.array(list(weights.values()))
    return list(weights)[rng.choice(len(share), p=share / share.sum())]


def _timing(rng: np.random.Generator, frames: int) -> tuple[int, int, int, int]:
    """Onset, apex, end of the hold and offset: the expression fills 60 to 90 % of the clip."""
    length = round(frames * rng.uniform(0.6, 0.9))
    onset = int(rng.integers(0, frames - length))
    apex = onset + max(2, round(length * rng.uniform(0.3, 0.5)))
    hold = apex + round(length * rng.uniform(0.0, 0.15))
    return onset, apex, hold, max(hold + 2, onset + length)


def resting(rng: np.random.Generator, corpus: Corpus) -> dict[str, np.ndarray]:
    """A constant tone in some muscles: faces at rest differ by more than a micro-expression."""
    names = [name for unit in ACTION_UNITS for name in forms(unit) if unit != int(SPEECH)]
    chosen = rng.choice(names, 6, replace=False)
    return {
        str(name): np.full(corpus.frames, corpus.resting * travel(name) * tone)
        for name, tone in zip(chosen, rng.standard_normal(6), strict=True)
    }


def _speech(rng: np.random.Generator, corpus: Corpus) -> np.ndarray:
    """The jaw's movement of somebody about to speak: a few hertz, some tenths of a pixel."""
    seconds = np.arange(corpus.frames) / FPS
    talks = rng.random() < corpus.distractors
    hertz, phase, size = rng.uniform((3, 0, 0.2), (6, 2 * np.pi, 0.8))
    return talks * size * (1 + np.sin(2 * np.pi * hertz * seconds + phase)) / 2


def _blink(rng: np.random.Generator, corpus: Corpus) -> np.ndarray:
    """Lid closure, some 80 ms down and up, at any moment."""
    blinks = rng.random() < corpus.distractors
    middle, width = rng.uniform((-4, 3), (corpus.frames + 4, 6))
    away = np.abs(np.arange(corpus.frames) - middle) / width
    return blinks * np.clip(1.2 - away, 0, 1)


def _drift(rng: np.random.Generator, corpus: Corpus) -> np.ndarray:
    """Small movements of the head around a random place."""
    paths = [_wander(rng, corpus.frames, corpus.drift) for _ in range(2)]
    paths.append(_wander(rng, corpus.frames, 0.3 * corpus.drift))
    return np.stack(paths, 1) + rng.normal(0, (1.0, 1.0, 0.5), 3) * corpus.drift * 2


def _wander(rng: np.random.Generator, frames: int, spread: float) -> np.ndarray:
    """A slow random path: two low frequencies of random phase."""
    turns = np.linspace(0, 2 * np.pi, frames)
    rate, phase = rng.uniform(0.3, 1.2, 2), rng.uniform(0, 2 * np.pi, 2)
    return spread * np.sin(np.outer(turns, rate) + phase) @ rng.standard_normal(2)
