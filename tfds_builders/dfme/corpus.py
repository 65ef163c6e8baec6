"""DFME on disk, as the CCAC 2024 challenge distributes it: three parts, sub0003_01/00109.png.

Each part has a workbook of its own. Frames count from 0, and each row gives its frame rate. The
names of clips are unique over all parts, so that the folder around them does not matter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.corpus import Corpus, Sheet
from merclip_jax.tfds_builders.records import Clip, Fault

CLIP = r"sub\d+_\d+"
PARTS = {  # split -> pattern of its workbook, the owner's name of it, and of its frames
    "train": (r"^train.*au.*\.xlsx?$", "training_full_with_AU.xlsx", "DFME_train"),
    "testA": (r"^test_?a.*au.*\.xlsx?$", "testA_full_with_AU.xlsx", "test_data_A"),
    "testB": (r"^test_?b.*au.*\.xlsx?$", "testB_full_with_AU.xlsx", "test_data_B"),
}


class Dfme(Corpus):
    """DFME, the part of it that CCAC 2024 distributes (Zhao et al. 2023)."""

    name = "dfme"
    home = "https://mea-lab-421.github.io"
    layouts = {
        "raw": "The whole pictures.",
        "cropped": "Your own face crops, in a tree like the owner's.",
    }
    columns = {
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("OnsetFrame",),
        "apex": ("ApexFrame",),
        "offset": ("OffsetFrame",),
        "emotion": ("Emotion",),
        "fps": ("Fps",),
        "aus": ("AU",),
    }

    def annotation(self) -> Path:
        """The workbook of the first part that is there.

        Raises:
          DataError: there is none of the three.
        """
        if not self._workbooks:
            names = ", ".join(name for _, name, _ in PARTS.values())
            return sheets.find(self.manual_dir, "(?!)", f"{names}, or one of them", depth=2)
        return next(iter(self._workbooks.values()))

    @cached_property
    def _workbooks(self) -> dict[str, Path]:
        """The workbooks that are there, by split."""
        sheets_by_split = {}
        for split, (pattern, name, _) in PARTS.items():
            try:
                sheets_by_split[split] = sheets.find(self.manual_dir, pattern, name, depth=2)
            except DataError:  # its absence becomes a fault of the sheet
                continue
        return sheets_by_split

    def rows(self) -> Iterator[sheets.Row]:
        """The rows of all workbooks that are there, each with its split."""
        for split, workbook in self._workbooks.items():
            for row in sheets.rows(workbook, self.columns, self.optional):
                yield replace(row, cells={**row.cells, "split": split})

    def sheet(self) -> Sheet:
        """The rows of all parts; a part without a workbook is a fault that does not stop."""
        sheet = super().sheet()
        absent = [
            Fault(split, "missing_part", f"no {name}; {split} is left out", stops_build=False)
            for split, (_, name, _) in PARTS.items()
            if split not in self._workbooks
        ]
        return replace(sheet, faults=sheet.faults + absent)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('sub0003', 'sub0003_01')."""
        subject, clip = sheets.text(cells["subject"]), sheets.text(cells["clip"])
        if not subject or not clip.startswith(f"{subject}_"):
            raise DataError(f"Filename is {cells['clip']!r}, not of Subject {cells['subject']!r}")
        return subject, clip

    def rate(self, cells: Mapping[str, Any]) -> float:
        """Frames per second, which differ from person to person: 200, 300 or 500."""
        written = sheets.text(cells["fps"])
        if not written.isdecimal() or not int(written):
            raise DataError(f"Fps is {cells['fps']!r}, not a number of frames per second")
        return float(written)

    def split(self, cells: Mapping[str, Any]) -> str:
        """'train', 'testA' or 'testB'."""
        return cells["split"]

    def on_disk(self, sheet: Sheet) -> tuple[list[Clip], list[Fault]]:
        """The clips with their frames; a part without any frames is a fault that does not stop.

        Raises:
          DataError: no part has frames.
        """
        with_frames = {clip.split for clip in sheet.clips if clip.clip in self._folders}
        there = [clip for clip in sheet.clips if clip.split in with_frames]
        absent = {clip.split: None for clip in sheet.clips if clip.split not in with_frames}
        clips, faults = super().on_disk(replace(sheet, clips=there))
        for split in absent:
            detail = f"no frames ({PARTS[split][2]}/...) of any of its clips; {split} is left out"
            faults.append(Fault(split, "missing_part", detail, stops_build=False))
        return clips, faults

    def folder(self, clip: Clip) -> Path:
        """The folder called like the clip."""
        folder = self._folders.get(clip.clip)
        if folder is None:
            raise DataError(f"{clip.clip}: annotated, but the folder is missing")
        return folder

    @cached_property
    def _folders(self) -> dict[str, Path]:
        return frames.layout_folders(self.manual_dir, self.layout, CLIP, "sub0003_01/00109.png ...")
