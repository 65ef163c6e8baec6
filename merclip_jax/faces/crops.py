"""The frames of a clip as squares of one size, in one of three ways (`data.crop`).

'owner' trusts the crop of whoever made the frames, 'aligned' puts the face upright in the middle,
'none' keeps the whole frame. All frames of a clip are treated alike: to move one against
another would erase or feign the motion that the clip is about.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from merclip_jax.errors import ConfigError
from merclip_jax.faces import face
from merclip_jax.settings import fields

WAYS = fields.choices("data.crop")
MEASURED = ("faces", "head_motion", "roll")  # what 'aligned' knows of a clip; see `align`
LOOKED_AT = 16  # frames of a clip, evenly spread, in which its face is sought
ENOUGH = 0.5  # of them must show a face; one hit among many is no face
STEADY = (33, 133, 362, 263, 168, 6, 197)  # mesh points that expressions hardly move: the corners
# of the eyes and the bridge of the nose


def squares(
    frames: Sequence[UInt8[np.ndarray, "h w 3"]], size: int, crop: str
) -> tuple[list[UInt8[np.ndarray, "s s 3"]], dict[str, float]]:
    """Bring the frames of one clip to size x size pixels.

    Args:
      frames: all of one clip, RGB, of any sizes unless aligned.
      size: pixels.
      crop: one of `WAYS`.

    Returns:
      The frames, and what `align` measured; nothing was measured the other ways.

    Raises:
      ConfigError: the package with the face networks is needed and not installed.
    """
    if crop == "aligned":
        return align(frames, size)
    way = {"owner": resize_and_crop, "none": whole}[crop]
    return [way(frame, size) for frame in frames], {}


def resize_and_crop(image: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "s s 3"]:
    """Short side to `size` (bilinear), then the centre square, as the MER-CLIP release does."""
    height, width = image.shape[:2]
    scale = size / min(height, width)
    new = (max(size, int(width * scale + 0.5)), max(size, int(height * scale + 0.5)))
    image = cv2.resize(image, new, interpolation=cv2.INTER_LINEAR)
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size]


def whole(image: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "s s 3"]:
    """Long side to `size`, in the middle of a black square: nothing is cut off or distorted."""
    scale = size / max(image.shape[:2])
    height, width = (max(1, round(length * scale)) for length in image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR  # AREA: no aliasing when it shrinks
    top, left = (size - height) // 2, (size - width) // 2
    square = np.zeros((size, size, 3), np.uint8)
    inside = cv2.resize(image, (width, height), interpolation=how)
    square[top : top + height, left : left + width] = inside
    return square


def align(
    frames: Sequence[UInt8[np.ndarray, "h w 3"]], size: int
) -> tuple[list[UInt8[np.ndarray, "s s 3"]], dict[str, float]]:
    """Put a clip's face upright in the middle by one transform for all frames (`face.alignment`).

    The transform comes from the median mesh of up to `LOOKED_AT` frames; of several faces in a
    frame the largest counts. A clip with a face in less than half of them is resized as 'owner'
    does, so that a set of clips stays complete; its 'faces' shows it.

    Args:
      frames: all of one clip, RGB, of one size.
      size: side of the squares in pixels.

    Returns:
      The frames, and of the clip: 'faces', the share of the frames looked at that show a face;
      'head_motion' (see there); 'roll', by how many degrees the head was turned clockwise in the
      picture. The last two are NaN where the clip was not aligned.

    Raises:
      ConfigError: the package with the face networks is not installed.
    """
    looked_at = np.unique(np.linspace(0, len(frames) - 1, LOOKED_AT).round().astype(int))
    detected = [face.landmarks(frames[i]) for i in looked_at]
    meshes = [mesh for mesh in detected if mesh is not None]
    faces = len(meshes) / len(detected)
    if faces < ENOUGH:
        plain = [resize_and_crop(frame, size) for frame in frames]
        return plain, dict(zip(MEASURED, (faces, np.nan, np.nan), strict=True))
    matrix = face.alignment(meshes, size)
    roll = float(np.degrees(np.arctan2(-matrix[1, 0], matrix[0, 0])))
    measured = (faces, head_motion(meshes, matrix), roll)
    aligned = [face.crop(frame, matrix, size) for frame in frames]
    return aligned, dict(zip(MEASURED, measured, strict=True))


def face_margin(pictures: Sequence[UInt8[np.ndarray, "s s 3"]]) -> float | None:
    """How large faces are in square pictures, as the free border that `face.alignment` would take.

    With it, the faces of other videos are cut as large as a model has seen them.

    Returns:
      The median over the pictures that show a face, as a fraction of the side; None if none does,
      or if the package with the face networks is not installed.
    """
    try:
        meshes = [(face.landmarks(picture), len(picture)) for picture in pictures]
    except ConfigError:
        return None
    shares = [np.ptp(mesh[:, :2], axis=0).max() / side for mesh, side in meshes if mesh is not None]
    return float((1 - np.median(shares)) / 2) if shares else None


def head_motion(
    meshes: Sequence[Float[np.ndarray, "468 3"]], matrix: Float[np.ndarray, "2 3"]
) -> float:
    """How far the head moves in a clip, in pixels of its crop.

    The root mean square distance of the `STEADY` points from their median places: it does
    not depend on how far apart in time the frames are. Unsteady landmarks count as motion, too.

    Args:
      meshes: one per frame, in pixels of the picture.
      matrix: of `face.alignment`.
    """
    points = np.stack(meshes)[:, list(STEADY), :2] @ matrix[:, :2].T
    away = points - np.median(points, axis=0)
    return float(np.sqrt((away**2).sum(axis=-1).mean()))
