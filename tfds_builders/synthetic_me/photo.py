"""The second mode: neutral photographs that the user supplies, moved like the drawn faces."""

import zlib
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from merclip_jax.errors import DataError
from merclip_jax.faces import face as detector
from merclip_jax.tfds_builders.synthetic_me.face import SIDE, Anchors, Face

SUFFIXES = {".png", ".jpg", ".jpeg"}

EYES_APART, EYES_DOWN = 0.31, 0.39  # of drawn faces: between the pupils and from the top, over SIDE

# MediaPipe's canonical face mesh: the points whose middle is the anchor, on the person's right
# and on the person's left.
SIDED = {
    "brow_inner": ((55, 107), (285, 336)),
    "brow_middle": ((52, 105), (282, 334)),
    "brow_outer": ((46, 70), (276, 300)),
    "eye_inner": ((133,), (362,)),
    "eye_outer": ((33,), (263,)),
    "lid_upper": ((159,), (386,)),
    "lid_lower": ((145,), (374,)),
    "cheek": ((50,), (280,)),
    "nose_wing": ((129,), (358,)),
    "lip_corner": ((61,), (291,)),
    "lip_side": ((39, 81), (269, 311)),
}
MIDDLE = {
    "nose_root": (168,),
    "forehead": (151,),
    "lip_line": (13, 14),
    "lip_upper": (0, 13),
    "lip_lower": (14, 17),
    "chin": (199,),
}


def anchors_from_mesh(mesh: Float[np.ndarray, "468 d"], side: int) -> Anchors:
    """The anchors of a picture `side` pixels wide whose face mesh is `mesh`, in its pixels."""
    indices = MIDDLE | {f"{name}_r": right for name, (right, _) in SIDED.items()}
    indices |= {f"{name}_l": left for name, (_, left) in SIDED.items()}
    points = {name: mesh[list(at), :2].mean(axis=0) for name, at in indices.items()}
    return {name: ((x + 0.5) / side, (y + 0.5) / side) for name, (x, y) in points.items()}


def read(path: Path) -> Face:
    """The face in a photograph, upright, as large as drawn faces and in their place.

    Raises:
      DataError: the file is no readable picture, or there is no face in it.
    """
    stored = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if stored is None:
        raise DataError(f"{path}: no readable picture; replace the file or remove it")
    image = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
    mesh = detector.landmarks(image)
    if mesh is None:
        raise DataError(f"{path}: no face found; use a frontal photograph of one neutral face")
    matrix = _like_drawn(mesh)
    placed = mesh[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return Face(detector.crop(image, matrix, SIDE), anchors_from_mesh(placed, SIDE))


def _like_drawn(mesh: Float[np.ndarray, "468 d"]) -> Float[np.ndarray, "2 3"]:
    """The similarity transform for `detector.crop` that puts the eyes where drawn faces have them.

    Movements are stated in pixels, so a face of another size would move by another share of itself.
    """
    right, left = detector.eye_centres(mesh)
    across = left - right
    turn = np.array([across, [-across[1], across[0]]]) * EYES_APART * SIDE / (across @ across)
    place = np.array([0.5, EYES_DOWN]) * SIDE - 0.5
    return np.column_stack([turn, place - turn @ (right + left) / 2])


def subjects(folder: Path) -> dict[str, list[Path]]:
    """The pictures of each subject: `folder/NAME/*.png|jpg`, or `folder/NAME.png|jpg` for one.

    Raises:
      DataError: there are none.
    """
    found: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        pictures = sorted(entry.iterdir()) if entry.is_dir() else [entry]
        pictures = [path for path in pictures if path.suffix.lower() in SUFFIXES]
        if pictures:
            found.setdefault(entry.stem if entry.is_file() else entry.name, []).extend(pictures)
    if not found:
        raise DataError(
            f"{folder}: no pictures; put neutral frontal photographs there, "
            "as NAME/*.png (or .jpg), or NAME.png for a single one"
        )
    return found


def number(subject: str) -> int:
    """The number that stands for a subject's name in the corpus's seeds."""
    return zlib.crc32(subject.encode())
