"""Frames on disk: found by the number in their names, in numerical order, checked unopened.

No corpus pads its frame numbers reliably, so a file name is never built from a number: the last
run of digits of a name is its number (MEB @f731b0a checks file lists in the same way).
"""

import re
from collections.abc import Iterable
from pathlib import Path

import cv2

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})


def numbered(folder: Path) -> dict[int, Path]:
    """The images of a folder by frame number, ascending; whatever else lies there is ignored.

    Raises:
      ValueError: two images carry one number, so that neither can be trusted.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        digits = re.findall(r"\d+", path.stem)
        if path.suffix.lower() not in SUFFIXES or not digits:
            continue
        number = int(digits[-1])
        if number in found:
            raise ValueError(
                f"{folder}: {found[number].name} and {path.name} are both frame {number}; "
                "keep one of them"
            )
        found[number] = path
    return dict(sorted(found.items()))


def unreadable(paths: Iterable[Path]) -> list[Path]:
    """Those images that cannot be read.

    Every file's header is read; only the first image is decoded, as decoding a whole corpus
    takes minutes. Damage behind a sound header shows when the clips are packed.
    """
    bad = []
    for i, path in enumerate(paths):
        sound = cv2.haveImageReader(str(path))
        if not sound or (i == 0 and cv2.imread(str(path)) is None):
            bad.append(path)
    return bad
