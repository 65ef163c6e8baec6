"""Events in a long video: where the face moves as briefly as a micro-expression does.

The motion of the skin alone decides. A classifier of emotions names one for a face at rest, too,
and its confidence says nothing of events; nor does the surest action unit of Micro-AU CLIP add to
the motion (`python -m benchmarks.spotting --auc`). They say what an event shows. Every threshold is
relative to the video itself: no label is needed, and a noisy camera is no lively face.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import find_peaks

from merclip_jax.errors import DataError

SHORTEST_MS, LONGEST_MS = 40.0, 500.0  # a micro-expression (Yan et al. 2013); 1/25 to 1/2 s
SMOOTH_MS = 60.0  # rise and fall of one event become one peak
AROUND_MS = 1500.0  # time over which a stretch of speech or of movement is usual, and no event
FLOOR = 0.05  # pixels of a picture 224 wide: energies below it are alike
LEAST_SPREAD = 0.2  # of log energy: a calmer video is not searched for ever smaller motion
MAD_TO_SD = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class Event:
    """Something that moved and went back.

    Attributes:
      onset_ms, apex_ms, offset_ms: milliseconds of the video.
      score: height of its peak over what is usual there, in robust standard deviations.
    """

    onset_ms: float
    apex_ms: float
    offset_ms: float
    score: float


def spot(
    times_ms: Float[np.ndarray, " n"],
    motion: Float[np.ndarray, " n"],
    *,
    threshold: float = 2.0,
    edge: float = 0.5,
    shortest_ms: float = SHORTEST_MS,
    longest_ms: float = LONGEST_MS,
) -> list[Event]:
    """Find events by peaks and hysteresis in the smoothed energy of the motion.

    A peak counts if the logarithm of its energy (with `FLOOR` added) lies `threshold` robust
    standard deviations over what is usual: the video's median, or that of the `AROUND_MS` around
    it where more moves, as in speech. The standard deviation is the video's (from the median
    absolute deviation, at least `LEAST_SPREAD`). Its event goes as far as the energy stays above
    `edge` of the way from the usual to the peak. What lasts too long is something else (speech, a
    turn of the head, an open smile) and is dropped whole.

    Windows of about 300 ms every 50 ms or less suit this: an event is hardly longer than its
    window, and in longer windows neighbours run together.

    Args:
      times_ms: middles of the windows, growing; where some are missing nothing is found.
      motion: see `motion.energy`; NaN where nothing was seen.
      threshold: in robust standard deviations.
      edge: 0 to 1.
      shortest_ms, longest_ms: limits of an event's length.

    Returns:
      Events that do not overlap, in the order of time.

    Raises:
      DataError: the times do not grow.
    """
    if (np.diff(times_ms) <= 0).any():
        raise DataError("the windows' times do not grow; sort them, and give one person at a time")
    if len(times_ms) < 3:
        return []
    times, height = _smooth(times_ms, motion)
    measured = np.isfinite(height)
    if not measured.any():
        return []
    usual, spread = _usual(times, height)
    energy = np.where(measured, np.exp(height), -np.inf)
    score = np.where(measured, (height - usual) / spread, -np.inf)
    peaks, _ = find_peaks(np.pad(score, 1, constant_values=-np.inf), height=threshold)
    events, taken = [], np.zeros(len(times), bool)
    for peak in sorted((peaks - 1).tolist(), key=lambda i: -score[i]):
        if taken[peak]:
            continue
        level = (1 - edge) * np.exp(usual[peak]) + edge * energy[peak]
        first, last = _stretch(energy > level, peak)
        if not taken[first : last + 1].any():
            onset = _crossing(times, energy, first, first - 1, level)
            offset = _crossing(times, energy, last, last + 1, level)
            if shortest_ms <= offset - onset <= longest_ms:
                events.append(Event(onset, float(times[peak]), offset, float(score[peak])))
        taken[first : last + 1] = True
    return sorted(events, key=lambda event: event.onset_ms)


def _smooth(
    times_ms: Float[np.ndarray, " n"], energy: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Even times, and the logarithm of the energy smoothed there; NaN where nothing is known.

    Of a long time without windows no more is kept than what is near to them.
    """
    step = float(np.median(np.diff(times_ms)))
    far = np.diff(np.round((times_ms - times_ms[0]) / step).astype(int))
    near = np.minimum(far, round(AROUND_MS / step) + 1)
    place = np.concatenate([[0], near.cumsum()])
    measured = np.isfinite(energy)
    share, height = np.zeros((2, place[-1] + 1))
    share[place[measured]] = 1
    height[place[measured]] = np.log(energy[measured] + FLOOR)
    width = SMOOTH_MS / step
    around = gaussian_filter1d(share, width, mode="constant")
    smoothed = gaussian_filter1d(height, width, mode="constant") / np.maximum(around, 1e-9)
    left_out = np.zeros(len(share), int)
    np.add.at(left_out, place[1:], far - near)
    times = times_ms[0] + step * (np.arange(len(share)) + left_out.cumsum())
    return times, np.where(share > 0, smoothed, np.nan)


def _usual(
    times: Float[np.ndarray, " m"], height: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " m"], float]:
    """What log energy is usual at each time, and how far it strays from the video's median."""
    median = np.nanmedian(height)
    spread = MAD_TO_SD * float(np.nanmedian(np.abs(height - median)))
    count = 2 * round(AROUND_MS / (times[1] - times[0]) / 2) + 1
    around = median_filter(np.where(np.isfinite(height), height, median), count, mode="nearest")
    return np.maximum(around, median), max(spread, LEAST_SPREAD)


def _stretch(above: np.ndarray, inside: int) -> tuple[int, int]:
    """First and last index of the run of true values that holds `inside`."""
    below = np.flatnonzero(~above)
    place = np.searchsorted(below, inside)
    first = below[place - 1] + 1 if place > 0 else 0
    last = below[place] - 1 if place < len(below) else len(above) - 1
    return int(first), int(last)


def _crossing(times: np.ndarray, energy: np.ndarray, inner: int, outer: int, level: float) -> float:
    """When the energy crosses a level between two neighbours; the inner one at the border."""
    if not 0 <= outer < len(times):
        return float(times[inner])
    share = (energy[inner] - level) / (energy[inner] - energy[outer])
    return float(times[inner] + share * (times[outer] - times[inner]))
