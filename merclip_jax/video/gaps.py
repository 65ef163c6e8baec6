"""Where time is missing between frames: a recorder stopped, frames were dropped, a clock jumped.

Nothing is read across a gap: what happened there nobody saw, and the picture after it differs from
the one before without any motion.
"""

import itertools
import operator
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float

NO_FRAMES = "no frames"  # the flag of a gap
STEPS = 3.0  # usual steps without a frame that are a gap
SHORTEST_MS = 50.0  # no step up to here is a gap: films at 24 frames per second have no longer ones
REMEMBERED = 31  # steps whose median is usual: phones change their rate with the light
AHEAD = 8  # steps that say what is usual at the beginning


@runtime_checkable
class Timed(Protocol):
    """A frame, or what is kept of one."""

    @property
    def time_ms(self) -> float:
        """When it is shown, in milliseconds."""


Gap = tuple[float, float]  # when the last frame before it and the first behind it are shown, in ms

T = TypeVar("T", bound=Timed)


def longest_step(steps_ms: Float[np.ndarray, " n"]) -> float:
    """The longest step in milliseconds that is no gap, where these steps are usual."""
    return max(SHORTEST_MS, STEPS * float(np.median(steps_ms)))


def marked(frames: Iterable[T], window_ms: float) -> Iterator[tuple[bool, T]]:
    """Each frame in the order of time, and whether a gap lies before it.

    Args:
      frames: may be endless; a few are held back at the beginning.
      window_ms: a step so long is a gap in any case: some window would have no frame.
    """
    stream = iter(frames)
    ahead = list(itertools.islice(stream, AHEAD + 1))
    times = [frame.time_ms for frame in ahead]
    steps = deque(np.diff(times).tolist(), REMEMBERED)
    last = None
    for i, frame in enumerate(itertools.chain(ahead, stream)):
        if last is None:
            yield False, frame
        else:
            step = frame.time_ms - last
            yield step >= window_ms or step > longest_step(np.array(steps)), frame
            if i > AHEAD:
                steps.append(step)
        last = frame.time_ms


def stretches(frames: Iterable[T], window_ms: float) -> Iterator[Iterator[T]]:
    """The frames between one gap and the next, each stretch to be used up before the next one."""
    numbered = itertools.accumulate(
        marked(frames, window_ms), lambda before, now: (before[0] + now[0], now[1])
    )
    for _, stretch in itertools.groupby(numbered, operator.itemgetter(0)):
        yield (frame for _, frame in stretch)
