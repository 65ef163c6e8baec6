"""Drawn people on film, for the tests: still or moving heads, open or closed eyes, or nobody."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from merclip_jax.tfds_builders.synthetic_me import clips
from merclip_jax.video.decode import Frame

SIZE = 192  # pixels: side of a drawn person's picture


def person(
    count: int, subject: int = 0, closed: np.ndarray | None = None, head: np.ndarray | None = None
) -> list[np.ndarray]:
    """`count` pictures of a person; `closed` lids 0 to 1; `head` shifted right and down, rolled."""
    seen = clips.identity(0, subject, SIZE).frames(
        {"4": np.zeros(count)},
        np.zeros(count) if closed is None else closed,
        np.zeros((count, 3)) if head is None else head,
        np.ones(count),
    )
    return list(np.clip(np.rint(seen), 0, 255).astype(np.uint8))


def nobody(count: int) -> list[np.ndarray]:
    return [np.full((SIZE, SIZE, 3), 128, np.uint8)] * count


def larger(picture: np.ndarray, times: float) -> np.ndarray:
    return cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)


def filmed(pictures: Iterable[np.ndarray], fps: float) -> Iterator[Frame]:
    for i, picture in enumerate(pictures):
        yield Frame(i, i * 1000 / fps, picture)
