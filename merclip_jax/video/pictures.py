"""A folder of pictures as a video: in the order of the numbers in their names."""

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from merclip_jax.errors import DataError

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def numbered(folder: Path) -> dict[int, Path]:
    """The pictures of a folder by the last number in their names, ascending.

    Whatever else lies there is ignored.

    Raises:
      DataError: there are none, or two of one number.
    """
    by_number: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        digits = re.findall(r"\d+", path.stem)
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not digits:
            continue
        number = int(digits[-1])
        if number in by_number:
            raise DataError(
                f"{folder}: {by_number[number].name} and {path.name} are both frame {number}; keep "
                "one of them, or put the clips into folders of their own"
            )
        by_number[number] = path
    if not by_number:
        raise DataError(
            f"{folder}: no numbered pictures ({', '.join(sorted(SUFFIXES))}); give a folder whose "
            "pictures are named like img001.png"
        )
    return dict(sorted(by_number.items()))


def shown(folder: Path, fps: float) -> Iterator[tuple[float, np.ndarray]]:
    """When each picture is shown, in milliseconds from the first, and the picture, BGR.

    A gap in the numbers is a gap in time; the usual step between two numbers is one frame.

    Raises:
      DataError: a picture cannot be read, or has another size than those before it.
    """
    paths = numbered(folder)
    numbers = np.array(list(paths))
    step = float(np.median(np.diff(numbers))) if len(numbers) > 1 else 1.0
    shape = None
    for number, path in paths.items():
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise DataError(f"{path}: the picture cannot be read; copy it again or take it out")
        shape = shape or image.shape
        if image.shape != shape:
            raise DataError(
                f"{path} is {image.shape[1]} x {image.shape[0]} pixels, those before it are "
                f"{shape[1]} x {shape[0]}; keep one clip's pictures in a folder"
            )
        yield float(number - numbers[0]) / step * 1000 / fps, image
