"""Films written frame by frame, each frame at its own time."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.video.stream import VideoStream
from jaxtyping import UInt8

from merclip_jax import workdir
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.folders import shown

CLOCK = Fraction(1, 10_000)  # seconds: the unit of time
LONGEST = 10 * 3600 * 10_000  # units from one frame to the next: MP4 takes few more

Write = Callable[[UInt8[np.ndarray, "h w 3"], float], None]


@dataclass(frozen=True)
class Form:
    """How a film is stored: container, codec and pixels by FFmpeg's names, and their options."""

    container: str
    codec: str
    pixels: str
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)


# What every browser plays, from its first bytes on.
FOR_BROWSERS = Form(
    *("mp4", "libx264", "yuv420p"),
    {"crf": "20", "preset": "veryfast"},
    {"movflags": "+faststart"},
)
# Every frame by itself, without the smoothing over time of other codecs.
FRAME_BY_FRAME = Form("matroska", "mjpeg", "yuvj420p", {"qmin": "2", "qmax": "2"})


@contextmanager
def film(path: Path, form: Form, fps: float) -> Iterator[Write]:
    """Write a film; the block is given what takes a frame, RGB, and its time in milliseconds.

    The file has its name once it is whole. Odd sides get a line more, which codecs want.

    Args:
      path: the file.
      form: how it is stored.
      fps: about how many frames come per second.

    Raises:
      DataError: this FFmpeg has no such codec, or cannot write the film.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{workdir.PARTIAL}")
    try:
        with av.open(  # by its whole path, in which no colon stands for a protocol
            str(partial.absolute()), "w", form.container, options=form.container_options
        ) as out:
            writer = _Writer(out, form, fps)
            yield writer.add
            writer.end()
        workdir.publish(partial, path)
    except (av.FFmpegError, UnknownCodecError) as error:
        raise DataError(f"{shown(path)}: cannot be written as {form.codec} ({error})") from error
    finally:
        partial.unlink(missing_ok=True)


class _Writer:
    def __init__(self, out: OutputContainer, form: Form, fps: float):
        self._out, self._form = out, form
        self._rate = Fraction(fps).limit_denominator(1000)
        self._stream: VideoStream | None = None
        self._last = self._pts = 0

    def add(self, image: UInt8[np.ndarray, "h w 3"], time_ms: float) -> None:
        height, width = image.shape[:2]
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
        frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=self._form.pixels)
        now = round(time_ms / 1000 / CLOCK)
        if self._stream is None:
            self._stream = self._begun(*image.shape[:2])
        else:
            self._pts += min(max(now - self._last, 1), LONGEST)
        self._last, frame.pts, frame.time_base = now, self._pts, CLOCK
        self._out.mux(self._stream.encode(frame))

    def end(self) -> None:
        if self._stream is not None:
            self._out.mux(self._stream.encode())

    def _begun(self, height: int, width: int) -> VideoStream:
        stream = self._out.add_stream(self._form.codec, self._rate, options=self._form.options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, self._form.pixels
        stream.codec_context.time_base = CLOCK
        stream.time_base = CLOCK
        stream.codec_context.gop_size = max(1, round(self._rate))  # a second, to look for places
        return stream
