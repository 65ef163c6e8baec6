"""Maps of evidence drawn over the frames, with a legend and a description in words.

Frames turn grey and evidence orange, a pair that every common form of colour blindness tells apart;
what the deletion test held still is outlined, so that nothing hangs on colour alone.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from merclip_jax.timeline.maps import Explanation

ORANGE = np.array([255.0, 120.0, 0.0])  # RGB
OPAQUE = 0.75  # of the colour where evidence is strongest
GAP = 4  # pixels of white between the frames
ROWS, COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")  # of the picture


def film(
    frames: UInt8[np.ndarray, "t s s 3"],
    explanation: Explanation,
    shown: tuple[int, ...],
    side: int = 160,
) -> UInt8[np.ndarray, "side w 3"]:
    """Some frames beside each other under their evidence.

    Args:
      frames: those that were explained.
      explanation: what `maps.explain` said of them.
      shown: which frames, such as onset, apex and offset.
      side: height of the film in pixels.
    """
    most = explanation.map.max() or 1.0
    outline = _outline(explanation.highlighted, side)
    gap = np.full((side, GAP, 3), 255, np.uint8)
    pieces = []
    for index in shown:
        small = cv2.resize(frames[index], (side, side), interpolation=cv2.INTER_CUBIC)
        pieces += [_heated(small, explanation.map[index] / most, outline), gap]
    return np.hstack(pieces[:-1])


def legend(explanation: Explanation) -> str:
    """What the colours mean, to stand under a film."""
    if not explanation.highlighted.any():
        return f"No movement speaks for {explanation.target}, so nothing is coloured."
    return (
        f"Orange: movement that speaks for {explanation.target}, the stronger the more. Outlined: "
        f"the {explanation.highlighted.mean():.0%} of the picture with most of it, which the test "
        "holds still."
    )


def description(explanation: Explanation, instants: tuple[str, ...]) -> str:
    """A film in words, for those who do not see it.

    Args:
      explanation: as for `film`.
      instants: what each frame shows, such as 'onset', 'apex', 'offset'.
    """
    frames = f"The face at {', '.join(instants)}"
    if not explanation.highlighted.any():
        return f"{frames}; nothing is coloured."
    return (
        f"{frames}. Most evidence for {explanation.target} lies in the "
        f"{_place(explanation.map.sum(0))} of the picture, and in frame "
        f"{explanation.map.sum((1, 2)).argmax() + 1} of {len(explanation.map)}."
    )


def _heated(
    picture: UInt8[np.ndarray, "q q 3"],
    weights: Float[np.ndarray, "g g"],
    outline: Bool[np.ndarray, "q q"],
) -> UInt8[np.ndarray, "q q 3"]:
    """A grey picture, coloured by weights from 0 to 1."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float64)
    fine = cv2.resize(weights, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]
    mixed = grey + OPAQUE * fine * (ORANGE - grey)
    mixed[outline] = ORANGE
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _outline(cells: Bool[np.ndarray, "g g"], side: int) -> Bool[np.ndarray, "{side} {side}"]:
    """The border of the cells, one pixel wide, inside them."""
    large = cv2.resize(cells.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
    inner = cv2.erode(
        large, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    return large > inner


def _place(weights: Float[np.ndarray, "g g"]) -> str:
    """The ninth of the picture that holds most, in words."""
    grid = len(weights)
    third = np.minimum(np.arange(grid) * 3 // grid, 2)
    sums = np.zeros((3, 3))
    np.add.at(sums, (third[:, None], third[None]), weights)
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    if row == 1 and column == 1:
        return "centre"
    return f"{ROWS[row]} {COLUMNS[column]}"
