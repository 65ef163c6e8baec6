"""Draw docs/images/synthetic_contact_sheet.png and docs/images/synthetic_flip.png.

python docs/make_contact_sheet.py
"""

from pathlib import Path

import cv2
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float32

from merclip_jax.tfds_builders.synthetic_me import clips
from merclip_jax.tfds_builders.synthetic_me.motion import Rig
from merclip_jax.tfds_builders.synthetic_me.story import travel

IMAGES = Path(__file__).parent / "images"
SUBJECTS = (1, 4, 7, 11, 13, 17)
CELLS = ("1+2", "4", "5", "6+12", "9", "L10", "14", "15+17", "25")
MACRO, MICRO = 8.0, 1.5  # pixels of a frame 224 wide
SIDE = 224
DIFFERENCE_GAIN = 6


def act(rig: Rig, cell: str, amplitude: float) -> Float32[np.ndarray, "h w 3"]:
    """A still of an AU cell at this amplitude, without noise."""
    strengths = {form: np.full(1, amplitude * travel(form)) for form in cell.split("+")}
    return rig.frames(strengths, np.zeros(1), np.zeros((1, 3)), np.ones(1))[0]


def show(axes: plt.Axes, image: np.ndarray, title: str = "", label: str = "") -> None:
    """One cell of a sheet."""
    axes.imshow(image.astype(np.uint8), interpolation="none")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)
    axes.set_ylabel(label, fontsize=9)
    for spine in axes.spines.values():
        spine.set_visible(False)


def contact_sheet() -> None:
    """Subjects by AU cells, at macro amplitude."""
    columns = ("neutral", *CELLS)
    size = (1.05 * len(columns), 1.08 * len(SUBJECTS) + 0.3)
    figure, grid = plt.subplots(len(SUBJECTS), len(columns), figsize=size, layout="constrained")
    for row, subject in zip(grid, SUBJECTS, strict=True):
        rig = clips.identity(0, subject, SIDE)
        for axes, cell in zip(row, columns, strict=True):
            still = act(rig, "1", 0.0) if cell == "neutral" else act(rig, cell, MACRO)
            title = cell if cell == "neutral" else f"AU {cell}"
            small = cv2.resize(still, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
            show(axes, small, title if subject == SUBJECTS[0] else "")
    figure.savefig(IMAGES / "synthetic_contact_sheet.png", dpi=100)
    plt.close(figure)


def flip() -> None:
    """Onset, apex and what changed, at macro and at micro amplitude."""
    figure, grid = plt.subplots(2, 4, figsize=(9, 4.8), layout="constrained")
    rig, cell = clips.identity(0, SUBJECTS[3], SIDE), "1+2+5"
    onset = act(rig, cell, 0.0)
    for row, amplitude, name in zip(grid, (MACRO, MICRO), ("macro", "micro"), strict=True):
        apex = act(rig, cell, amplitude)
        changed = np.clip(DIFFERENCE_GAIN * np.abs(apex - onset), 0, 255)
        top = row[0] is grid[0, 0]
        show(row[0], onset, "onset" if top else "", f"{name}: {amplitude:g} px at 224")
        show(row[1], apex, "apex" if top else "")
        show(row[2], changed, f"difference x {DIFFERENCE_GAIN}" if top else "")
        strengths = {form: np.full(1, amplitude * travel(form)) for form in cell.split("+")}
        field = rig.displacement(strengths)[0]
        show(row[3], onset, "displacement (not to scale)" if top else "")
        at = np.arange(4, SIDE, 9)
        arrows = field[np.ix_(at, at)]
        strong = np.linalg.norm(arrows[..., :2], axis=-1) > 0.1 * amplitude
        y, x = np.meshgrid(at, at, indexing="ij")
        drawn = (part[strong] for part in (x, y, arrows[..., 0], arrows[..., 1]))
        scale = amplitude / 14  # the longest arrow is 14 pixels
        row[3].quiver(
            *drawn, angles="xy", scale_units="xy", scale=scale, color="yellow", width=0.005
        )
    figure.savefig(IMAGES / "synthetic_flip.png", dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    contact_sheet()
    flip()
