"""overlay.mp4: the video with the cut of the face, and at events what the model says of them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from merclip_jax import progress
from merclip_jax.timeline.findings import Finding
from merclip_jax.timeline.timeline import leading
from merclip_jax.video import decode, writing
from merclip_jax.video.journal import Row
from merclip_jax.video.model_info import ModelInfo

WHITE, BLACK, ORANGE = (255, 255, 255), (0, 0, 0), (255, 150, 40)  # RGB


def write(
    source: decode.Source,
    rows: Sequence[Row],
    findings: Sequence[Finding],
    info: ModelInfo,
    path: Path,
) -> None:
    """Write the video; one frame is in memory at a time, and is shown when the source shows it.

    Raises:
      DataError: this FFmpeg cannot write such a video.
    """
    persons: dict[int, list[Row]] = {}
    for row in rows:
        persons.setdefault(row.person, []).append(row)
    middles = {person: np.array([row.middle_ms for row in own]) for person, own in persons.items()}
    bar = progress.bar(decode.frames(source), path.name, "frame", source.n_frames)
    with writing.film(path, writing.FOR_BROWSERS, source.fps) as put:
        for frame in bar:
            image = frame.image.copy()
            for person, own in persons.items():
                nearest = own[int(np.abs(middles[person] - frame.time_ms).argmin())]
                label = _told(findings, person, frame.time_ms, info)
                _draw(image, nearest, frame.time_ms, info, label)
            put(image, frame.time_ms)


def _told(findings: Sequence[Finding], person: int, time_ms: float, info: ModelInfo) -> str:
    """What is said of a person at a time: of the event that lies there, or nothing."""
    for one in findings:
        if one.person == person and one.event.onset_ms <= time_ms <= one.event.offset_ms:
            return _words(one.row, info)
    return ""


def _draw(
    image: UInt8[np.ndarray, "h w 3"], row: Row, time_ms: float, info: ModelInfo, label: str
) -> None:
    """Box and label of one person, drawn into the picture."""
    if not row.is_read or not row.start_ms <= time_ms < row.end_ms:
        return
    corner = (8, 8)
    if row.place is not None:
        square = info.size * np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) - 0.5
        back = cv2.invertAffineTransform(np.array(row.place))
        box = (square @ back[:, :2].T + back[:, 2]).round().astype(np.int32)
        cv2.polylines(image, [box], True, ORANGE, 2, cv2.LINE_AA)
        corner = tuple(np.clip(box.min(axis=0), 8, None).tolist())
    if label:
        _label(image, label, corner)


def _words(row: Row, info: ModelInfo) -> str:
    name = leading(row.probabilities, info.classes)
    if name:
        return f"{name} {max(row.probabilities):.2f}"
    best = int(np.argmax(row.units))
    return f"AU{info.units[best]} {row.units[best]:.2f}"


def _label(image: UInt8[np.ndarray, "h w 3"], words: str, corner: tuple[int, int]) -> None:
    """White letters on black, as high as a twenty-fifth of the picture."""
    scale = max(0.4, image.shape[0] / 25 / 22)
    (width, height), below = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x, y = corner
    cv2.rectangle(image, (x, y), (x + width + 6, y + height + below + 4), BLACK, -1)
    place = (x + 3, y + height + 2)
    cv2.putText(image, words, place, cv2.FONT_HERSHEY_SIMPLEX, scale, WHITE, 1, cv2.LINE_AA)
