"""The action units (AUs): which parts of the face each one moves and which lines it makes.

Directions follow the muscles as FACS describes them (Ekman, Friesen, Hager 2002). Lengths are in
inter-pupillary distances; 'out' is away from the midline. 'L' and 'R' are the person's own left
and right: L is on the RIGHT of the picture.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pull:
    """A displacement (out, down) around an anchor that fades as a Gaussian (width, height)."""

    anchor: str
    out: float
    down: float
    width: float
    height: float


@dataclass(frozen=True)
class Fold:
    """A dark line: offset (out, down) from its anchor, standard deviations, tilt in degrees.

    A tilt above 0 turns the line's outer (or lower) end down (or inwards). `depth` is the share
    of light lost at the line's middle per reference pixel of amplitude.
    """

    anchor: str
    out: float
    down: float
    width: float
    height: float
    tilt: float
    depth: float


@dataclass(frozen=True)
class ActionUnit:
    """What one AU does to one side of the face.

    Attributes:
      pulls, folds: the parts; together the pulls are scaled to the amplitude asked for.
      travel: how far it moves when a brow moves by 1; lids and lips have less room.
      midline: it has no left and right forms; its anchors lie on the midline.
    """

    pulls: tuple[Pull, ...]
    folds: tuple[Fold, ...] = ()
    travel: float = 1.0
    midline: bool = False


NASOLABIAL = Fold("nose_wing", 0.15, 0.22, 0.02, 0.13, -30, 0.03)

ACTION_UNITS: dict[int, ActionUnit] = {
    1: ActionUnit(
        (Pull("brow_inner", 0.1, -1.0, 0.21, 0.24),),
        (
            Fold("forehead", 0.12, 0.10, 0.22, 0.022, 8, 0.02),
            Fold("forehead", 0.12, -0.04, 0.24, 0.022, 8, 0.015),
        ),
    ),
    2: ActionUnit(
        (Pull("brow_outer", 0.0, -1.0, 0.22, 0.24), Pull("brow_middle", 0.0, -0.5, 0.2, 0.22)),
        (Fold("brow_outer", -0.12, -0.22, 0.2, 0.022, -8, 0.02),),
    ),
    4: ActionUnit(
        (
            Pull("brow_inner", -0.5, 0.8, 0.20, 0.20),
            Pull("brow_middle", -0.2, 0.6, 0.24, 0.20),
        ),
        (Fold("brow_inner", -0.13, 0.02, 0.018, 0.09, 6, 0.035),),
    ),
    5: ActionUnit((Pull("lid_upper", 0.0, -1.0, 0.19, 0.085),), travel=0.45),
    6: ActionUnit(
        (Pull("cheek", 0.15, -1.0, 0.28, 0.21), Pull("lid_lower", 0.0, -0.5, 0.22, 0.10)),
        (
            Fold("eye_outer", 0.12, 0.05, 0.08, 0.014, 25, 0.025),
            Fold("lid_lower", 0.08, 0.12, 0.20, 0.020, -12, 0.025),
        ),
        travel=0.8,
    ),
    7: ActionUnit(
        (Pull("lid_lower", 0.0, -1.0, 0.21, 0.085), Pull("lid_upper", 0.0, 0.45, 0.2, 0.075)),
        (Fold("lid_lower", 0.0, 0.07, 0.16, 0.016, 0, 0.03),),
        travel=0.45,
    ),
    9: ActionUnit(
        (
            Pull("nose_wing", 0.0, -1.0, 0.17, 0.24),
            Pull("brow_inner", -0.3, 0.4, 0.17, 0.17),
            Pull("lip_side", 0.0, -0.4, 0.20, 0.12),
        ),
        (
            Fold("nose_root", 0.08, 0.10, 0.07, 0.018, 25, 0.045),
            Fold("nose_root", 0.10, 0.20, 0.06, 0.018, 25, 0.03),
        ),
        travel=0.75,
    ),
    10: ActionUnit(
        (Pull("lip_side", 0.1, -1.0, 0.19, 0.14), Pull("nose_wing", 0.15, -0.45, 0.16, 0.16)),
        (NASOLABIAL,),
        travel=0.7,
    ),
    12: ActionUnit(
        (Pull("lip_corner", 0.75, -0.65, 0.24, 0.21), Pull("cheek", 0.1, -0.35, 0.24, 0.20)),
        (NASOLABIAL,),
    ),
    14: ActionUnit(
        (Pull("lip_corner", 0.75, -0.1, 0.16, 0.14),),
        (Fold("lip_corner", 0.09, 0.0, 0.022, 0.07, 8, 0.045),),
        travel=0.7,
    ),
    15: ActionUnit(
        (Pull("lip_corner", 0.1, 1.0, 0.20, 0.19),),
        (Fold("lip_corner", 0.07, 0.13, 0.02, 0.08, -25, 0.03),),
        travel=0.8,
    ),
    17: ActionUnit(
        (Pull("chin", 0.0, -1.0, 0.30, 0.19), Pull("lip_lower", 0.0, -0.5, 0.28, 0.11)),
        (Fold("chin", 0.0, -0.14, 0.20, 0.025, 0, 0.03),),
        travel=0.8,
        midline=True,
    ),
    20: ActionUnit(
        (Pull("lip_corner", 1.0, 0.15, 0.26, 0.19),),
        (Fold("lip_corner", 0.12, 0.05, 0.02, 0.12, -15, 0.015),),
    ),
    24: ActionUnit(
        (Pull("lip_upper", 0.0, 0.8, 0.28, 0.09), Pull("lip_lower", 0.0, -0.8, 0.28, 0.09)),
        (Fold("lip_line", 0.0, 0.0, 0.28, 0.02, 0, 0.03),),
        travel=0.4,
        midline=True,
    ),
    25: ActionUnit(
        (Pull("lip_upper", 0.0, -0.5, 0.28, 0.08), Pull("lip_lower", 0.0, 1.0, 0.28, 0.11)),
        (Fold("lip_line", 0.0, 0.01, 0.20, 0.02, 0, 0.09),),
        travel=0.5,
        midline=True,
    ),
    26: ActionUnit(
        (Pull("chin", 0.0, 1.0, 0.42, 0.26), Pull("lip_lower", 0.0, 0.6, 0.28, 0.10)),
        midline=True,
    ),
}


def forms(unit: int) -> tuple[str, ...]:
    """The notations in which a unit can appear, such as ('12', 'L12', 'R12')."""
    return (str(unit),) if ACTION_UNITS[unit].midline else (str(unit), f"L{unit}", f"R{unit}")


def unit_and_sides(form: str) -> tuple[int, str]:
    """The unit and the sides of a form: 'L12' -> (12, 'L'), '12' -> (12, 'LR')."""
    return (int(form[1:]), form[0]) if form[0] in "LR" else (int(form), "LR")
