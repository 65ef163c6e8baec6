"""Films for the tests, made with PyAV: any times, pixel format, codec and rotation."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from merclip_jax.video import decode

SIDE = (64, 48)  # width, height


def film(
    path: Path,
    times_ms: Sequence[int],
    pictures: Iterable[np.ndarray] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rotation: int = 0,
    aspect: Fraction | None = None,
    container: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write a film whose frame i is shown at times_ms[i]; without pictures, of `shade(i)`.

    `aspect` is the width of a pixel over its height.
    """
    pictures = list(pictures if pictures is not None else map(shade, range(len(times_ms))))
    clock = Fraction(1, 1000)
    with av.open(str(path), "w", options=container or {}) as out:
        stream = out.add_stream(codec, rate=1000, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.time_base = stream.codec_context.time_base = clock
        if rotation:
            stream.set_display_rotation(rotation)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for time, picture in zip(times_ms, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = time, clock
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def shade(index: int, size: tuple[int, int] = SIDE) -> np.ndarray:
    """A grey picture by its number, with a lighter upper left quarter."""
    width, height = size
    picture = np.full((height, width, 3), 20 + 10 * (index % 18), np.uint8)
    picture[: height // 2, : width // 2] += 50
    return picture


def all_of(path: Path, fps: float = 0.0, notices: list[str] | None = None) -> list[decode.Frame]:
    return list(decode.frames(decode.open_source(path, fps), notices))


def times(frames: Iterable[decode.Frame]) -> list[float]:
    return [round(frame.time_ms, 3) for frame in frames]


def noise(count: int) -> list[np.ndarray]:
    """Pictures that do not compress, so that half a file holds about half of them."""
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (count, SIDE[1], SIDE[0], 3), np.uint8))


# A program's own peak: what getrusage tells begins with that of the program that started it.
PEAK_MIB = """
def peak_mib():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
"""
