"""What was read of one video so far: a row per window, on disk as soon as it is known.

The file has one JSON value per line. A last line without its end, as a killed run leaves it, is
dropped; a line with the key 'end' says that the video was read to its end.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
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

    def __init__(self, file: Path):
        """Open the file, or begin it.

        Raises:
          DataError: a line within the file is damaged.
        """
        self.file = file
        self.rows: list[Row] = []
        self.end: End | None = None
        whole = 0
        for line in file.read_bytes().splitlines(keepends=True) if file.exists() else ():
            if not line.endswith(b"\n"):
                break
            self._take(line)
            whole += len(line)
        if file.exists():
            os.truncate(file, whole)

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows and write them out."""
        self.rows.extend(rows)
        self._write([asdict(row) for row in rows])

    def close(self, end: End) -> None:
        """Say that the video was read to its end."""
        self.end = end
        self._write([{"end": asdict(end)}])

    def _take(self, line: bytes) -> None:
        try:
            value = json.loads(line)
            if "end" in value:
                self.end = End(**_frozen(value["end"]))
            else:
                self.rows.append(Row(**_frozen(value)))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{self.file}, line {len(self.rows) + 1}: damaged ({error}); delete the file to "
                "read the video again"
            ) from error

    def _write(self, values: Sequence[dict[str, Any]]) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(value) + "\n" for value in values))


def _frozen(value: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as tuples."""

    def tuples(item: Any) -> Any:
        return tuple(map(tuples, item)) if isinstance(item, list) else item

    return {name: tuples(item) for name, item in value.items()}
