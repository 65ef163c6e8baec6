"""What makes a clip hard to read: lamps, turning heads, compression, lost frames, loose annotation.

Everything is drawn per clip from a generator of its own, so that a corpus without conditions keeps
its bytes. Emotion and action units stay exact; how a clip is recorded never depends on them.
"""

from dataclasses import astuple, dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

PORES = (1.5, 3.0, 6.0, 12.0, 24.0)  # scales of skin's texture, pixels of the neutral picture


@dataclass(frozen=True)
class Conditions:
    """How badly clips are recorded; the defaults leave them as they are.

    Attributes:
      lamp: largest change of the light's strength within a clip, and from one side of the picture
        to the other, as a share.
      haze: largest change of brightness that is added to all pixels within a clip, in grey levels.
      turn: spread of the head's yaw and pitch within a clip, in degrees.
      quality: worst and best JPEG quality (0 to 100) of a clip's frames; (0, 0): not compressed.
      lost: largest share of a clip's frames that are lost: left out, or the one before once more.
      misplaced: largest distance, in frames, of the annotated onset and apex from the true ones.
      cut: share of clips whose annotation ends at the apex.
      texture: spread of the skin's texture and of standing light over a face, as a share.
    """

    lamp: float = 0.0
    haze: float = 0.0
    turn: float = 0.0
    quality: tuple[int, int] = (0, 0)
    lost: float = 0.0
    misplaced: int = 0
    cut: float = 0.0
    texture: float = 0.0

    @property
    def possible(self) -> bool:
        """Whether there can be such conditions."""
        worst, best = self.quality
        shares = (self.lamp, self.lost, self.cut, self.texture)
        rest = (self.haze, self.turn, self.misplaced)
        return (
            0 <= worst <= best <= 100
            and all(0 <= share <= 1 for share in shares)
            and all(amount >= 0 for amount in rest)
        )

    def __bool__(self) -> bool:
        """Whether they change anything."""
        return astuple(self) != astuple(Conditions())


OTHER_SKIN = Conditions(texture=0.05)
HARD = Conditions(
    lamp=0.15,
    haze=10.0,
    turn=1.0,
    quality=(50, 95),
    lost=0.25,
    misplaced=2,
    cut=0.5,
    texture=0.05,
)


@dataclass(frozen=True)
class Recording:
    """The conditions of one clip.

    Attributes:
      gain: light of each frame, relative to the neutral picture.
      slope: how much brighter the right and the lower edge are than the middle, as a share.
      haze: grey levels added to all pixels.
      turn: yaw (to the picture's right) and pitch (down) in degrees.
      quality: of JPEG; 0: not compressed.
      source: which frame each frame shows, -1 for one that is left out.
      onset_late, apex_late: frames from the true ones to the annotated ones.
      ends_at_apex: the annotation ends there.
    """

    gain: Float[np.ndarray, " t"]
    slope: Float[np.ndarray, "t 2"]
    haze: Float[np.ndarray, " t"]
    turn: Float[np.ndarray, "t 2"]
    quality: int
    source: Int[np.ndarray, " t"]
    onset_late: int
    apex_late: int
    ends_at_apex: bool

    @classmethod
    def draw(cls, rng: np.random.Generator, conditions: Conditions, frames: int) -> "Recording":
        """The conditions of a clip of so many frames."""
        largest = conditions.misplaced
        onset_late, apex_late = rng.integers(-largest, largest + 1, 2)
        worst, best = conditions.quality
        return cls(
            gain=1 + conditions.lamp * _path(rng, frames),
            slope=conditions.lamp * np.stack([_path(rng, frames) for _ in range(2)], 1),
            haze=conditions.haze * _path(rng, frames),
            turn=conditions.turn * rng.standard_normal(2) * _path(rng, frames)[:, None],
            quality=int(rng.integers(worst, best + 1)),
            source=_shown(rng, frames, conditions.lost),
            onset_late=int(onset_late),
            apex_late=int(apex_late),
            ends_at_apex=bool(rng.random() < conditions.cut),
        )

    def annotated(self, onset: int, apex: int, offset: int) -> tuple[int, int, int]:
        """What an annotator writes for the true frames: in order, and within the clip."""
        onset = int(np.clip(onset + self.onset_late, 0, apex - 2))
        apex = int(np.clip(apex + self.apex_late, onset + 1, offset - 1))
        return onset, apex, apex if self.ends_at_apex else offset

    def lit(self, frames: Float32[np.ndarray, "t h w 3"]) -> Float32[np.ndarray, "t h w 3"]:
        """Frames under the moving light, in place."""
        along = np.linspace(-1, 1, frames.shape[1], dtype=np.float32)
        right, down = np.moveaxis(self.slope.astype(np.float32), 1, 0)
        across = right[:, None, None] * along + down[:, None, None] * along[:, None]
        frames *= (self.gain.astype(np.float32)[:, None, None] * (1 + across))[..., None]
        frames += self.haze.astype(np.float32)[:, None, None, None]
        return frames

    def stored(self, frames: UInt8[np.ndarray, "t h w 3"]) -> UInt8[np.ndarray, "s h w 3"]:
        """What is left of a clip's frames: compressed, some lost."""
        if self.quality:
            frames = np.stack([_compressed(frame, self.quality) for frame in frames])
        return frames[self.source[self.source >= 0]]


def weathered(
    picture: UInt8[np.ndarray, "n n 3"], rng: np.random.Generator, texture: float
) -> UInt8[np.ndarray, "n n 3"]:
    """A neutral picture with other skin and light: noise of all scales, a tilted lamp, a contrast.

    The weight of each scale is drawn, so that some faces have pores and others blotches.
    """
    side, bright = len(picture), np.zeros(picture.shape[:2], np.float32)
    for scale in PORES:
        small = rng.standard_normal((int(side / scale) + 2,) * 2, dtype=np.float32)
        grown = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
        bright += np.float32(texture * rng.exponential() / 2) * grown
    along = np.linspace(-1, 1, side, dtype=np.float32)
    right, down = 2 * texture * rng.standard_normal(2)
    bright += np.float32(right) * along + np.float32(down) * along[:, None]
    tone = np.float32(np.exp(2 * texture * rng.standard_normal()))
    seen = 255 * (picture / np.float32(255)) ** tone * np.exp(bright)[..., None]
    return np.rint(np.clip(seen, 0, 255)).astype(np.uint8)


def _path(rng: np.random.Generator, frames: int) -> Float[np.ndarray, " t"]:
    """A random path between -1 and 1: slow, or as quick as a micro-expression."""
    time = np.linspace(0, 2 * np.pi, frames)
    rate, phase = rng.uniform(0.2, 1.5), rng.uniform(0, 2 * np.pi)
    return rng.uniform(-1, 1) * np.sin(rate * time + phase)


def _shown(rng: np.random.Generator, frames: int, lost: float) -> Int[np.ndarray, " t"]:
    """Which frame each frame shows; the first is never lost."""
    source, repeats = np.arange(frames), rng.random() < 0.5
    gone = rng.random(frames) < lost * rng.random()
    for at in np.flatnonzero(gone[1:]) + 1:
        source[at] = source[at - 1] if repeats else -1
    return source


def _compressed(frame: UInt8[np.ndarray, "h w 3"], quality: int) -> UInt8[np.ndarray, "h w 3"]:
    """A frame as JPEG gives it back."""
    _, stored = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    seen = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    assert seen is not None  # it has just been made
    return seen[..., ::-1]
