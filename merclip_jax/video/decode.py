"""Video files, folders of pictures and cameras, as one stream of upright RGB frames with times.

Files are decoded by the FFmpeg inside OpenCV. A frame's time is the one that the file presents it
at, so that variable frame rates are right. One frame is in memory at a time.
"""

import itertools
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from jaxtyping import UInt8

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.video import pictures

LISTS = frozenset({".csv", ".txt"})

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # silent: what is wrong is said here, once

_PROBED = 60  # frames whose times give a file's rate: what the file states is often a guess
_FASTEST = 20_000.0  # frames per second: a higher stated rate is a time base, no rate
_REENCODE = "copy it again, or re-encode it with: ffmpeg -i FILE -c:v libx264 -crf 12 NEW.mp4"


Shown = tuple[float, np.ndarray]  # when a picture is shown, in milliseconds; the picture, BGR


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
      index: its place in the stream, from 0.
      time_ms: when it is shown, milliseconds to three places; the first of a file is at 0.
      image: RGB, turned upright by the file's own note of its rotation.
    """

    index: int
    time_ms: float
    image: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Source:
    """Something to read frames from.

    Attributes:
      name: for files made of it.
      path: a video file, a folder of pictures, or the index of a camera.
      fps: mean frames per second.
      n_frames: about how many frames there are, for a progress bar; None where unknown.
      given_fps: the rate that the user gave, which then goes before the file's times; else 0.
    """

    name: str
    path: Path | int
    fps: float
    n_frames: int | None
    given_fps: float = 0.0


def open_source(path: str | Path | int, fps: float = 0.0) -> Source:
    """Look at an input without reading it all.

    Args:
      path: a video file, a folder of pictures (in the order of the last number in their names), or
        the index of a camera.
      fps: frames per second. A folder needs it. For a file it goes before the file's own times,
        as in slow-motion recordings, which state the rate of their playback; 0 takes the file's.

    Raises:
      ConfigError: nothing lies there, it is no video, or a folder came without a rate.
      DataError: an empty, broken or unreadable file, or a folder whose pictures have no order.
    """
    if not 0 <= fps < float("inf"):
        raise ConfigError(f"--fps={fps}: give the frames per second, a number above 0")
    if isinstance(path, int) or (str(path).isdecimal() and not Path(path).exists()):
        return _camera(int(str(path)), fps)
    path = Path(path)
    try:
        return _folder(path, fps) if path.is_dir() else _file(path, fps)
    except OSError as error:
        raise _unreadable(path, error) from error


def frames(source: Source, notices: list[str] | None = None) -> Iterator[Frame]:
    """All frames in order; a camera's never end. What can be read of a damaged file is given.

    Args:
      source: where they are.
      notices: takes what is to be known afterwards: that the file ended too early.

    Raises:
      DataError: a picture cannot be read, or no frame at all.
    """
    for index, (time_ms, image) in enumerate(_shown(source, [] if notices is None else notices)):
        yield Frame(index, round(time_ms, 3), cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _shown(source: Source, notices: list[str]) -> Iterator[Shown]:
    if isinstance(source.path, int):
        return _filmed(source.path)
    if source.path.is_dir():
        return pictures.shown(source.path, source.fps)
    return _decoded(source, source.path, notices)


def sources(given: str, fps: float) -> list[Source]:
    """One input, or those of a list: a .txt with a path per line or a .csv with a column 'path'.

    Relative paths are taken from the list's folder. Sources of one name are numbered.

    Raises:
      ConfigError: as `open_source`; or an empty list, or one without the column.
      DataError: as `open_source`; of a list, every fault at once.
    """
    listed = Path(given)
    if listed.suffix.lower() not in LISTS or not listed.is_file():
        return [open_source(given, fps)]
    paths = [listed.parent / line for line in _lines(listed)]
    if not paths:
        raise ConfigError(f"{listed}: the list is empty; write one path per line")
    opened, faults = [], []
    for path in paths:
        try:
            opened.append(open_source(path, fps))
        except (ConfigError, DataError) as error:
            faults.append(str(error))
    faults += [f"{path}: listed twice" for path, n in Counter(paths).items() if n > 1]
    if faults:
        raise DataError(f"{listed}: mend these lines or take them out", faults)
    return _named_apart(opened)


def _lines(listed: Path) -> list[str]:
    try:
        if listed.suffix.lower() == ".txt":
            lines = listed.read_text(encoding="utf-8-sig").splitlines()
        else:
            table = pd.read_csv(listed, dtype=str, encoding="utf-8-sig")
            if "path" not in table:
                raise ConfigError(f"{listed}: no column 'path'; name the column of the clips so")
            lines = table["path"].dropna().tolist()
    except pd.errors.EmptyDataError:
        return []
    except (OSError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise DataError(f"{listed}: cannot be read as a list of paths ({error})") from error
    return [line.strip() for line in lines if line.strip()]


def _named_apart(opened: list[Source]) -> list[Source]:
    """Sources of one name are numbered from the second on: clip, clip-2, clip-3."""
    named: dict[str, Source] = {}
    for source in opened:
        numbered = (f"{source.name}-{number}" for number in itertools.count(2))
        names = itertools.chain([source.name], numbered)
        name = next(name for name in names if name not in named)
        named[name] = replace(source, name=name)
    return list(named.values())


def _camera(index: int, fps: float) -> Source:
    camera = cv2.VideoCapture(index)
    opened, stated = camera.isOpened(), camera.get(cv2.CAP_PROP_FPS)
    camera.release()
    if not opened:
        raise ConfigError(
            f"no camera {index}, nor a file of this name: plug the camera in, allow its use, or "
            "give a video file"
        )
    return Source(f"camera{index}", index, fps or stated or 30.0, None, fps)


def _folder(path: Path, fps: float) -> Source:
    count = len(pictures.numbered(path))
    if not fps:
        raise ConfigError(
            f"{path}: pictures have no times; give their rate, as in --fps=200 for 200 per second"
        )
    return Source(path.resolve().name, path, fps, count, fps)


def _file(path: Path, fps: float) -> Source:
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or folder; check the path")
    if path.suffix.lower() in pictures.SUFFIXES:
        raise ConfigError(
            f"{path} is one picture, and an expression is a motion: give a video, or a folder of "
            "pictures with --fps"
        )
    film = _open(path)
    stated, count = film.get(cv2.CAP_PROP_FPS), film.get(cv2.CAP_PROP_FRAME_COUNT)
    times: list[float] = []
    while len(times) < _PROBED and film.grab():
        times.append(film.get(cv2.CAP_PROP_POS_MSEC))
    film.release()
    if not times:
        raise DataError(f"{path}: not one frame can be decoded; {_REENCODE}")
    rate = _rate(times, stated)
    if len(times) < _PROBED:
        count = len(times)
    elif stated > 2 * rate:  # the count is a guess from that wrong rate
        count *= rate / stated
    return Source(path.stem, path, fps or rate, round(count) if count > 0 else None, fps)


def _open(path: Path) -> cv2.VideoCapture:
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if empty:
        raise DataError(f"{path}: the file is empty (0 bytes); copy it again")
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    film = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    cv2.utils.logging.setLogLevel(level)  # the message below says it better
    if not film.isOpened():
        raise DataError(
            f"{path}: not a video, or cut off before its index; give a video, or {_REENCODE}"
        )
    film.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return film


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be read ({error.strerror}); check its name and its rights")


def _rate(times: list[float], stated: float) -> float:
    """Frames per second by the first frames' times; by the file's word where those are no use."""
    steps = np.diff(times)
    if len(steps) and (steps > 0).all():
        return round(float(1000 / steps.mean()), 6)
    return stated if 0 < stated < _FASTEST else 25.0


def _decoded(source: Source, path: Path, notices: list[str]) -> Iterator[Shown]:
    film = _open(path)
    stated, count = film.get(cv2.CAP_PROP_FPS), film.get(cv2.CAP_PROP_FRAME_COUNT)
    index, last = -1, -np.inf
    try:
        for index in itertools.count():
            read, image = film.read()
            if not read:
                break
            shown = film.get(cv2.CAP_PROP_POS_MSEC)
            if shown <= last:  # files without times, and steps back: go on at the mean rate
                shown = last + 1000 / source.fps
            last = shown
            yield index * 1000 / source.given_fps if source.given_fps else shown, image
    finally:
        film.release()
    if not index:
        raise DataError(f"{path}: not one frame can be decoded; {_REENCODE}")
    length = max(count, 0) / stated if stated > 0 else 0.0  # seconds
    lost = length - (last / 1000 + length / max(count, 1))
    # Containers cut to size state up to a few percent more than they show.
    if lost > max(min(0.05 * length, 1.0), 2 * length / max(count, 1)):
        notices.append(
            f"{path}: the file is cut off: {index} frames could be read, it states "
            f"{count:.0f}, and the last {lost:.1f} s are missing; what was read is used"
        )


def _filmed(index: int) -> Iterator[Shown]:
    camera, start = cv2.VideoCapture(index), 0.0
    try:
        while True:
            read, image = camera.read()
            if not read:
                return
            start = start or time.monotonic()
            yield (time.monotonic() - start) * 1000, image
    finally:
        camera.release()
