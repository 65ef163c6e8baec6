"""What was found in a video as timeline.csv and timeline.json; the schema is in docs/design.md."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from merclip_jax import workdir
from merclip_jax.facs import emotion_rules
from merclip_jax.timeline import maps
from merclip_jax.timeline.findings import Finding
from merclip_jax.video import decode
from merclip_jax.video.gaps import NO_FRAMES
from merclip_jax.video.inference import NEAREST, Settings
from merclip_jax.video.journal import End, Row
from merclip_jax.video.model_info import ModelInfo
from merclip_jax.video.spotting import LONGEST_MS, SHORTEST_MS

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a formula begins with, as spreadsheets see it
CERTAIN = 1e-15  # a probability of 0 or 1 has no finite log-odds
NO_FACE = "no face found"  # of a whole video: that is not "no events"
ENOUGH_FPS = 100.0  # frames per second, below which a micro-expression has few of them


@dataclass(frozen=True)
class Timeline:
    """All that is known of one video.

    Attributes:
      source, end: the video.
      model: name of the model's folder.
      about: what the model is.
      settings: how the video was cut.
      rows: its windows in order.
      findings: its events in order.
      seconds: time spent per stage; empty if the run was resumed.
    """

    source: decode.Source
    end: End
    model: str
    info: ModelInfo
    settings: Settings
    rows: Sequence[Row]
    findings: Sequence[Finding]
    seconds: dict[str, float]

    @property
    def is_read(self) -> bool:
        """Whether any window was read; without a face nothing is known of events."""
        return any(row.is_read for row in self.rows)

    @property
    def notices(self) -> list[str]:
        """What the user must know before the results, in words."""
        lines = [notice for notice in (self._rate(), self._missing()) if notice]
        read_windows = sum(row.is_read for row in self.rows)
        if not read_windows:
            lines.append("No face was found in any window, so nothing was read.")
        elif read_windows < len(self.rows):
            lost = len(self.rows) - read_windows
            lines.append(
                f"The face is lost in {lost} of {len(self.rows)} windows; they stay empty."
            )
        return [*lines, *self.end.notices, *self.info.notices]

    def _rate(self) -> str:
        """A warning where too few frames, or too few new ones, come in a second."""
        new = self.end.new_fps
        if new is None:
            return too_slow(self.source.fps)
        return (
            f"Of {self.source.fps:.3g} frames per second about {new:.3g} show something new, the "
            f"others repeat the one before. {too_slow(new)}".rstrip()
        )

    def _missing(self) -> str:
        gaps = self.end.gaps
        if not gaps:
            return ""
        seconds = sum(end - start for start, end in gaps) / 1000
        places = "one place" if len(gaps) == 1 else f"{len(gaps)} places"
        return (
            f"Frames are missing in {places}, {seconds:.4g} s in all: what happened there is not "
            "known, and no window lies over it."
        )


def too_slow(fps: float) -> str:
    """A plain warning where the frame rate is too low for brief movements; '' where it will do."""
    if fps >= ENOUGH_FPS:
        return ""
    few, many = (max(1, math.floor(ms * fps / 1000)) for ms in (SHORTEST_MS, LONGEST_MS))
    return (
        f"{fps:.3g} frames per second are few: an event of 40 to 500 ms needs frames, and here it "
        f"has {few} to {many}. Micro-expressions are filmed at 100 or more; brief ones are missed "
        "here, and onset and offset are rough."
    )


def intensity(probability: float) -> float:
    """How strongly an action unit is seen: the log-odds of its probability, 0 at one half.

    It grows with the probability and goes on where that has come near to 1, so that two strong
    movements of a unit can be compared. It is no intensity of FACS, which people grade from A to E.
    """
    return float(special.logit(np.clip(probability, CERTAIN, 1 - CERTAIN)))


def leading(probabilities: Sequence[float], classes: Sequence[str]) -> str:
    """The likeliest class; '' where nothing was read."""
    return classes[int(np.argmax(probabilities))] if probabilities else ""


def undecided(probabilities: Sequence[float]) -> bool:
    """Whether the two likeliest classes are too close to name one."""
    return len(probabilities) > 1 and bool(emotion_rules.undecided(np.array([probabilities]))[0])


def write(timeline: Timeline, folder: Path) -> None:
    """Write timeline.csv and timeline.json."""
    workdir.write_table(folder / "timeline.csv", table(timeline))
    text = json.dumps(values(timeline), indent=1, ensure_ascii=False, allow_nan=False)
    workdir.write(folder / "timeline.json", text + "\n")


def table(timeline: Timeline) -> pd.DataFrame:
    """One row per window and person, and one per gap; what was not read or measured is blank."""
    cells = [_cells(row, timeline) for row in timeline.rows]
    cells += [
        {"start_ms": start, "end_ms": end, "flags": NO_FRAMES} for start, end in timeline.end.gaps
    ]
    cells.sort(key=lambda row: row["start_ms"])
    table = pd.DataFrame(cells, columns=_columns(timeline))
    return table.astype(dict.fromkeys(("person", "event", "blink"), "Int64"))


def _columns(timeline: Timeline) -> list[str]:
    info = timeline.info
    ranks = range(1, min(NEAREST, len(info.sentences)) + 1)
    return [
        *("person", "start_ms", "end_ms", "event", "emotion"),
        *(f"p_{name}" for name in info.classes),
        *(f"au_p_{unit}" for unit in info.units),
        *(f"au_intensity_{unit}" for unit in info.units),
        *(f"{kind}_{rank}" for rank in ranks for kind in ("nearest", "similarity")),
        *("motion", "face", "head_motion", "blink", "blur", "flags"),
    ]


def _cells(row: Row, timeline: Timeline) -> dict[str, Any]:
    info = timeline.info
    cells = {
        "person": row.person,
        "start_ms": row.start_ms,
        "end_ms": row.end_ms,
        "event": _event_of(row, timeline),
        "emotion": _cell(leading(row.probabilities, info.classes)),
        "motion": row.motion if row.is_read else math.nan,
        "face": row.face,
        "head_motion": row.head_motion,
        "blink": int(row.blink),
        "blur": row.blur,
        "flags": "; ".join(row.flags),
    }
    # Of a window that was not read, these are empty: the columns stay blank.
    cells |= {f"p_{name}": p for name, p in zip(info.classes, row.probabilities, strict=False)}
    for unit, p in zip(info.units, row.units, strict=False):
        cells |= {f"au_p_{unit}": p, f"au_intensity_{unit}": intensity(p)}
    for rank, (sentence, similarity) in enumerate(row.nearest, start=1):
        cells |= {f"nearest_{rank}": _cell(sentence), f"similarity_{rank}": similarity}
    return cells


def _cell(text: str) -> str:
    """Words of a model as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _event_of(row: Row, timeline: Timeline) -> int | None:
    """The number, from 1, of the event in whose span a window's middle lies."""
    anybody = timeline.settings.face == "largest"
    for number, one in enumerate(timeline.findings, start=1):
        inside = one.event.onset_ms <= row.middle_ms <= one.event.offset_ms
        if inside and (anybody or one.person == row.person):
            return number
    return None


def values(timeline: Timeline) -> dict[str, Any]:
    """The content of timeline.json."""
    info, source, end = timeline.info, timeline.source, timeline.end
    return {
        "input": {
            "name": source.name,
            "fps": source.fps,
            "frames": end.frames,
            "duration_ms": end.duration_ms,
        },
        "model": {
            "name": timeline.model,
            "system": info.system,
            "classes": list(info.classes),
            "units": list(info.units),
            "frames": info.count,
            "size": info.size,
            "crop": info.crop,
            "calibrated": info.calibrated,
            "temperature": info.temperature,
        },
        "settings": asdict(timeline.settings),
        "notices": timeline.notices,
        "gaps": [{"start_ms": start, "end_ms": end} for start, end in end.gaps],
        "events": [_event(finding, info) for finding in timeline.findings],
        "windows": [_window(row, info) for row in timeline.rows],
        "speed": {f"{stage}_s": round(s, 3) for stage, s in timeline.seconds.items()},
    }


def _event(finding: Finding, info: ModelInfo) -> dict[str, Any]:
    row, event = finding.row, finding.event
    return {
        "person": finding.person,
        "onset_ms": event.onset_ms,
        "apex_ms": event.apex_ms,
        "offset_ms": event.offset_ms,
        "score": event.score,
        **_said(row, info),
        "undecided": undecided(row.probabilities),
        "flags": list(row.flags),
        "explanation": _explanation(finding.explanation),
    }


def _explanation(explanation: maps.Explanation | None) -> dict[str, Any] | None:
    if explanation is None:
        return None
    numbers = ("score", "still", "drop", "random_drop", "random_sd", "beaten")
    return {
        "target": explanation.target,
        **{name: getattr(explanation, name) for name in numbers},
        "holds": explanation.holds,
        "sentence": explanation.sentence,
    }


def _window(row: Row, info: ModelInfo) -> dict[str, Any]:
    return {
        "person": row.person,
        "start_ms": row.start_ms,
        "end_ms": row.end_ms,
        **_said(row, info),
        "motion": row.motion if row.is_read else None,
        "quality": {
            "face": _number(row.face),
            "head_motion": _number(row.head_motion),
            "blink": row.blink,
            "blur": _number(row.blur),
        },
        "flags": list(row.flags),
    }


def _said(row: Row, info: ModelInfo) -> dict[str, Any]:
    """What the model says of a window; empty where it saw no face."""
    return {
        "emotion": leading(row.probabilities, info.classes) or None,
        "probabilities": dict(zip(info.classes, row.probabilities, strict=False)),
        "units": dict(zip(info.units, row.units, strict=False)),
        "intensities": dict(zip(info.units, map(intensity, row.units), strict=False)),
        "nearest": [
            {"sentence": sentence, "similarity": cosine} for sentence, cosine in row.nearest
        ],
    }


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value
