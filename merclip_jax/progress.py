"""Progress of long work: a bar in a terminal, a line now and then in a log or a notebook."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

SELDOM_S = 30  # seconds between two lines of a log
SOON_S = 10  # seconds; what is done by then leaves no line in a log


def bar(items: Iterable[Any] | None, what: str, unit: str, total: float | None = None) -> tqdm:
    """The items with their progress on stderr; without items, what is told by `update`."""
    watched = sys.stderr.isatty()
    return tqdm(
        items,
        file=sys.stderr,
        desc=what,
        unit=unit,
        total=total,
        leave=not watched,  # a terminal is cleaned up, a log keeps what it says
        mininterval=0.1 if watched else SELDOM_S,
        delay=0 if watched else SOON_S,
    )


def say(line: str) -> None:
    """A line on stderr, above a bar that may be there."""
    tqdm.write(line, file=sys.stderr)
