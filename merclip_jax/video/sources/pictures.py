"""A folder of pictures as a video: in the order of the numbers in their names."""

import hashlib
import itertools
import statistics
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import folders

STRAY = 1_000_000  # usual steps between two numbers that are no gap: hours at any rate


def numbered(folder: Path) -> dict[int, Path]:
    """The pictures of a folder by the last number in their names, ascending.

    What programs leave behind, and whatever else lies there, is ignored, as in corpora.

    Raises:
      DataError: there are none, two of one number, or one whose number is far from all others.
    """
    by_number = folders.numbered(folder)
    if not by_number:
        raise DataError(
            f"{folders.shown(folder)}: no numbered pictures "
            f"({', '.join(sorted(folders.PICTURES))}){folders.contents(folder)}; give a folder "
            "whose pictures are named like img001.png, or a video itself"
        )
    _no_stray(by_number)
    return by_number


def _no_stray(by_number: dict[int, Path]) -> None:
    """Refuse pictures whose numbers are no places in the clip, as those of a clock are."""
    step = _usual_step(by_number)
    runs: list[list[int]] = []
    for number in by_number:
        if not runs or number - runs[-1][-1] > STRAY * step:
            runs.append([])
        runs[-1].append(number)
    clip = max(runs, key=len)
    strays = [by_number[number] for run in runs if run is not clip for number in run]
    if strays:
        more = f" and {len(strays) - 3} more" if len(strays) > 3 else ""
        raise DataError(
            f"{folders.shown(strays[0].parent)}: the number of "
            f"{', '.join(folders.shown(path.name) for path in strays[:3])}{more} is far from "
            f"those of the other {len(clip)} pictures, {clip[0]} to {clip[-1]}, and a number is a "
            "place in time; take it out, or number all pictures alike"
        )


def _usual_step(by_number: dict[int, Path]) -> int:
    numbers = list(by_number)
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    return statistics.median_low(steps) if steps else 1


def shown(folder: Path, fps: float) -> Iterator[tuple[float, UInt8[np.ndarray, "h w 3"]]]:
    """When each picture is shown, in milliseconds from the first, and the picture, RGB.

    A gap in the numbers is a gap in time; the usual step between two numbers is one frame.

    Raises:
      DataError: a picture cannot be read, or has another size than those before it.
    """
    paths = numbered(folder)
    first, step = next(iter(paths)), _usual_step(paths)
    shape = None
    for number, path in paths.items():
        image = folders.decoded(path)
        shape = shape or image.shape
        if image.shape != shape:
            raise DataError(
                f"{folders.shown(path)} is {image.shape[1]} x {image.shape[0]} pixels, those "
                f"before it are {shape[1]} x {shape[0]}; keep one clip's pictures in a folder"
            )
        yield (number - first) / step * 1000 / fps, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def digest(folder: Path) -> str:
    """A SHA-256 of the pictures, their names and their order."""
    whole = hashlib.sha256()
    for number, path in numbered(folder).items():
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{number} {content}\n".encode())
    return whole.hexdigest()
