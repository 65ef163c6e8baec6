"""The video as a browser plays it, for the page of its timeline."""

import base64
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from merclip_jax import progress
from merclip_jax.errors import DataError
from merclip_jax.video import decode, writing

FILM = "video.mp4"
LONGEST_SIDE = 640  # pixels: what stands beside the curves is no larger
EMBEDDED = 4 * 2**20  # bytes up to which the page holds the film itself


def address(source: decode.Source, folder: Path) -> str:
    """Write the film, each frame at its own time, and say where the page finds it.

    A short one becomes a data address, so that the page stays one file; a long one lies beside the
    page. Without an encoder of H.264 there is none, which is said: ''.
    """
    path = folder / FILM
    try:
        _write(source, path)
    except DataError as error:
        progress.say(f"note: the page has no video: {error}")
        return ""
    if path.stat().st_size > EMBEDDED:
        return FILM
    content = path.read_bytes()
    path.unlink()
    return "data:video/mp4;base64," + base64.b64encode(content).decode()


def _write(source: decode.Source, path: Path) -> None:
    frames = progress.bar(decode.frames(source), path.name, "frame", source.n_frames)
    with writing.film(path, writing.FOR_BROWSERS, source.fps) as put:
        for frame in frames:
            put(_small(frame.image), frame.time_ms)


def _small(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "q r 3"]:
    """The picture, made smaller if a side is too long."""
    share = LONGEST_SIDE / max(image.shape[:2])
    if share >= 1:
        return image
    return cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
