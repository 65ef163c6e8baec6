"""A video through the model: its windows become rows of a journal, batch by batch."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from merclip_jax import progress
from merclip_jax.errors import DataError
from merclip_jax.video import decode, gaps, windows
from merclip_jax.video.journal import End, Journal, Row
from merclip_jax.video.predictor import Predictor, Reading
from merclip_jax.video.quality import LOST
from merclip_jax.video.repeats import Repeats

NEAREST = 3  # sentences kept per window


@dataclass(frozen=True)
class Settings:
    """How a video is cut into windows.

    Attributes:
      window_ms, stride_ms: length of a window, and from one start to the next.
      face: 'largest' or 'all'.
    """

    window_ms: float
    stride_ms: float
    face: str


class Stopwatch:
    """Seconds spent per stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def on(self, stage: str) -> Iterator[None]:
        """Count what happens inside for a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - began


def record(
    source: decode.Source, reader: Predictor, settings: Settings, journal: Journal, watch: Stopwatch
) -> None:
    """Read a video to its end; windows that the journal has are not put to the model again.

    A face is followed from frame to frame, so a run that goes on looks at the earlier frames again:
    only then does it end with the rows of an uninterrupted one. The model, which takes most of the
    time at full size, goes on where it stopped.

    Raises:
      DataError: the video cannot be read.
    """
    if journal.end:
        return
    tape, waiting, n_done = _Tape(source, settings.window_ms, watch), [], len(journal.rows)
    stream = windows.windows(
        tape.frames(),
        window_ms=settings.window_ms,
        stride_ms=settings.stride_ms,
        count=reader.info.count,
        temporal=reader.info.temporal,
        size=reader.info.size,
        crop=reader.info.crop,
        face=settings.face,
        margin=reader.info.margin,
    )
    for number, window in enumerate(_timed(stream, watch)):
        if number >= n_done:
            waiting.append(window)
        if len(waiting) == reader.batch_size:
            journal.append(_rows(reader, waiting, watch))
            waiting = []
    journal.append(_rows(reader, waiting, watch))
    if not journal.rows:
        raise DataError(
            f"{source.name}: {tape.count} frames, about {1000 / source.fps:.4g} ms apart: no "
            f"window of {settings.window_ms:g} ms holds {windows.ENOUGH}; film at a higher rate, "
            "or give a longer --window_ms"
        )
    duration = tape.last_ms + 1000 / source.fps
    journal.close(
        End(
            tape.count,
            duration,
            tuple(tape.notices),
            tuple(tape.gaps),
            tape.repeats.new_fps(),
        )
    )


class _Tape:
    """The frames of a source on their way to the windows: counted, timed, with a progress bar."""

    def __init__(self, source: decode.Source, window_ms: float, watch: Stopwatch):
        self.count, self.last_ms = 0, 0.0
        self.notices: list[str] = []
        self.gaps: list[gaps.Gap] = []
        self.repeats = Repeats()
        self._source, self._window_ms, self._watch = source, window_ms, watch

    def frames(self) -> Iterator[decode.Frame]:
        total, name = self._source.n_frames, self._source.name
        with progress.bar(None, name, "frame", total) as bar:
            for behind_gap, frame in gaps.marked(self._decoded(), self._window_ms):
                if behind_gap:
                    self.gaps.append((self.last_ms, frame.time_ms))
                self.count, self.last_ms = self.count + 1, frame.time_ms
                self.repeats.see(frame)
                bar.update()
                yield frame

    def _decoded(self) -> Iterator[decode.Frame]:
        stream = decode.frames(self._source, self.notices)
        while True:
            with self._watch.on("decode"):
                frame = next(stream, None)
            if frame is None:
                return
            yield frame


def _timed(stream: Iterator[windows.Window], watch: Stopwatch) -> Iterator[windows.Window]:
    """Windows, the time that they take booked as 'windows': the faces, decoding excepted."""
    while True:
        decoded = watch.seconds["decode"]
        with watch.on("windows"):
            window = next(stream, None)
        watch.seconds["windows"] -= watch.seconds["decode"] - decoded
        if window is None:
            return
        yield window


def _rows(reader: Predictor, several: list[windows.Window], watch: Stopwatch) -> list[Row]:
    """Rows of some windows; those without a face are not put to the model."""
    with_face = [window for window in several if LOST not in window.quality.flags]
    if with_face:
        with watch.on("compile"):
            reader.compile()
    with watch.on("model"):
        inputs = [window.seen(reader.info.input) for window in with_face]
        readings = iter(_one_by_one(reader.read(inputs))) if with_face else iter(())
    sentences = reader.info.sentences
    return [
        _row(window, next(readings) if LOST not in window.quality.flags else None, sentences)
        for window in several
    ]


def _one_by_one(reading: Reading) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return zip(reading.probabilities, reading.units, reading.similarity, strict=True)


def _row(
    window: windows.Window,
    reading: tuple[Float[np.ndarray, " c"], Float[np.ndarray, " u"], Float[np.ndarray, " s"]]
    | None,
    sentences: tuple[str, ...],
) -> Row:
    probabilities, units, similarity = reading or (np.zeros(0),) * 3
    best = np.argsort(-similarity, kind="stable")[:NEAREST]
    quality, place = window.quality, window.matrix
    return Row(
        person=window.person,
        start_ms=float(window.start_ms),
        end_ms=float(window.end_ms),
        times_ms=tuple(window.times_ms.tolist()),
        place=None if place is None else tuple(map(tuple, place.tolist())),
        probabilities=tuple(probabilities.tolist()),
        units=tuple(units.tolist()),
        nearest=tuple((sentences[i], float(similarity[i])) for i in best),
        motion=float(window.motion),
        face=float(quality.face),
        head_motion=float(quality.head_motion),
        blink=bool(quality.blink),
        blur=float(quality.blur),
        flags=tuple(quality.flags),
    )
