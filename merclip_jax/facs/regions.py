"""Where on an aligned face each action unit (AU) shows: Micro-AU CLIP's local independence.

A region is a set of ellipses over the skin that the AU's muscles move, in inter-pupillary distances
from the point between the pupils. The muscles are those of the FACS manual (Ekman, Friesen, Hager
2002); the places are anthropometric averages (nose base 45 mm, mouth 68 mm, chin 112 mm below the
eyes, 63 mm between the pupils). Regions overlap where anatomy does. 'L' and 'R' are the person's
own: L is the right half of the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from merclip_jax.errors import ConfigError


@dataclass(frozen=True)
class Ellipse:
    """Centre (out from the midline, down from the eyes) and half axes of a patch of skin."""

    out: float
    down: float
    half_width: float
    half_height: float


ALIGNED_EYES = 0.27  # eye distance that `face.alignment` gives: 0.26 to 0.28 on drawn faces


@dataclass(frozen=True)
class Frame:
    """Where the eyes are in an aligned picture, over its side.

    Attributes:
      eye_distance: between the pupils.
      eye_height: of the point between them, from the top.
    """

    eye_distance: float = 0.31
    eye_height: float = 0.39

    @classmethod
    def of_crop(cls, crop: str, eye_distance: float, eye_height: float) -> "Frame":
        """The frame of a run; an `eye_distance` of 0 stands for that of its `data.crop`."""
        usual = ALIGNED_EYES if crop == "aligned" else cls.eye_distance
        return cls(eye_distance or usual, eye_height)


TOUCHED = 0.15  # of a cell's surface, so that a sliver does not count

_FOREHEAD_INNER = Ellipse(0.15, -0.62, 0.28, 0.30)  # frontalis, pars medialis
_FOREHEAD_OUTER = Ellipse(0.62, -0.60, 0.36, 0.28)  # frontalis, pars lateralis
_GLABELLA = Ellipse(0.12, -0.25, 0.22, 0.26)  # corrugator supercilii, depressor supercilii
_BROW = Ellipse(0.52, -0.33, 0.42, 0.18)
_EYE = Ellipse(0.50, 0.0, 0.30, 0.20)  # levator palpebrae; orbicularis oculi, pars palpebralis
_CROWS_FEET = Ellipse(0.86, 0.04, 0.18, 0.22)  # orbicularis oculi, pars orbitalis
_CHEEK = Ellipse(0.62, 0.42, 0.36, 0.30)  # zygomatic region
_NOSE_ROOT = Ellipse(0.08, 0.05, 0.20, 0.28)  # procerus
_NOSE_WING = Ellipse(0.24, 0.58, 0.22, 0.24)  # levator labii superioris alaeque nasi, nasalis
_NASOLABIAL = Ellipse(0.40, 0.80, 0.22, 0.32)  # levator labii superioris, zygomaticus minor
_UPPER_LIP = Ellipse(0.16, 0.98, 0.28, 0.16)
_LOWER_LIP = Ellipse(0.16, 1.22, 0.28, 0.17)
_MOUTH = Ellipse(0.20, 1.09, 0.34, 0.20)  # orbicularis oris
_LIP_CORNER = Ellipse(0.42, 1.08, 0.26, 0.26)  # zygomaticus major, risorius, buccinator
_BELOW_CORNER = Ellipse(0.42, 1.32, 0.24, 0.26)  # depressor anguli oris
_CHIN = Ellipse(0.12, 1.52, 0.32, 0.26)  # mentalis
_JAW = Ellipse(0.45, 1.55, 0.40, 0.30)  # masseter, pterygoids
_NECK = Ellipse(0.35, 1.85, 0.50, 0.20)  # platysma

REGIONS: dict[int, tuple[Ellipse, ...]] = {
    1: (_FOREHEAD_INNER, _GLABELLA),
    2: (_FOREHEAD_OUTER, _BROW),
    4: (_GLABELLA, _BROW),
    5: (_EYE,),
    6: (_CHEEK, _CROWS_FEET),
    7: (_EYE,),
    8: (_UPPER_LIP, _LOWER_LIP),
    9: (_NOSE_ROOT, _NOSE_WING, _GLABELLA),
    10: (_NASOLABIAL, _UPPER_LIP, _NOSE_WING),
    11: (_NASOLABIAL,),
    12: (_LIP_CORNER, _NASOLABIAL, _CHEEK),
    13: (_LIP_CORNER, _CHEEK),
    14: (_LIP_CORNER,),
    15: (_LIP_CORNER, _BELOW_CORNER),
    16: (_LOWER_LIP, _BELOW_CORNER),
    17: (_CHIN, _LOWER_LIP),
    18: (_MOUTH,),
    19: (_MOUTH,),
    20: (_LIP_CORNER, _BELOW_CORNER),
    21: (_NECK,),
    22: (_MOUTH,),
    23: (_MOUTH,),
    24: (_MOUTH,),
    25: (_MOUTH,),
    26: (_MOUTH, _CHIN, _JAW),
    27: (_MOUTH, _CHIN, _JAW),
    28: (_MOUTH,),
    31: (_JAW,),
    38: (_NOSE_WING,),
    39: (_NOSE_WING,),
    43: (_EYE,),
    45: (_EYE,),
}


def mask(unit: int, side: str, grid: int, frame: Frame | None = None) -> Bool[np.ndarray, "g g"]:
    """The cells of a grid over the picture that an action unit's region touches.

    Args:
      unit: its FACS number.
      side: 'L', 'R', or '' for both.
      grid: cells along one side.
      frame: where the eyes are.

    Raises:
      ConfigError: the unit has no region, or none within the picture.
    """
    if unit not in REGIONS:
        raise ConfigError(f"action unit {unit} has no region; known are {sorted(REGIONS)}")
    frame = frame or Frame()
    sub = 8  # points along a cell: it is touched if one of them is inside
    place = (np.arange(grid * sub) + 0.5) / (grid * sub)
    x = (place - 0.5) / frame.eye_distance  # the midline is the picture's
    y = (place - frame.eye_height) / frame.eye_distance
    inside = np.zeros((grid * sub, grid * sub), bool)
    for ellipse in REGIONS[unit]:
        for sign, name in ((1, "L"), (-1, "R")):
            if side in ("", name):
                across = (x[None] - sign * ellipse.out) / ellipse.half_width
                down = (y[:, None] - ellipse.down) / ellipse.half_height
                inside |= across**2 + down**2 <= 1
    share = inside.reshape(grid, sub, grid, sub).mean(axis=(1, 3))
    if not share.any():
        raise ConfigError(f"action unit {unit}: with {frame} its region is outside the picture")
    return share >= min(TOUCHED, share.max())  # on a coarse grid at least the cell it fills most


def masks(
    units: Sequence[tuple[int, str]], grid: int, frame: Frame | None = None
) -> Bool[np.ndarray, "k g2"]:
    """The regions of several (unit, side), each as a row over the grid's cells, row by row."""
    return np.stack([mask(unit, side, grid, frame).reshape(-1) for unit, side in units])
