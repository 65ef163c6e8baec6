"""Draw docs/images/au_regions.png: every action unit's region over a drawn face.

python docs/make_regions.py
"""

from pathlib import Path

import cv2
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from merclip_jax.facs import notation, regions
from merclip_jax.tfds_builders.synthetic_me.face import draw
from merclip_jax.tfds_builders.synthetic_me.traits import Traits

IMAGES = Path(__file__).parent / "images"
GRID, COLUMNS = 14, 8  # tokens along a side of ViT-B/16; pictures in a row
LEFT, RIGHT = np.array([0.05, 0.45, 0.75]), np.array([0.85, 0.45, 0.05])


def main() -> None:
    """The person's left half of a region is blue, the right one orange."""
    picture = draw(Traits.sample(np.random.default_rng(3))).picture
    side = picture.shape[0] // GRID * GRID
    face = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA).astype(float) / 255
    units = sorted(regions.REGIONS)
    rows = -(-len(units) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(1.5 * COLUMNS, 1.75 * rows))
    cell = np.ones((face.shape[0] // GRID,) * 2, bool)
    for ax in axes.flat:
        ax.axis("off")
    for ax, unit in zip(axes.flat, units, strict=False):
        shown = 0.35 + 0.65 * face.mean(-1, keepdims=True).repeat(3, -1)
        for side, colour in (("L", LEFT), ("R", RIGHT)):
            inside = np.kron(regions.mask(unit, side, GRID), cell)
            shown[inside] = 0.55 * shown[inside] + 0.45 * colour
        ax.imshow(shown.clip(0, 1))
        ax.set_title(f"{unit}  {notation.NAMES[unit]}", fontsize=6.5)
    figure.tight_layout(pad=0.3)
    figure.savefig(IMAGES / "au_regions.png", dpi=110)


if __name__ == "__main__":
    main()
