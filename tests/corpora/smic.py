"""A fake SMIC on disk: a tree of folders and no annotation."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from corpora import pictures

# layout -> where its subject folders lie, and how a frame is called
FRAMES = {
    "hs_cropped": ("SMIC_all_cropped/HS", "reg_image{:06d}.bmp"),
    "hs_raw": ("SMIC_all_raw/HS", "image{:06d}.bmp"),
    "vis_cropped": ("SMIC_all_cropped/VIS", "reg_{:05d}.bmp"),
    "vis_raw": ("SMIC_all_raw/VIS", "{:05d}.bmp"),
    "nir_cropped": ("SMIC_all_cropped/NIR", "reg_{:05d}.bmp"),
    "nir_raw": ("SMIC_all_raw/NIR", "{:05d}.bmp"),
}
LABELS = {"ne": "negative", "po": "positive", "sur": "surprise"}
COUNTS = {1: (1, 1, 1), 3: (2, 0, 1), 20: (0, 1, 0)}  # subject -> clips of each label

# Clips per subject and label of the high-speed release, counted in the MEGC2019 ground truth.
REAL_COUNTS = {
    **{1: (3, 2, 1), 2: (0, 1, 5), 3: (22, 11, 6), 4: (10, 4, 5), 5: (1, 0, 1), 6: (2, 0, 2)},
    **{8: (9, 4, 0), 9: (0, 1, 3), 11: (3, 3, 1), 12: (0, 8, 1), 13: (0, 10, 0), 14: (3, 2, 5)},
    **{15: (1, 1, 2), 18: (2, 0, 5), 19: (0, 1, 1), 20: (14, 3, 5)},
}


def make_smic(
    root: Path,
    layout: str = "hs_cropped",
    counts: Mapping[int, tuple[int, int, int]] = COUNTS,
    *,
    length: int = 6,
    size: tuple[int, int] = (34, 28),
    padded: bool = False,
) -> list[tuple[str, str, int]]:
    """The clips made: label, name, first frame number; every clip has `length` frames.

    `size` is (height, width) in pixels; `padded` writes s01 for s1, as some copies do.
    """
    place, frame = FRAMES[layout]
    made, first = [], 99_000 if layout.startswith("hs") else 7_750
    for subject, wanted in counts.items():
        person = f"s{subject:02d}" if padded else f"s{subject}"
        top = root / place / person
        for (code, label), many in zip(LABELS.items(), wanted, strict=True):
            for i in range(1, many + 1):
                name = f"{person}_{code}_{i:02d}"
                numbers = range(first, first + length)
                pictures.write(
                    top / "micro" / label / name, numbers, frame, size=size, shade=len(made)
                )
                made.append((label, name, first))
                first += 997  # the numbers of one recording, counted on: 5 digits, then 6
        pictures.write(top / "non_micro" / f"{person}_non_01", range(5, 8), frame, size=size)
    _strays(root / place)
    return made


def move(root: Path, old: str, new: str, layout: str = "hs_cropped") -> None:
    """Rename a folder below the subjects: 's1/micro/negative/s1_ne_01'."""
    top = root / FRAMES[layout][0]
    (top / new).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(top / old, top / new)


def _strays(top: Path) -> None:
    """What lies about in copies: thumbnails, an empty folder, a table among the subjects."""
    clip = next(top.glob("*/micro/*/s*"))
    (clip / "Thumbs.db").write_bytes(b"stray")
    (clip.parent / "New folder").mkdir(exist_ok=True)
    (clip.parent / "note.txt").write_text("stray")
    (top / "list.xlsx").write_bytes(b"stray")
