"""Curves over a video's time axis as SVG paths: one row per quantity, stretched to any width.

The chart holds no letters, since it is stretched to the width of the screen; names and times
stand beside it as text of the page. A script reads values back from the paths.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from merclip_jax.facs import muscles
from merclip_jax.timeline.findings import Finding
from merclip_jax.video.gaps import NO_FRAMES, Gap
from merclip_jax.video.journal import Row
from merclip_jax.video.model_info import ModelInfo

COLUMNS = 300  # points of a curve at most; each is the highest value in its span
WIDTH, HEIGHT, LOW = 1000.0, 100.0, 44.0  # of a row, and of one of spans: units of the drawing
TOP, BASE = 26.0, 96.0  # of a curve within its row; the name stands above
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)  # seconds apart
MOST_TICKS = 6
MOTION = "motion, pixels of a face 224 wide"
APART = 0.07 * WIDTH  # between the numbers of two events, that both can be read on a phone


@dataclass(frozen=True)
class Curve:
    """One row of a chart.

    Attributes:
      name: what is drawn.
      most: what the upper edge of the row stands for; 0 for spans.
      area, line: SVG paths.
      bars: left and right ends in units of the drawing, and values from 0 to 1: what is told at
        events only.
      spans: left and right ends, where something holds.
    """

    name: str
    most: float = 0.0
    area: str = ""
    line: str = ""
    bars: tuple[tuple[float, float, float], ...] = ()
    spans: tuple[tuple[float, float], ...] = ()

    @property
    def height(self) -> float:
        """Of the row, in units of the drawing."""
        return HEIGHT if self.most else LOW


@dataclass(frozen=True)
class Band:
    """An event in a chart: its number from 1, and its ends, in units of the drawing.

    `numbered` says whether there is room for the number.
    """

    number: int
    left: float
    right: float
    numbered: bool


@dataclass(frozen=True)
class Chart:
    """The curves of one person, their events, and the times along the axis.

    Attributes:
      ticks: place in percent of the width, and the time in words.
    """

    person: int
    curves: tuple[Curve, ...]
    bands: tuple[Band, ...]
    ticks: tuple[tuple[float, str], ...]
    description: str

    @property
    def height(self) -> float:
        """Of all rows, in units of the drawing."""
        return sum(curve.height for curve in self.curves)

    @property
    def placed(self) -> list[tuple[float, Curve]]:
        """The rows with where each begins."""
        heights = [curve.height for curve in self.curves]
        return list(zip(itertools.accumulate([0.0, *heights]), self.curves, strict=False))


def clock(ms: float, digits: int = 2) -> str:
    """A time in words: '3.24 s', or from a minute on '1:03.24'."""
    minutes, seconds = divmod(round(ms / 1000, digits), 60)
    if not minutes:
        return f"{seconds:.{digits}f} s"
    width = digits + 3 if digits else 2
    return f"{minutes:.0f}:{seconds:0{width}.{digits}f}"


def chart(
    rows: Sequence[Row],
    events: Mapping[int, Finding],
    info: ModelInfo,
    duration_ms: float,
    gaps: Sequence[Gap] = (),
) -> Chart:
    """The chart of one person: motion, emotions, action units, and what makes windows doubtful.

    Emotions are drawn at events only: a model without a neutral class names one for a still face.

    Args:
      rows: of this person.
      events: this person's by their numbers.
      duration_ms: the right end of the axis.
      gaps: where time is missing: no curve goes over them, nor where this person is away.
    """
    middles = np.array([row.middle_ms for row in rows])
    x, unit_ms = WIDTH * middles / duration_ms, WIDTH / duration_ms
    absent = [(a.end_ms, b.start_ms) for a, b in itertools.pairwise(rows) if a.end_ms < b.start_ms]
    holes = np.array([unit_ms * (start + end) / 2 for start, end in sorted({*gaps, *absent})])
    motion = np.array([row.motion if row.is_read else np.nan for row in rows])
    most = float(np.nanmax(motion)) if np.isfinite(motion).any() else 0.0
    curves = [_curve(MOTION, most or 1.0, x, motion / (most or 1.0), holes)]
    bands = _bands(events, unit_ms)
    for i, name in enumerate(info.classes if events else ()):
        probabilities = [one.row.probabilities for one in events.values()]
        bars = [
            (band.left, band.right, values[i])
            for band, values in zip(bands, probabilities, strict=True)
            if values
        ]
        curves.append(Curve(name, 1.0, bars=tuple(bars)))
    for i, unit in enumerate(info.units):
        values = [row.units[i] if row.units else np.nan for row in rows]
        curves.append(_curve(muscles.named(unit), 1.0, x, np.array(values), holes))
    for flag in sorted({flag for row in rows for flag in row.flags}):
        curves.append(Curve(flag, spans=_spans(rows, flag, duration_ms)))
    if gaps:
        spans = [(unit_ms * start, max(unit_ms * end, unit_ms * start + 2)) for start, end in gaps]
        curves.append(Curve(NO_FRAMES, spans=tuple(spans)))
    names = ", ".join(curve.name for curve in curves)
    return Chart(
        rows[0].person,
        tuple(curves),
        tuple(bands),
        _ticks(duration_ms),
        f"Curves over {clock(duration_ms, 1)} of video, one row each: {names}. "
        f"{len(bands)} events are marked.",
    )


def _bands(events: Mapping[int, Finding], unit_ms: float) -> list[Band]:
    """Where the events stand; a number that would touch the one before is left out."""
    bands: list[Band] = []
    room = 0.0  # where the next number may stand
    for number, one in events.items():
        left, right = (unit_ms * t for t in (one.event.onset_ms, one.event.offset_ms))
        bands.append(Band(number, left, right, (left + right) / 2 >= room))
        room = (left + right) / 2 + APART if bands[-1].numbered else room
    return bands


def _curve(
    name: str,
    most: float,
    x: Float[np.ndarray, " n"],
    values: Float[np.ndarray, " n"],
    holes: Float[np.ndarray, " h"],
) -> Curve:
    x, values = _thinned(x, values)
    places = np.searchsorted(x, holes)
    x, values = np.insert(x, places, holes), np.insert(values, places, np.nan)
    y = BASE - (BASE - TOP) * np.clip(values, 0, 1)
    breaks = np.flatnonzero(np.diff(np.isfinite(values).astype(int))) + 1
    lines, areas = [], []
    for part in np.split(np.arange(len(values)), breaks):
        if len(part) and np.isfinite(values[part[0]]):
            points = "L".join(f"{x[i]:.1f} {y[i]:.1f}" for i in part)
            lines.append(f"M{points}")
            areas.append(f"M{x[part[0]]:.1f} {BASE}L{points}L{x[part[-1]]:.1f} {BASE}Z")
    return Curve(name, most, "".join(areas), "".join(lines))


def _thinned(
    x: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """At most `COLUMNS` points: the highest of each group of neighbours, a gap if all are gaps."""
    if len(x) <= COLUMNS:
        return x, values
    groups = np.array_split(np.arange(len(x)), COLUMNS)
    highest = [
        group[np.nanargmax(values[group])] if np.isfinite(values[group]).any() else group[0]
        for group in groups
    ]
    return x[highest], values[highest]


def _spans(rows: Sequence[Row], flag: str, duration_ms: float) -> tuple[tuple[float, float], ...]:
    """Where a flag stands, neighbouring windows joined."""
    joined: list[list[float]] = []
    for row in rows:
        if flag in row.flags:
            left, right = (WIDTH * t / duration_ms for t in (row.start_ms, row.end_ms))
            if joined and left <= joined[-1][1]:
                joined[-1][1] = right
            else:
                joined.append([left, right])
    return tuple((left, right) for left, right in joined)


def _ticks(duration_ms: float) -> tuple[tuple[float, str], ...]:
    seconds = duration_ms / 1000
    step = next((t for t in TICKS if seconds / t <= MOST_TICKS), seconds / MOST_TICKS)
    times = np.arange(0, seconds, step)
    digits = 1 if step < 1 else 0
    return tuple((100 * t / seconds, clock(1000 * t, digits)) for t in times)
