"""What could spoil a window: a lost face, a moving head, a blink, blur."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from merclip_jax import crops
from merclip_jax import face as faces

LOST, MOVES, BLINKS, BLURRED = "face lost", "head moves", "blink", "blurred"

ENOUGH = 0.8  # of a window's looks must find the face
STILL = 5.0  # percent: head motion above it is flagged
CLOSED = 0.7  # of the window's open eye: an opening below it is a blink
SHARP = 20.0  # variance of the Laplacian: below it a window is flagged
BLUR_SIZE = 112  # pixels: side of the frames in which it is measured, whatever the model's

# Mesh points of an eye: outer and inner corner, then upper and lower lid in two places.
_EYES = ((33, 133, 160, 144, 158, 153), (263, 362, 387, 373, 385, 380))


@dataclass(frozen=True)
class Quality:
    """How far a window is to be trusted.

    Attributes:
      face: share of the looks at the window that found the face, 0 to 1; NaN where none was sought.
      head_motion: root mean square distance of the points that expressions hardly move
        (`crops.STEADY`) from their median places, in percent of the distance between the eyes;
        NaN where the face is lost or was not sought.
      blink: whether an eye's opening falls well below what it is in this window.
      blur: variance of the Laplacian of the grey frames, scaled to 112 x 112 pixels; the median
        over the frames; the lower, the more blurred. NaN where the face is lost.
      flags: all of that in words, where it is worth a word: 'face lost', 'head moves', 'blink',
        'blurred'.
    """

    face: float
    head_motion: float
    blink: bool
    blur: float
    flags: tuple[str, ...]


NOT_LOOKED = Quality(np.nan, np.nan, False, np.nan, ())


def of_face(meshes: Sequence[Float[np.ndarray, "468 3"] | None]) -> Quality:
    """What the looks at a window's face tell; None stands for a look that did not find it."""
    found = np.stack([mesh for mesh in meshes if mesh is not None] or [np.zeros((468, 3))])
    share = sum(mesh is not None for mesh in meshes) / len(meshes)
    if share < ENOUGH:
        return replace(NOT_LOOKED, face=share, flags=(LOST,))
    right, left = faces.eye_centres(np.median(found, axis=0))
    motion = 100 * crops.head_motion([*found], np.eye(2, 3)) / float(np.linalg.norm(left - right))
    blink = blinks(found)
    flags = [MOVES] * (motion > STILL) + [BLINKS] * blink
    return Quality(share, motion, blink, np.nan, tuple(flags))


def with_blur(seen: Quality, frames: UInt8[np.ndarray, "t s s 3"]) -> Quality:
    """The same with the blur of the window's frames."""
    blur = sharpness(frames)
    return replace(seen, blur=blur, flags=seen.flags + (BLURRED,) * (blur < SHARP))


def blinks(meshes: Float[np.ndarray, "n 468 3"]) -> bool:
    """Whether both eyes close for a moment: their openings fall below 0.7 of the widest ones."""
    opening = np.mean([openings(meshes, eye) for eye in _EYES], axis=0)
    return bool(opening.min() < CLOSED * np.percentile(opening, 90))


def openings(meshes: np.ndarray, eye: Sequence[int]) -> np.ndarray:
    """The eye aspect ratio (Soukupova & Cech, CVWW 2016): mean lid distance over eye width."""
    outer, inner, *lids = (meshes[:, point, :2] for point in eye)
    heights = [np.linalg.norm(lids[i] - lids[i + 1], axis=1) for i in (0, 2)]
    return np.mean(heights, axis=0) / np.linalg.norm(outer - inner, axis=1)


def sharpness(frames: UInt8[np.ndarray, "t s s 3"]) -> float:
    """Median over the frames of the variance of the Laplacian; see `Quality.blur`."""
    values = []
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(grey, (BLUR_SIZE, BLUR_SIZE), interpolation=cv2.INTER_AREA)
        values.append(cv2.Laplacian(grey, cv2.CV_64F).var())
    return float(np.median(values))
