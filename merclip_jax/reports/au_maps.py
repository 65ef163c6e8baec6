"""Pictures of attention: where each action unit looked on a face, and which units it heard of.

The face is a drawn outline in the proportions that the regions assume: no person is shown.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from merclip_jax.facs import notation, regions
from merclip_jax.reports import figures
from merclip_jax.scoring.attention import Attention

COLUMNS = 4
FAINTEST = 0.03  # of the strongest cell of a map: what is less is not drawn

# Parts of a face by their lower end, in distances between the pupils below the eyes.
PARTS = (
    (-0.2, "brows and forehead"),
    (0.25, "eyes"),
    (0.85, "nose and cheeks"),
    (1.35, "mouth"),
    (np.inf, "chin"),
)


def regions_chart(sums: Attention, units: Sequence[str], frame: regions.Frame) -> figures.Chart:
    """For each unit the mean weight of every patch, over the outline of a face.

    Args:
      sums: attention over the clips that show each unit.
      units: their names.
      frame: where the eyes are in a picture.
    """
    grid = round(np.sqrt(sums.regions.shape[1]))
    rows = -(-len(units) // COLUMNS)
    figure, panels = figures.canvas(1.28 * rows, rows, COLUMNS)
    words = []
    for axes, unit, weights, clips in zip(panels, units, sums.regions, sums.clips, strict=False):
        mean = weights.reshape(grid, grid) / max(clips, 1)
        _draw_face(axes, frame)
        _draw_weights(axes, mean)
        number, side = notation.number_and_side(unit)
        _draw_outline(axes, regions.mask(number, side, grid, frame))
        axes.set_title(f"AU{unit}" if clips else f"AU{unit}: no clip", fontsize=9, pad=3)
        words.append(f"AU{unit} {_place(mean, frame)}" if clips else f"AU{unit} in no clip")
    for axes in panels:
        axes.set(xlim=(0, 1), ylim=(1, 0), aspect="equal")
        axes.set_axis_off()
    return figures.Chart(figure, "Where each unit looked most: " + "; ".join(words) + ".")


def units_chart(sums: Attention, units: Sequence[str]) -> figures.Chart:
    """How much each unit (row) takes from each other (column), in percent."""
    mean = np.asarray(sums.units) / np.maximum(sums.clips, 1)[:, None]
    figure, (axes,) = figures.canvas(0.36 * len(units) + 0.9)
    cells = [[f"{100 * share:.0f}" for share in row] for row in mean]
    figures.grid(axes, cells, mean / max(mean.max(), 1e-9), units)
    axes.set(xlabel="is heard", ylabel="listens")
    apart = mean * (1 - np.eye(len(units)))
    words = [
        f"AU{unit} to AU{units[row.argmax()]} ({100 * row.max():.0f} %)"
        for unit, row, clips in zip(units, apart, sums.clips, strict=True)
        if clips
    ]
    return figures.Chart(
        figure, "Which other unit each unit listens to most: " + "; ".join(words) + "."
    )


def share_inside(sums: Attention, units: Sequence[str], frame: regions.Frame) -> float:
    """The share of all attention that falls into the regions of the units that pay it."""
    grid = round(np.sqrt(sums.regions.shape[1]))
    inside = regions.masks([notation.number_and_side(unit) for unit in units], grid, frame)
    return float((sums.regions * inside).sum() / max(sums.regions.sum(), 1e-9))


def _place(mean: Float[np.ndarray, "g g"], frame: regions.Frame) -> str:
    """The part of the face where the strongest cell is, and on which side, in words."""
    row, column = np.unravel_index(mean.argmax(), mean.shape)
    out = ((column + 0.5) / len(mean) - 0.5) / frame.eye_distance
    down = ((row + 0.5) / len(mean) - frame.eye_height) / frame.eye_distance
    part = next(name for end, name in PARTS if down < end)
    side = "middle" if abs(out) < 0.2 else "left" if out > 0 else "right"
    return f"at {part}, {side}"


def _draw_weights(axes: Axes, mean: Float[np.ndarray, "g g"]) -> None:
    size, strongest = 1 / len(mean), max(mean.max(), 1e-9)
    for row, column in np.argwhere(mean > FAINTEST * strongest):
        share = float(mean[row, column] / strongest)
        place = (column * size, row * size)
        axes.add_patch(Rectangle(place, size, size, color=figures.ACCENT, alpha=0.9 * share, lw=0))


def _draw_outline(axes: Axes, inside: Bool[np.ndarray, "g g"]) -> None:
    """The border of a region's cells."""
    size, padded = len(inside), np.pad(inside, 1)
    across = np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])  # edges above (row, column)
    down = np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])  # edges left of (row, column)
    lines = [((c, r), (c + 1, r)) for r, c in across] + [((c, r), (c, r + 1)) for r, c in down]
    _add_lines(axes, [np.array(line) / size for line in lines], figures.INK, 0.7)


def _draw_face(axes: Axes, frame: regions.Frame) -> None:
    """An oval with brows, eyes, nose and mouth, at average places of an aligned face."""
    turn, arc = np.linspace(0, 2 * np.pi, 61), np.linspace(-1, 1, 21)
    height = np.where(np.cos(turn) > 0, 1.65, 1.68)  # above and below the middle of the face
    jaw = 1 - 0.12 * np.clip(-np.cos(turn), 0, 1)
    halves = [
        [0.5 + 0.24 * arc, -0.11 * (1 - arc**2)],  # eye, upper lid
        [0.5 + 0.24 * arc, 0.09 * (1 - arc**2)],
        [0.52 + 0.36 * arc, -0.3 - 0.1 * (1 - arc**2)],  # brow
        [0.14 + 0.09 * (1 + arc), 0.15 + 0.25 * (1 + arc)],  # nose
        [0.16 * (1 + arc), 0.65 + 0.05 * (1 - arc)],
    ]
    lines = [np.stack([sign * np.array(x), y], 1) for x, y in halves for sign in (1, -1)]
    lines.append(np.stack([1.12 * jaw * np.sin(turn), 0.1 - height * np.cos(turn)], 1))
    lines += [np.stack([0.42 * arc, 1.09 + bend * (1 - arc**2)], 1) for bend in (-0.1, 0, 0.13)]
    places = [
        line * frame.eye_distance + np.array([0.5, frame.eye_height], float) for line in lines
    ]
    _add_lines(axes, places, figures.MUTED, 0.6)


def _add_lines(
    axes: Axes, lines: Sequence[Float[np.ndarray, "_ 2"]], color: str, width: float
) -> None:
    """Many lines as one path, which keeps the page small."""
    if lines:
        path = Path.make_compound_path(*(Path(line) for line in lines))
        axes.add_patch(PathPatch(path, fill=False, edgecolor=color, lw=width))
