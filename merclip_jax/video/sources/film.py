"""Video files through FFmpeg's libraries: upright RGB frames of square pixels, with their times.

A file is opened by Python and read through its handle: FFmpeg would take '12:30 take.mp4' for an
address with the protocol '12', and a name need not be text.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.folders import shown as named
from merclip_jax.video import gaps

Shown = tuple[float, UInt8[np.ndarray, "h w 3"]]  # milliseconds since the first picture; RGB

_NO_FILM = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
_MOST_PIXELS = 2**26  # of a frame, 8192 x 8192: a damaged header can ask for all memory
_WIDEST = 4.0  # of a pixel, over its height, or the other way round: beyond it the file errs
_PROBED = 60  # frames whose times give a file's rate: what the file states is often a guess
_FASTEST = 20_000.0  # frames per second: a higher stated rate is a time base, no rate
_REENCODE = "copy it again, or re-encode it with: ffmpeg -i FILE -c:v libx264 -crf 12 NEW.mp4"


def probe(path: Path) -> tuple[float, int | None]:
    """Frames per second while frames come, and about how many frames there are.

    Raises:
      DataError: the file is empty, no video, or not one frame can be decoded.
    """
    with _opened(path) as (container, stream):
        reader, clock = _Reader(container, stream), _Clock(stream.time_base, 1.0)
        times: list[float] = []
        for frame in reader.frames():
            times.append(clock.ms(frame.pts))
            if len(times) == _PROBED:
                break
        if not times:
            raise _not_one_frame(path)
        stated = float(stream.average_rate or stream.guessed_rate or 0)
        stated = stated if 0 < stated < _FASTEST else 25.0
        rate = stated if clock.mended or len(times) < 2 else _rate(np.diff(times))
        if len(times) < _PROBED:
            return rate, len(times)
        counts = [count for count in (stream.frames, round(reader.stated_s * rate)) if count > 0]
        return rate, min(counts, default=None)


def frames(
    path: Path, step_ms: float, notices: list[str], *, evenly: bool = False
) -> Iterator[Shown]:
    """All frames that can be decoded; the first is at 0, and times grow.

    Args:
      path: the file.
      step_ms: from one frame to the next where the file has no times, or they step back.
      evenly: go by `step_ms` alone, whatever the file says.
      notices: takes what is to be known afterwards: that the file is cut off, damaged or steps
        back.

    Raises:
      DataError: as `probe`.
    """
    with _opened(path) as (container, stream):
        reader, clock = _Reader(container, stream), _Clock(stream.time_base, step_ms)
        size, n_frames, n_resized = (0, 0), 0, 0
        for frame in reader.frames():
            own = _square(frame, stream.sample_aspect_ratio)
            size = size if n_frames else own
            time_ms = step_ms * (n_frames + reader.n_damaged) if evenly else clock.ms(frame.pts)
            n_frames += 1
            n_resized += own != size
            yield time_ms, _upright(frame, size)
        if not n_frames:
            raise _not_one_frame(path)
        lost_s = reader.stated_s - reader.read_s
    faults = []
    # Containers state up to a few percent more than they have.
    cut_off = lost_s > max(min(0.05 * reader.stated_s, 1.0), 0.002 * step_ms, 0.05)
    if cut_off:
        faults.append(
            f"the file is cut off: {n_frames} frames could be read, of {reader.stated_s:.1f} s "
            f"the last {lost_s:.1f} s are missing; what was read is used"
        )
    if reader.n_damaged > cut_off:  # the cut goes through one
        faults.append(f"{reader.n_damaged} damaged frames were left out; copy the file again")
    if clock.backwards:
        faults.append(
            f"its clock stands still or steps back {clock.backwards} times; frames whose times are "
            "over were put one usual step behind the one before"
        )
    if n_resized:
        faults.append(f"{n_resized} frames are of another size than the first; they were stretched")
    notices += [f"{named(path)}: {text}" for text in faults]


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file, and its first stream that is a film: covers and thumbnails are pictures."""
    with path.open("rb") as file:
        if not file.read(1):
            raise DataError(f"{named(path)}: the file is empty (0 bytes); copy it again")
        file.seek(0)
        try:
            container = av.open(file, "r", metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            raise DataError(
                f"{named(path)}: not a video, or cut off before its index; give a video, or "
                f"{_REENCODE}"
            ) from error
        with container:
            films = [s for s in container.streams.video if not s.disposition & _NO_FILM]
            if not films:
                raise DataError(f"{named(path)}: no moving pictures in it; give a video")
            # Slices, not frames, side by side: what is made of a damaged file is then always alike.
            films[0].thread_type = "SLICE"
            films[0].codec_context.options = {"max_pixels": str(_MOST_PIXELS)}
            yield container, films[0]


class _Reader:
    """The frames of one stream, and what became of the rest.

    Attributes:
      stated_s: how long the file says that it is, in seconds; 0 where it does not.
      read_s: the end of the last packet of any stream: films end before their sound.
      n_damaged: packets and frames that could not be read or decoded whole.
    """

    def __init__(self, container: InputContainer, stream: VideoStream):
        self._container, self._stream = container, stream
        self._start_s = (container.start_time or 0) / av.time_base
        self.stated_s = max(
            (container.duration or 0) / av.time_base,  # of a cut AVI, a guess by its size
            float(stream.frames / (stream.average_rate or np.inf)),
        )
        self.read_s, self.n_damaged = 0.0, 0

    def frames(self) -> Iterator[VideoFrame]:
        """Those that are whole."""
        for packet in self._packets():
            try:
                decoded = self._stream.decode(packet)
            except av.FFmpegError:
                self.n_damaged += bool(packet and packet.size)
                continue
            for frame in decoded:
                if frame.is_corrupt:  # concealed: parts of it are of other moments
                    self.n_damaged += 1
                else:
                    yield frame

    def _packets(self) -> Iterator[av.Packet | None]:
        """Those of the stream, and None at the end, for which the decoder gives what it holds."""
        packets = self._container.demux()
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.FFmpegError:  # what follows cannot be found
                self.n_damaged += 1
                break
            if packet.pts is not None and packet.time_base:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self.read_s = max(self.read_s, end - self._start_s)
            if packet.stream_index == self._stream.index and packet.size:
                yield packet
        yield None


class _Clock:
    """Times that grow, of frames whose file may have none, or step back.

    Attributes:
      mended: frames whose time is not the file's.
      backwards: how often the file's own times do not grow.
    """

    def __init__(self, time_base: Fraction | None, step_ms: float):
        self._unit_ms, self._step_ms = 1000 * float(time_base or 0), step_ms
        self._last, self._stated = -step_ms, -np.inf
        self._begin: float | None = None
        self.mended = self.backwards = 0

    def ms(self, pts: int | None) -> float:
        """When the frame of a time stamp is shown, milliseconds since the first."""
        time, due = -np.inf, self._last + self._step_ms
        if pts is not None and self._unit_ms:
            stated = self._unit_ms * pts
            self.backwards += stated <= self._stated
            self._stated = stated
            self._begin = stated - due if self._begin is None else self._begin
            time = stated - self._begin
        if time < self._last + 0.001:
            self.mended += 1
            time = due
        self._last = time
        return time


def _rate(steps_ms: np.ndarray) -> float:
    """Frames per second by steps in milliseconds, those over gaps left out."""
    usual = steps_ms[steps_ms <= gaps.longest_step(steps_ms)]
    return round(float(1000 / usual.mean()), 6)


def _square(frame: VideoFrame, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height of a frame once its pixels are square; no side gets shorter."""
    wide = float(aspect or 1)
    if not 1 / _WIDEST <= wide <= _WIDEST:
        return frame.width, frame.height
    return round(frame.width * max(wide, 1)), round(frame.height * max(1 / wide, 1))


def _upright(frame: VideoFrame, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """A frame as RGB of a size, turned and mirrored by the display matrix of its file.

    The matrix takes (x, y) to (a x + c y, b x + d y); quarter turns and mirrors are what cameras
    write.
    """
    width, height = size
    image = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="BICUBIC")
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, SideData):
        return image
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        image, right, down = image.transpose(1, 0, 2), c, b
    else:
        right, down = a, d
    image = image[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]
    return np.ascontiguousarray(image)


def _not_one_frame(path: Path) -> DataError:
    return DataError(f"{named(path)}: not one frame can be decoded; {_REENCODE}")
