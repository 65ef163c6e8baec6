"""A fake of MEGC2019's published flow: the list, and one small picture per clip."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

FOLDER = "STSNet_whole_norm_u_v_os"
LIST = "combined_3_class2_for_optical_flow.csv"
# corpus, subject, clip, label; clips of CASME II are named alike in several subjects
ROWS = (
    ("smic", "s01", "s01_ne_01", 0),
    ("smic", "s01", "s01_po_01", 1),
    ("smic", "s03", "s03_sur_02", 2),
    ("casme2", "sub01", "sub01_EP02_01f", 1),
    ("casme2", "sub01", "sub01_EP03_02", 0),
    ("casme2", "sub02", "sub02_EP02_01f", 2),
    ("samm", "006", "006_1_2", 0),
    ("samm", "006", "006_1_3", 1),
    ("samm", "011", "011_2_1", 2),
)


def make_megc2019_flow(
    root: Path, rows: Sequence[tuple] = ROWS, *, headings: str = "sub,imagename,label", blank=" "
) -> Path:
    """The folder and the list; clips of one class move alike, and strain is 0 on most of a face."""
    place = root / "datasets" / FOLDER
    place.mkdir(parents=True)
    for corpus, subject, clip, label in rows:
        picture = flow(label, len(clip) + len(subject) + len(corpus))
        cv2.imwrite(str(place / f"{clip}{blank}.png"), picture)  # as cv2 writes: u, v, strain
    lines = [headings] if headings else []
    for corpus, subject, clip, label in rows:
        given = [corpus, subject, clip, str(label)]
        lines.append(",".join(given if not headings else given[1:]))
    (root / LIST).write_text("\r\n".join(lines) + "\r\n")
    return place


def flow(label: int, seed: int) -> np.ndarray:
    """u, v and strain as bytes: a third of the face moves, another one for each class."""
    rng = np.random.default_rng(seed)
    u, v = rng.normal(128, 4, (2, 28, 28))
    third = slice(9 * label, 9 * label + 9)
    u[third] += 60
    v[third] -= 40
    strain = np.abs(rng.normal(0, 6, (28, 28)))
    strain[[9 * label, 9 * label + 8]] = 200
    return np.stack([u, v, strain], -1).clip(0, 255).round().astype(np.uint8)
