"""Events in a long video: where the face moves as briefly as a micro-expression does.

The motion of the skin alone decides. A classifier of emotions names one for a face at rest, too,
and its confidence says nothing of events; nor does the surest action unit of Micro-AU CLIP add to
the motion (`python -m benchmarks.spotting --auc`). They say what an event shows. Every threshold is
relative to the video itself: no label is needed, and a noisy camera is no lively face.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from merclip_jax.errors import DataError

SHORTEST_MS, LONGEST_MS = 40.0, 500.0  # a micro-expression (Yan et al. 2013); 1/25 to 1/2 s
SMOOTH_MS = 60.0  # rise and fall of one event become one peak
LEAST_SPREAD = 0.2  # of log energy: a calmer video is not searched for ever smaller motion
MAD_TO_SD = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class Event:
    """Something that moved and went back.

    Attributes:
      onset_ms, apex_ms, offset_ms: milliseconds of the video.
      score: height of its peak over the video's median, in robust standard deviations.
    """

    onset_ms: float
    apex_ms: float
    offset_ms: float
    score: float


def spot(
    times_ms: Float[np.ndarray, " n"],
    motion: Float[np.ndarray, " n"],
    *,
    threshold: float = 3.0,
    edge: float = 0.5,
    shortest_ms: float = SHORTEST_MS,
    longest_ms: float = LONGEST_MS,
) -> list[Event]:
    """Find events by peaks and hysteresis in the smoothed energy of the motion.

    A peak counts if the logarithm of its energy lies `threshold` robust standard deviations (from
    the median absolute deviation, at least `LEAST_SPREAD`) over the video's median. Its event goes
    as far as the energy stays above `edge` of the way from the median to the peak. What lasts too
    long is something else (speech, a turn of the head, an open smile) and is dropped whole.

    Windows of about 300 ms every 50 ms or less suit this: an event is hardly longer than its
    window, and in longer windows neighbours run together.

    Args:
      times_ms: middles of the windows, growing; where some are missing nothing is found.
      motion: see `motion.motion_energy`; 0 where there is nothing to see.
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
    times, energy = _smooth(times_ms, motion)
    measured = energy > 0
    if not measured.any():
        return []
    height = np.full(len(times), -np.inf)
    height[measured] = np.log(energy[measured])
    usual = np.median(height[measured])
    spread = MAD_TO_SD * np.median(np.abs(height[measured] - usual))
    height = (height - usual) / max(spread, LEAST_SPREAD)

    peaks, _ = find_peaks(np.pad(height, 1, constant_values=-np.inf), height=threshold)
    events, taken = [], np.zeros(len(times), bool)
    for peak in sorted((peaks - 1).tolist(), key=lambda i: -height[i]):
        if taken[peak]:
            continue
        level = (1 - edge) * np.exp(usual) + edge * energy[peak]
        first, last = _stretch(energy > level, peak)
        if not taken[first : last + 1].any():
            onset = _crossing(times, energy, first, first - 1, level)
            offset = _crossing(times, energy, last, last + 1, level)
            if shortest_ms <= offset - onset <= longest_ms:
                events.append(Event(onset, float(times[peak]), offset, float(height[peak])))
        taken[first : last + 1] = True
    return sorted(events, key=lambda event: event.onset_ms)


def _smooth(
    times_ms: Float[np.ndarray, " n"], energy: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Even times, and the energy smoothed there in its logarithm; 0 where nothing is known."""
    step = float(np.median(np.diff(times_ms)))
    place = np.round((times_ms - times_ms[0]) / step).astype(int)
    measured = np.isfinite(energy) & (energy > 0)
    share, height = np.zeros((2, place[-1] + 1))
    share[place[measured]] = 1
    height[place[measured]] = np.log(energy[measured])
    width = SMOOTH_MS / step
    around = gaussian_filter1d(share, width, mode="constant")
    smoothed = gaussian_filter1d(height, width, mode="constant") / np.maximum(around, 1e-9)
    return times_ms[0] + step * np.arange(len(share)), np.where(share > 0, np.exp(smoothed), 0.0)


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
