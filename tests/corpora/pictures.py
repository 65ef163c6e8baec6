"""Frames of fake corpora: a grey face patch whose mouth moves."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np


def write(
    folder: Path,
    numbers: Iterable[int],
    name: str,
    *,
    size: tuple[int, int] = (34, 28),
    grey: bool = False,
    shade: int = 0,
) -> None:
    """A clip's pictures, called `name.format(number)`; the mouth lifts towards the middle.

    `size` is (height, width) in pixels; `shade` tells clips apart, up to twenty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = list(numbers)
    for i, number in enumerate(numbers):
        picture = _picture(size, shade, i / max(len(numbers) - 1, 1))
        if grey:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        cv2.imwrite(str(folder / name.format(number)), picture)


def _picture(size: tuple[int, int], shade: int, progress: float) -> np.ndarray:
    height, width = size
    picture = np.full((height, width, 3), 90 + 20 * (shade % 5), np.uint8)
    lift = round(float(np.sin(np.pi * progress)) * height / 8 * (1 + shade % 2))
    cv2.circle(picture, (width // 2, height // 2), width // 3, (160, 170, 200), -1)
    top, colour = 3 * height // 4 - lift, (40, 40 + 8 * (shade % 20), 120)
    cv2.rectangle(picture, (width // 3, top), (2 * width // 3, top + 2), colour, -1)
    return picture
