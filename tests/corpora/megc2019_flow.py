"""A fake of MEGC2019's published flow: the list, and one small picture per clip."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

FOLDER = "STSNet_whole_norm_u_v_os"
LIST = "combined_3_class2_for_optical_flow.csv"
HEADINGS = "dataset,sub,filename_o,label,apex,imagename,sub_filename"
# corpus, subject, clip, label, as the list has them; clips of CASME II recur in several subjects
ROWS = (
    ("casme2", "sub01", "EP02_01f", 1),
    ("casme2", "sub01", "EP03_02", 0),
    ("casme2", "sub02", "EP02_01f", 2),
    ("smic", "s01", "s01_ne_01", 0),
    ("smic", "s01", "s01_po_01", 1),
    ("smic", "s13", "s13_sur_02", 2),
    ("samm", "006", "006_1_2", 0),
    ("samm", "006", "006_1_3", 1),
    ("samm", "011", "011_2_1", 2),
)


def make_megc2019_flow(root: Path, rows: Sequence[tuple] = ROWS, blank: str = " ") -> Path:
    """The folder and the list; clips of one class move alike, and strain is 0 on most of a face."""
    place = root / "datasets" / FOLDER
    place.mkdir(parents=True)
    lines = [HEADINGS]
    for corpus, subject, clip, label in rows:
        picture = flow(label, len(clip) + len(subject) + len(corpus))
        cv2.imwrite(str(place / f"{subject}_{clip}{blank}.png"), picture[..., ::-1])
        named = clip.replace("s0", "s") if corpus == "smic" else clip  # the owner's s1_ne_01
        lines.append(f"{corpus},{subject},{clip},{label},,{subject}_{named}.jpg,")
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
