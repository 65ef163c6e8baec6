"""SMIC-E on disk: a workbook of formulas, HS_long/SMIC-HS-E/HS/s09/s9_po_01/image072643.jpg.

Of each row only the first interval, OnsetF to OffsetF, is read: some of the third ones refer to
wrong cells of another sheet.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.cells import Unsure, frame, text
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

    def books(self) -> Sequence[sheets.Book]:
        """The camera's workbook; that of the high-speed camera serves for visible light too."""
        cameras = [self.layout] + (["hs"] if self.layout == "vis" else [])
        patterns = [
            rf"^smic.?{camera}.?e.?annotation{variant}\.xlsx?$"
            for camera in cameras
            for variant in ("", "_2019", ".*")
        ]
        return (sheets.Book(f"SMIC-{self.layout.upper()}-E_annotation.xlsx", patterns, depth=2),)

    def rows(self) -> Iterator[sheets.Row]:
        """The rows of the camera's sheet; text below the table counts as a note."""
        other = "|".join(camera for camera in self.layouts if camera != self.layout)
        place = rf"(?!({other})\b).*"
        for row in sheets.rows(self.annotation(), self.columns, sheet_name=place):
            if not row.note and not _is_clip(row.cells):
                note = "names no clip and no frame, so it is taken for a note"
                row = sheets.Row(row.where, {}, note=note)
            yield row

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('s9', 's9_po_01')."""
        subject, clip, _ = names.read(text(cells["clip"]), text(cells["subject"]))
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
        return frames.only(self._folders, clip.clip, clip.clip)

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
        found = frames.named_folders(root, names.CLIP).items()
        return frames.by_key(
            (names.read(name, "")[1], path) for name, paths in found for path in paths
        )


def _is_clip(cells: Mapping[str, Any]) -> bool:
    """Whether a row means a clip, however wrong, and is not text below the table."""
    if any(isinstance(cell, Unsure) for cell in cells.values()):
        return True
    named = re.fullmatch(names.CLIP, text(cells["clip"]), re.IGNORECASE)
    return bool(named) or any(frame(cells[end]) != ABSENT for end in ("onset", "offset"))
