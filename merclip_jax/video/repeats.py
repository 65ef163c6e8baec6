"""Frames that show nothing new: 25 frames a second, stored as 100, are 25."""

from array import array

import numpy as np
from jaxtyping import UInt8
from scipy.ndimage import maximum_filter1d

from merclip_jax.video.decode import Frame

GRID = 64  # points along a side at which a frame is compared with the one before it
FAINT = 0.2  # of the largest change near to it: what a codec adds to a repeated frame is less
NEAR = 12  # frames before and behind: 24 a second, stored as 240, change every tenth
REGULAR = 0.7  # of the changes come as often as usual; those of a scene that rests do not
FEWEST = 8  # changes by which the rate of changes is told


class Repeats:
    """How often the pictures of a video change, in a few bytes per frame."""

    def __init__(self) -> None:
        self._before: UInt8[np.ndarray, "h w 3"] | None = None
        self._times, self._changes = array("d"), array("d")

    def see(self, frame: Frame) -> None:
        """Take the next frame."""
        height, width = frame.image.shape[:2]
        points = frame.image[:: -(-height // GRID), :: -(-width // GRID)].copy()
        if self._before is not None and self._before.shape == points.shape:
            change = np.abs(points.astype(np.int16) - self._before).mean()
            self._times.append(frame.time_ms)
            self._changes.append(float(change))
        self._before = points

    def new_fps(self) -> float | None:
        """New pictures per second; None where most frames are new, or too few to tell.

        It is the rate at which pictures change while they do: of a face at rest none changes. What
        a codec has mended over several frames at a low bit rate looks new.
        """
        changes = np.array(self._changes)
        most = maximum_filter1d(changes, 2 * NEAR + 1, mode="nearest") if len(changes) else changes
        new = np.flatnonzero((changes > FAINT * most) & (changes > 0))
        frames = np.diff(new)
        if len(new) < FEWEST or np.median(frames) < 2:
            return None
        steps = np.diff(np.array(self._times)[new])
        regular = np.abs(frames - np.median(frames)) <= 1
        if regular.mean() < REGULAR:
            return None
        return float(1000 / steps[regular].mean())
