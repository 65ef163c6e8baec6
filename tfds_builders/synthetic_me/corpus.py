"""Which clips a synthetic corpus holds, and which action units its emotions show."""

from dataclasses import dataclass, field, replace
from typing import Any

from merclip_jax.errors import ConfigError
from merclip_jax.tfds_builders.synthetic_me.conditions import HARD, OTHER_SKIN, Conditions

# Emotion -> {AU cell: percent}. Sets that emotions share bound what any reader of AUs can score.
PRIOR: dict[str, dict[str, int]] = {
    "disgust": {
        "4+7": 24, "4": 16, "4+9": 12, "4+7+9": 10, "9": 7, "7": 6, "4+L10": 6, "L10": 5, "R10": 4,
        "14": 3, "12": 3, "1+2": 2, "1": 2,
    },
    "happiness": {
        "6+12": 25, "12": 24, "L12": 7, "R12": 7, "6+12+25": 8, "12+25": 7, "6": 5, "14": 6,
        "12+14": 4, "25": 3, "1+2": 4,
    },
    "others": {
        "4": 34, "4+7": 14, "14": 8, "1+4": 8, "17": 6, "12": 6, "R14": 5, "L14": 5, "2": 5,
        "15": 5, "24": 4,
    },
    "repression": {
        "15": 17, "17": 15, "14": 13, "15+17": 11, "24": 10, "12": 12, "L12": 4, "L14": 4, "R14": 4,
        "20": 5, "17+24": 5,
    },
    "surprise": {
        "1+2": 34, "1+2+5": 20, "1+2+25": 11, "5": 7, "1": 6, "L2": 5, "R2": 5, "25": 5, "2+5": 4,
        "12": 3,
    },
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
      tested: so many of the last identities are the split 'test', the others 'train'; 0: no splits.
      conditions: how badly the clips are recorded.
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
    tested: int = 0
    conditions: Conditions = Conditions()

    def __post_init__(self) -> None:
        low, high = self.amplitude
        wrong = {
            "frames must be at least 8": self.frames < 8,
            "size must be at least 16 pixels": self.size < 16,
            "subjects must be at least 1": self.subjects < 1,
            "clips_per_subject must be at least 1": self.clips_per_subject < 1,
            "tested must leave a subject to train on": not 0 <= self.tested < self.subjects,
            "seed must not be negative": self.seed < 0,
            "first_subject must not be negative": self.first_subject < 0,
            "amplitude must be (low, high) with 0 <= low <= high": not 0 <= low <= high,
            f"emotions must be among {', '.join(PRIOR)}": not set(self.emotions) <= set(PRIOR),
            "some emotion needs a positive weight": sum(self.emotions.values()) <= 0,
            "conditions need shares from 0 to 1 and qualities from 0 to 100, the worst first": (
                not self.conditions.possible
            ),
        }
        for message, holds in wrong.items():
            if holds:
                raise ConfigError(f"synthetic corpus: {message}; got {self}")

    @classmethod
    def micro(cls, **changes: Any) -> "Corpus":
        """Micro-expressions in the class balance of CASME II."""
        return replace(cls(), **changes)

    @classmethod
    def macro(cls, **changes: Any) -> "Corpus":
        """Strong expressions of other identities, balanced over the three classes."""
        strong = cls(first_subject=100_000, subjects=200, clips_per_subject=20)
        return replace(strong, amplitude=(1.0, 6.0), emotions=THREE_CLASSES, **changes)

    @classmethod
    def weak(cls, **changes: Any) -> "Corpus":
        """Micro-expressions of further identities, to learn small movements from."""
        small = cls(first_subject=200_000, subjects=60, clips_per_subject=20)
        return replace(replace(small, emotions=THREE_CLASSES), **changes)

    @classmethod
    def strangers(cls, **changes: Any) -> "Corpus":
        """The people of `macro` to train on, and 40 more, kept for the last figures."""
        return replace(cls.macro(), subjects=240, tested=40, **changes)

    @classmethod
    def demo(cls, **changes: Any) -> "Corpus":
        """Twelve subjects, nine clips each, three balanced classes."""
        return replace(cls(subjects=12, clips_per_subject=9, emotions=THREE_CLASSES), **changes)

    @classmethod
    def hard(cls, **changes: Any) -> "Corpus":
        """Micro-expressions of further identities, badly recorded."""
        bad = cls(first_subject=510_000, emotions=THREE_CLASSES, conditions=HARD)
        return replace(bad, **changes)

    @classmethod
    def college(cls) -> tuple["Corpus", ...]:
        """What the starting model is trained on: strong, weak and badly recorded expressions."""
        many = cls.weak(first_subject=300_000, subjects=180, clips_per_subject=12)
        bad = cls.hard(first_subject=450_000, subjects=150, clips_per_subject=12)
        return cls.macro(), cls.weak(), replace(many, conditions=OTHER_SKIN), bad

    @classmethod
    def tiny(cls, **changes: Any) -> "Corpus":
        """The smallest corpus that has folds; for tests."""
        small = cls(subjects=5, clips_per_subject=3, size=32, frames=8, emotions=THREE_CLASSES)
        return replace(small, **changes)

    def split(self, subject: int) -> str:
        """The part of the corpus that its subject, from 0, belongs to."""
        if not self.tested:
            return ""
        return "train" if subject < self.subjects - self.tested else "test"
