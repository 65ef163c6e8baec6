"""Video files, folders of pictures and cameras, as one stream of upright RGB frames with times.

A frame's time is the one that the file presents it at, so that variable frame rates are right. One
frame is in memory at a time.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.tfds_builders import folders
from merclip_jax.tfds_builders.folders import shown as named
from merclip_jax.video.sources import film, pictures


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
      index: its place in the stream, from 0.
      time_ms: when it is shown, milliseconds to three places; the first of a file is at 0.
      image: RGB of square pixels, upright by the file's own note of how the camera was held.
    """

    index: int
    time_ms: float
    image: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Source:
    """Something to read frames from.

    Attributes:
      name: for people, so that it can be printed; in a list also the name of its folder.
      path: a video file, a folder of pictures, or the index of a camera.
      fps: mean frames per second while frames come.
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
      notices: takes what is to be known afterwards: that the file is cut off or damaged.

    Raises:
      DataError: a picture cannot be read, or no frame at all.
    """
    for index, (time_ms, image) in enumerate(_shown(source, [] if notices is None else notices)):
        yield Frame(index, round(time_ms, 3), image)


def _shown(source: Source, notices: list[str]) -> Iterator[film.Shown]:
    if isinstance(source.path, int):
        return _filmed(source.path)
    if source.path.is_dir():
        return pictures.shown(source.path, source.fps)
    return film.frames(source.path, 1000 / source.fps, notices, evenly=source.given_fps > 0)


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
            f"{named(path)}: pictures have no times; give their rate, as in --fps=200 for "
            "200 per second"
        )
    return Source(named(path.resolve().name), path, fps, count, fps)


def _file(path: Path, fps: float) -> Source:
    if not path.exists():
        raise ConfigError(f"{named(path)}: there is no such file or folder; check the path")
    if path.suffix.lower() in folders.PICTURES:
        raise ConfigError(
            f"{named(path)} is one picture, and an expression is a motion: give a video, or a "
            "folder of pictures with --fps"
        )
    rate, n_frames = film.probe(path)
    return Source(named(path.stem), path, fps or rate, n_frames, fps)


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{named(path)}: cannot be read ({error.strerror}); check its name and its rights"
    )


def _filmed(index: int) -> Iterator[film.Shown]:
    """Cameras stay with OpenCV: to FFmpeg each system's cameras are another kind of device."""
    camera, start = cv2.VideoCapture(index), 0.0
    try:
        while True:
            read, image = camera.read()
            if not read:
                return
            start = start or time.monotonic()
            yield (time.monotonic() - start) * 1000, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    finally:
        camera.release()
