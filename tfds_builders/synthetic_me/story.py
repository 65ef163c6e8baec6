"""What happens in a clip: which emotion, which action units, when, how strongly, and what else.

A clip is a function of (corpus seed, subject, index). The table of AU sets gives every emotion
its usual sets and, as in real corpora, lets some sets belong to two emotions. What else happens
(speech, blinks, head drift, a resting tone of the muscles, light) never depends on the emotion.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from merclip_jax.errors import ConfigError
from tfds_builders.synthetic_me.anatomy import ACTION_UNITS, forms, unit_and_sides

FPS = 100.0  # nominal: the envelope lasts as long as a micro-expression at this rate
SPEECH = "26"  # the jaw: no emotion below uses it

# Emotion -> {AU cell: weight}. Sets that two emotions share bound what any reader of AUs can
# score, as in CASME II, whose sets these follow.
PRIOR: dict[str, dict[str, float]] = {
    "disgust": {"4+7": 26, "4": 16, "4+9": 12, "L10": 6, "R10": 5, "4+7+9": 10, "9": 7, "7": 6, "4+L10": 7, "17": 2, "14": 3},
    "happiness": {"12": 28, "6+12": 26, "L12": 8, "R12": 8, "12+25": 8, "6+12+25": 8, "6": 4, "12+14": 4, "14": 3, "1+2": 3},
    "others": {"4": 34, "4+7": 14, "14": 8, "1+4": 8, "17": 6, "R14": 5, "L14": 5, "12": 6, "2": 5, "15": 5, "24": 4},
    "repression": {"15": 18, "17": 16, "14": 14, "15+17": 12, "24": 12, "L14": 5, "R14": 5, "20": 6, "12": 6, "17+24": 6},
    "surprise": {"1+2": 34, "1+2+5": 22, "5": 8, "L2": 5, "R2": 5, "1+2+25": 12, "25": 5, "1": 5, "2+5": 4},
}  # fmt: skip
THREE_CLASSES = {"disgust": 1.0, "happiness": 2.0, "repression": 1.0, "surprise": 2.0}
CASME2 = {"disgust": 63.0, "happiness": 32.0, "others": 99.0, "repression": 27.0, "surprise": 28.0}


@dataclass(frozen=True)
class Corpus:
    """Which clips exist and what they look like. Lengths are pixels of a frame 224 wide.

    Attributes:
      seed: everything is drawn from it.
      subjects: number of identities.
      clips_per_subject: number of clips of each.
      first_subject: number of the first identity; corpora whose ranges do not overlap share none.
      size: side of the frames in pixels.
      frames: frames of a clip.
      amplitude: smallest and largest displacement at the apex.
      resting: spread of the muscles' resting tone, constant over a clip.
      drift: spread of the head's movement within a clip.
      noise: standard deviation of the camera's noise, in grey levels.
      distractors: probability of speech, and of a blink, in a clip.
      emotions: relative weight of each emotion.
    """

    seed: int = 0
    subjects: int = 26
    clips_per_subject: int = 10
    first_subject: int = 0
    size: int = 112
    frames: int = 24
    amplitude: tuple[float, float] = (0.3, 3.0)
    resting: float = 1.5
    drift: float = 0.5
    noise: float = 1.5
    distractors: float = 0.25
    emotions: dict[str, float] = field(default_factory=lambda: dict(CASME2), hash=False)

    def __post_init__(self) -> None:
        low, high = self.amplitude
        wrong = {
            "frames must be at least 8": self.frames < 8,
            "size must be at least 16 pixels": self.size < 16,
            "subjects and clips_per_subject must be positive": min(self.subjects, self.clips_per_subject) < 1,
            "seed and first_subject must not be negative": min(self.seed, self.first_subject) < 0,
            "amplitude must be (low, high) with 0 <= low <= high": not 0 <= low <= high,
            f"emotions must be among {', '.join(PRIOR)}": not set(self.emotions) <= set(PRIOR),
            "some emotion needs a positive weight": sum(self.emotions.values()) <= 0,
        }
        for message, holds in wrong.items():
            if holds:
                raise ConfigError(f"synthetic corpus: {message}; got {self}")

    @classmethod
    def micro(cls, **changes) -> "Corpus":
        """Micro-expressions in the class balance of CASME II."""
        return replace(cls(), **changes)

    @classmethod
    def macro(cls, **changes) -> "Corpus":
        """Strong expressions of other identities, balanced over the three classes."""
        strong = cls(
            first_subject=100_000, subjects=200, clips_per_subject=20, amplitude=(2.0, 10.0), emotions=THREE_CLASSES
        )
        return replace(strong, **changes)

    @classmethod
    def demo(cls, **changes) -> "Corpus":
        """Twelve subjects, nine clips each, three balanced classes."""
        return replace(cls(subjects=12, clips_per_subject=9, emotions=THREE_CLASSES), **changes)

    @classmethod
    def tiny(cls, **changes) -> "Corpus":
        """The smallest corpus that has folds; for tests."""
        small = cls(subjects=3, clips_per_subject=3, size=32, frames=8, emotions=THREE_CLASSES)
        return replace(small, **changes)


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


def tell(corpus: Corpus, subject: int, index: int) -> Story:
    """Draw the story of clip `index` of identity `subject`."""
    rng = np.random.default_rng(np.random.SeedSequence(corpus.seed, spawn_key=(subject, index + 1)))
    emotion = _draw(rng, corpus.emotions)
    aus = _draw(rng, PRIOR[emotion])
    onset, apex, hold, offset = _timing(rng, corpus.frames)
    envelope = expression(corpus.frames, onset, apex, hold, offset)
    cells = aus.split("+")
    share = rng.uniform(*corpus.amplitude) * rng.uniform(0.7, 1.0, len(cells)) / 0.85
    amplitudes = {cell: travel(cell) * part for cell, part in zip(cells, share, strict=True)}
    strengths = _resting(rng, corpus)
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
    )


def expression(frames: int, onset: int, apex: int, hold: int, offset: int) -> Float[np.ndarray, " t"]:
    """Strength over time: 0 up to `onset`, 1 from `apex` to `hold`, 0 from `offset`; smooth."""
    rise_and_fall = np.interp(np.arange(frames), [onset, apex, hold, offset], [0, 1, 1, 0])
    return rise_and_fall**2 * (3 - 2 * rise_and_fall)


def travel(form: str) -> float:
    """How far an AU form moves when a brow moves by 1."""
    return ACTION_UNITS[unit_and_sides(form)[0]].travel


def _draw(rng: np.random.Generator, weights: dict[str, float]) -> str:
    share = np.array(list(weights.values()))
    return list(weights)[rng.choice(len(share), p=share / share.sum())]


def _timing(rng: np.random.Generator, frames: int) -> tuple[int, int, int, int]:
    """Onset, apex, end of the hold and offset: the expression fills 60 to 90 % of the clip."""
    length = round(frames * rng.uniform(0.6, 0.9))
    onset = int(rng.integers(0, frames - length))
    apex = onset + max(2, round(length * rng.uniform(0.3, 0.5)))
    hold = apex + round(length * rng.uniform(0.0, 0.15))
    return onset, apex, hold, max(hold + 2, onset + length)


def _resting(rng: np.random.Generator, corpus: Corpus) -> dict[str, np.ndarray]:
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
    talks, hertz, phase, size = rng.random() < corpus.distractors, *rng.uniform((3, 0, 0.2), (6, 6.28, 0.8))
    return talks * size * (1 + np.sin(2 * np.pi * hertz * seconds + phase)) / 2


def _blink(rng: np.random.Generator, corpus: Corpus) -> np.ndarray:
    """Lid closure: about 8 frames down and up, at a random moment, often cut by the clip's ends."""
    blinks, middle, width = rng.random() < corpus.distractors, *rng.uniform((-4, 3), (corpus.frames + 4, 6))
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
