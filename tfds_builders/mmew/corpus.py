"""MMEW on disk: one workbook, S03-01-002/1.jpg somewhere below Micro_Expression.

A clip's name says its subject, its emotion and its number. Copies keep the clips by emotion, by
subject or in one heap, so they are found by that name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.cells import text
from merclip_jax.tfds_builders.corpus import Corpus, Sheet
from merclip_jax.tfds_builders.records import Clip, Fault

CLIP = r"S(\d+)-(\d+)-\d+"
EMOTIONS = {  # second number of a clip's name -> how the emotion is written
    1: ("happiness", "happy"),
    2: ("surprise",),
    3: ("disgust",),
    4: ("others", "other", "repression"),  # the workbook's word, and that of the folders
    5: ("fear",),
    6: ("sadness", "sad"),
    7: ("anger",),
}


class Mmew(Corpus):
    """MMEW, its micro-expressions (Ben et al. 2022)."""

    name = "mmew"
    home = "https://github.com/benxianyeteam/MMEW-Dataset"
    layouts = {"cropped": "The owner's face crops, 231x231."}
    fps = 90.0
    columns = {
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("OnsetFrame",),
        "apex": ("ApexFrame",),
        "offset": ("OffsetFrame",),
        "aus": ("Action Units",),
        "emotion": ("Estimated Emotion",),
    }

    def books(self) -> Sequence[sheets.Book]:
        """The workbook, beside the frames or above or below their folder."""
        names = (
            r"^mmew_micro_exp\.xlsx?$",
            r"^mmew_micro_exp\.csv$",
            r"mmew.?micro.?exp.*\.(xlsx?|csv)$",
        )
        return (sheets.Book("MMEW_Micro_Exp.xlsx", names, depth=2),)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('S03', 'S03-01-002'); the subject is written as in the clip's name."""
        clip, subject = text(cells["clip"]), text(cells["subject"])
        parts = re.fullmatch(CLIP, clip, re.IGNORECASE)
        if not parts:
            raise DataError(f"Filename is {cells['clip']!r}, not a clip's name such as S03-01-002")
        if subject.upper().removeprefix("S").lstrip("0") != parts[1].lstrip("0"):
            raise DataError(f"Subject is {cells['subject']!r}, but Filename {clip}; correct one")
        return clip.split("-")[0], clip

    def sheet(self) -> Sheet:
        """As of any corpus; an emotion that a clip's name contradicts is a fault, kept as it is."""
        sheet = super().sheet()
        faults = []
        for clip in sheet.clips:
            code = int(clip.clip.split("-")[1])
            emotions = EMOTIONS.get(code, ("no emotion",))
            if clip.emotion not in emotions:
                detail = (
                    f"emotion {clip.emotion!r}, but {code:02d} in its name means {emotions[0]!r}"
                )
                detail += "; used as annotated"
                faults.append(Fault(clip.key, "label", detail, stops_build=False))
        return replace(sheet, faults=[*sheet.faults, *faults])

    def on_disk(self, sheet: Sheet) -> tuple[list[Clip], list[Fault]]:
        """As of any corpus; a clip that is longer on disk than annotated is a fault, and cut."""
        clips, faults = super().on_disk(sheet)
        for clip in clips:
            last = max(self.numbered(self.folder(clip)))
            if last > clip.offset_used:
                detail = f"{last} frames on disk, offset {clip.offset_used}; the rest is left out"
                faults.append(Fault(clip.key, "longer_on_disk", detail, stops_build=False))
        return clips, faults

    def folder(self, clip: Clip) -> Path:
        """The folder with the clip's name, wherever it lies below manual_dir."""
        return frames.only(self._folders, clip.clip.lower(), clip.clip)

    @cached_property
    def _folders(self) -> dict[str, list[Path]]:
        found = frames.named_folders(self.manual_dir, CLIP)
        if not found:
            raise frames.NoFramesError(
                f"{self.manual_dir}: no frames (folders such as Micro_Expression/.../S03-01-002); "
                "complete the corpus"
            )
        return frames.by_key(
            (name.lower(), path) for name, paths in found.items() for path in paths
        )
