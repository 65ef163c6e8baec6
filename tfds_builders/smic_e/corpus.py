"""SMIC-E on disk: a workbook of formulas, HS_long/SMIC-HS-E/HS/s09/s9_po_01/image072643.jpg.

Of each row only the first interval, OnsetF to OffsetF, is read: some of the third ones refer to
wrong cells of another sheet.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.corpus import Corpus, Sheet
from merclip_jax.tfds_builders.records import ABSENT, Clip, Fault
from merclip_jax.tfds_builders.smic import names
from merclip_jax.tfds_builders.smic.corpus import FPS


class SmicE(Corpus):
    """SMIC-E, the extended release."""

    name = "smic_e"
    home = "https://www.oulu.fi/cmvs/node/41319"
    layouts = {
        "hs": "High-speed camera.",
        "vis": "Visible light, 25 frames per second.",
        "nir": "Near infrared, 25 frames per second.",
    }
    columns = {
        "clip": ("Filename",),
        "subject": ("Subject",),
        "onset": ("OnsetF", "OnsetF NIR"),
        "offset": ("OffsetF", "OffsetF NIR"),
        "emotion": ("Emotion",),
    }
    has_apex = False

    def annotation(self) -> Path:
        """The camera's workbook; that of the high-speed camera serves for visible light too."""
        cameras = [self.layout] + (["hs"] if self.layout == "vis" else [])
        patterns = [
            rf"^smic.?{camera}.?e.?annotation{variant}\.xlsx?$"
            for camera in cameras
            for variant in ("", "_2019", ".*")
        ]
        wanted = f"SMIC-{self.layout.upper()}-E_annotation.xlsx"
        return sheets.find(self.manual_dir, patterns, wanted, depth=2)

    def rows(self) -> Iterator[sheets.Row]:
        """The rows of the camera's sheet; text below the table counts as a note.

        Raises:
          DataError: the workbook lost the results of its formulas.
        """
        book = self.annotation()
        other = "|".join(camera for camera in self.layouts if camera != self.layout)
        listed = list(sheets.rows(book, self.columns, sheet_name=rf"(?!({other})\b).*"))
        clips = [row for row in listed if _is_clip(row.cells)]
        if clips and not any(sheets.text(row.cells["offset"]) for row in clips):
            raise DataError(
                f"{book}: OffsetF is empty in all rows; its cells are formulas, whose results are "
                "lost when a program other than a spreadsheet saves the file: open and save it in "
                "a spreadsheet program, or take the workbook as its owner distributes it"
            )
        for row in listed:
            yield row if row in clips else sheets.Row(row.where, dict.fromkeys(row.cells))

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('s9', 's9_po_01')."""
        subject, clip, _ = names.read(sheets.text(cells["clip"]), sheets.text(cells["subject"]))
        return subject, clip

    def sheet(self) -> Sheet:
        """As of any corpus; an emotion that a clip's name contradicts is a fault, kept as it is."""
        sheet = super().sheet()
        faults = []
        for clip in sheet.clips:
            label = names.read(clip.clip, clip.subject)[2]
            if clip.emotion != label:
                detail = f"emotion {clip.emotion!r}, but its name says {label!r}; used as annotated"
                faults.append(Fault(clip.key, "label", detail, stops_build=False))
        return replace(sheet, faults=[*sheet.faults, *faults])

    def rate(self, cells: Mapping[str, Any]) -> float:
        """100 for the high-speed camera, 25 for the others."""
        return FPS[self.layout]

    def folder(self, clip: Clip) -> Path:
        """s09/s9_po_01 below the frames of the camera."""
        folders = self._folders.get(clip.clip, [])
        if not folders:
            raise DataError(f"{clip.clip}: annotated, but the folder is missing")
        if len(folders) > 1:
            raise DataError(
                f"{clip.clip} is there twice: {folders[0]}, {folders[1]}; keep one of them"
            )
        return folders[0]

    @cached_property
    def _folders(self) -> dict[str, list[Path]]:
        root = frames.find_root(
            self.manual_dir,
            self.layout,
            names.SUBJECT,
            f"SMIC-{self.layout.upper()}-E/s09/s9_po_01/...",
            depth=4,
            prefer=r"long|[-_]e\b",
        )
        folders: dict[str, list[Path]] = {}
        for name, paths in frames.named_folders(root, names.CLIP).items():
            folders.setdefault(names.read(name, "")[1], []).extend(paths)
        return folders


def _is_clip(cells: Mapping[str, Any]) -> bool:
    """Whether a row means a clip, however wrong, and is not text below the table."""
    named = re.fullmatch(names.CLIP, sheets.text(cells["clip"]), re.IGNORECASE)
    return bool(named) or any(sheets.frame(cells[end]) != ABSENT for end in ("onset", "offset"))
