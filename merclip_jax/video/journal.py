"""What was read of one video so far: a row per window, on disk as soon as it is known.

The file has one JSON value per line: a check and what it is of. The check is a digest of what the
rows depend on and of all lines so far, so that none can be changed, left out or taken from another
video. What is not as it was written is dropped with all behind it, to be read again. A line with
the key 'end' says that the video was read to its end.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from merclip_jax.tfds_builders.folders import shown
from merclip_jax.video.gaps import Gap


@dataclass(frozen=True)
class Row:
    """A window of one person.

    Attributes:
      person: counted from 0.
      start_ms, end_ms: on the video's time axis.
      times_ms: of the frames that the model saw.
      place: the transform (2 x 3) from the picture to the model's square; None: none was used.
      probabilities: of the classes; empty where the face was lost.
      units: of the action units, by name order of the model; may be empty.
      nearest: the nearest sentences with their cosine, the nearest first; may be empty.
      motion: see `windows.Window`.
      face: share of frames with a face.
      head_motion, blur: see windows.Quality.
      blink: whether the eyes close in the window.
      flags: what makes the window doubtful.
    """

    person: int
    start_ms: float
    end_ms: float
    times_ms: tuple[float, ...]
    place: tuple[tuple[float, ...], ...] | None
    probabilities: tuple[float, ...]
    units: tuple[float, ...]
    nearest: tuple[tuple[str, float], ...]
    motion: float
    face: float
    head_motion: float
    blink: bool
    blur: float
    flags: tuple[str, ...]

    @property
    def middle_ms(self) -> float:
        """Where on the time axis a window stands."""
        return (self.start_ms + self.end_ms) / 2

    @property
    def is_read(self) -> bool:
        """Whether the model saw a face and said something."""
        return bool(self.probabilities or self.units)


@dataclass(frozen=True)
class End:
    """What is known once a video was read to its end.

    Attributes:
      frames: how many there were.
      duration_ms: from the first frame to the end of the last.
      notices: what was wrong with the file, in words.
      gaps: where time is missing, see `gaps.marked`.
      new_fps: new pictures per second where most frames repeat the one before, see `repeats`.
    """

    frames: int
    duration_ms: float
    notices: tuple[str, ...]
    gaps: tuple[Gap, ...] = ()
    new_fps: float | None = None


class Journal:
    """The rows of one video, read back from its file and appended to it."""

    def __init__(self, file: Path, identity: str):
        """Open the file, or begin it, with the rows that were made of what has this digest."""
        self.file = file
        self.rows: list[Row] = []
        self.end: End | None = None
        self._check = identity
        whole, content = 0, file.read_bytes() if file.exists() else b""
        for line in content.splitlines(keepends=True):
            if not self._take(line):
                break
            whole += len(line)
        if b"\n" in content[whole:]:
            sys.stderr.write(
                f"note: {shown(file)}: damaged behind {len(self.rows)} rows; what follows is read "
                "again\n"
            )
        if whole < len(content):
            os.truncate(file, whole)

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows and write them out."""
        self.rows.extend(rows)
        self._write([asdict(row) for row in rows])

    def close(self, end: End) -> None:
        """Say that the video was read to its end."""
        self.end = end
        self._write([{"end": asdict(end)}])

    def _take(self, line: bytes) -> bool:
        """Take a line, if it is as it was written."""
        match = re.fullmatch(rb'\["(\w+)", (.*)\]\n', line)
        if not match or match[1].decode() != (check := self._next(match[2])):
            return False
        self._check, value = check, json.loads(match[2])
        if "end" in value:
            self.end = End(**_frozen(value["end"]))
        else:
            self.rows.append(Row(**_frozen(value)))
        return True

    def _next(self, text: bytes) -> str:
        return hashlib.sha256(self._check.encode() + text).hexdigest()[:16]

    def _write(self, values: Sequence[dict[str, Any]]) -> None:
        lines = []
        for value in values:
            text = json.dumps(value)
            self._check = self._next(text.encode())
            lines.append(f'["{self._check}", {text}]\n')
        try:
            with self.file.open("a", encoding="utf-8") as file:
                file.write("".join(lines))
        except OSError as error:
            error.filename = str(self.file)  # a full disk names none
            raise


def _frozen(value: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as tuples."""

    def tuples(item: Any) -> Any:
        return tuple(map(tuples, item)) if isinstance(item, list) else item

    return {name: tuples(item) for name, item in value.items()}
