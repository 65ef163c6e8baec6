"""What could spoil a window: a lost face, a moving head, a blink, blur."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from merclip_jax.faces import crops
from merclip_jax.faces import face as faces

LOST, MOVES, BLINKS, BLURRED = "face lost", "head moves", "blink", "blurred"

ENOUGH = 0.8  # of a window's looks must find the face
STILL = 5.0  # percent: head motion above it is flagged
CLOSED = 0.6  # of the opening of the window's open eyes: below it is a blink
SHARP = 25.0  # variance of the Laplacian; a Gaussian blur of 3 of 224 pixels leaves 12 to 24
BLUR_SIZE = 112  # pixels: side of the frames in which it is measured, whatever the model's


@dataclass(frozen=True)
class Sight:
    """A face at one look: its mesh in pixels of the frame, how far its eyes are open."""

    mesh: Float[np.ndarray, "468 3"]
    opening: float


@dataclass(frozen=True)
class Quality:
    """How far a window is to be trusted.

    Attributes:
      face: share of the looks at the window that found the face, 0 to 1; NaN where none was sought.
      head_motion: root mean square distance of the points that expressions hardly move
        (`crops.STEADY`) from their median places, in percent of the distance between the eyes;
        NaN where the face is lost or was not sought.
      blink: whether the eyes are open and closed in this window; a look down counts as well.
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


def of_face(sights: Sequence[Sight | None]) -> Quality:
    """What the looks at a window's face tell; None stands for a look that did not find it."""
    with_mesh = [sight for sight in sights if sight is not None]
    share = len(with_mesh) / len(sights)
    if share < ENOUGH:
        return replace(NOT_LOOKED, face=share, flags=(LOST,))
    motion, blink = head_motion(with_mesh), blinks(with_mesh)
    flags = (MOVES,) * (motion > STILL) + (BLINKS,) * blink
    return Quality(share, motion, blink, np.nan, flags)


def with_blur(measured: Quality, frames: UInt8[np.ndarray, "t s s 3"]) -> Quality:
    """The same with the blur of the window's frames."""
    blur = sharpness(frames)
    return replace(measured, blur=blur, flags=measured.flags + (BLURRED,) * (blur < SHARP))


def head_motion(sights: Sequence[Sight]) -> float:
    """See `Quality.head_motion`."""
    meshes = [sight.mesh for sight in sights]
    right, left = faces.eye_centres(np.median(meshes, axis=0))
    return 100 * crops.head_motion(meshes, np.eye(2, 3)) / float(np.linalg.norm(left - right))


def blinks(sights: Sequence[Sight]) -> bool:
    """Whether the eyes are open in the window and closed in it, too, or look far down."""
    opening = np.array([sight.opening for sight in sights])
    return bool(opening.min() < CLOSED * np.percentile(opening, 90))


def sharpness(frames: UInt8[np.ndarray, "t s s 3"]) -> float:
    """See `Quality.blur`."""
    values = []
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        how = cv2.INTER_AREA if len(grey) > BLUR_SIZE else cv2.INTER_CUBIC
        grey = cv2.resize(grey, (BLUR_SIZE, BLUR_SIZE), interpolation=how)
        values.append(cv2.Laplacian(grey, cv2.CV_64F).var())
    return float(np.median(values))
