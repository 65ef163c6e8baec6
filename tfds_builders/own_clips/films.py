"""A video as numbered pictures, which is how every corpus has its frames."""

from pathlib import Path

import cv2

from merclip_jax.errors import DataError

_COPY = "copy it again, or write it out as pictures img001.png, img002.png, ..."


def rate(film: Path) -> float:
    """Frames per second that a video states; 0 where it states none.

    Raises:
      DataError: it cannot be opened.
    """
    opened = _opened(film)
    stated = float(opened.get(cv2.CAP_PROP_FPS))
    opened.release()
    return stated if 0 < stated < float("inf") else 0.0


def count(film: Path) -> int:
    """How many frames can be read; it is read to its end, since what files state is a guess.

    Raises:
      DataError: it cannot be opened, or holds no frame.
    """
    opened, found = _opened(film), 0
    while opened.grab():
        found += 1
    opened.release()
    if not found:
        raise DataError(f"{film.name}: not one frame can be decoded; {_COPY}")
    return found


def write_out(film: Path, folder: Path, first: int, last: int) -> None:
    """Write frames `first` to `last`, counted from 1, as PNG; those that are not there are not."""
    folder.mkdir(parents=True)
    opened = _opened(film)
    for number in range(1, last + 1):
        if number < first:
            read, image = opened.grab(), None
        else:
            read, image = opened.read()
        if not read:
            break
        if image is not None:
            cv2.imwrite(str(folder / f"{number:06d}.png"), image)
    opened.release()


def _opened(film: Path) -> cv2.VideoCapture:
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    opened = cv2.VideoCapture(str(film), cv2.CAP_FFMPEG)
    cv2.utils.logging.setLogLevel(level)  # the message below says it better
    if not opened.isOpened():
        raise DataError(f"{film.name}: not a video that can be read; {_COPY}")
    opened.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return opened
