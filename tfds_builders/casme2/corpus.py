"""CASME II on disk: one workbook, sub01/EP02_01f/img46.jpg.

Known are the workbooks of 2014 (9 columns) and of 2019 (57 action-unit cells and 3 emotions
changed, and a column of objective classes), with or without their blank columns, with subjects as
text or as numbers.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.cells import frame, text
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.records import ABSENT, Clip

SUBJECT = r"sub\d+"


class Casme2(Corpus):
    """CASME II (Yan et al. 2014)."""

    name = "casme2"
    home = "http://casme.psych.ac.cn/casme/e2"
    layouts = {
        "cropped": "The owner's aligned face crops, about 280x340.",
        "raw": "The whole pictures, 640x480.",
    }
    fps = 200.0
    columns = {
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("OnsetFrame",),
        "apex": ("ApexFrame",),
        "offset": ("OffsetFrame",),
        "aus": ("Action Units",),
        "emotion": ("Estimated Emotion",),
        "objective": ("Objective Classes", "Objective Class"),
    }
    optional: ClassVar[Sequence[str]] = ("objective",)  # absent before 2019

    def books(self) -> Sequence[sheets.Book]:
        """The coding workbook with the newest date in its name."""
        owners, copies = r"^casme2-coding-\d{8}\.xlsx?$", r"casme(?!.?coded).*cod.*\.xlsx?$"
        return (sheets.Book("CASME2-coding-20190701.xlsx (or -20140508)", (owners, copies)),)

    def sources(self) -> list[Path]:
        """The coding workbook, and that of objective classes where it is read."""
        coding = super().sources()
        return [*coding, *self._objective_books] if self._needs_objective else coding

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('01', 'EP02_01f'), for a subject '01', 1, 1.0 or 'sub01'."""
        subject = text(cells["subject"]).lower().removeprefix("sub")
        if frame(subject) == ABSENT:
            raise DataError(f"Subject is {cells['subject']!r}, not a number")
        clip = text(cells["clip"])
        if not clip:
            raise DataError("Filename is empty")
        return f"{int(subject):02d}", clip

    def objective(self, cells: Mapping[str, Any]) -> int:
        """From the workbook's own column, else from CASME2-ObjectiveClasses.xlsx beside it."""
        if "objective" in cells:
            return super().objective(cells)
        return self._objective_classes.get(self.names(cells), 0)

    @cached_property
    def _objective_books(self) -> list[Path]:
        return sorted(self.manual_dir.glob("CASME2-ObjectiveClasses.xlsx"))

    @cached_property
    def _needs_objective(self) -> bool:
        return not any("objective" in row.cells for row in self.rows())

    @cached_property
    def _objective_classes(self) -> dict[tuple[str, str], int]:
        fields = {field: self.columns[field] for field in ("subject", "clip", "objective")}
        classes = {}
        for book in self._objective_books:
            for row in sheets.rows(book, fields):
                if row.note:
                    continue
                try:
                    classes[self.names(row.cells)] = super().objective(row.cells)
                except DataError as error:
                    raise DataError(f"{row.where}: {error}") from error
        return classes

    def folder(self, clip: Clip) -> Path:
        """sub01/EP02_01f below the frames of the layout."""
        key = (int(clip.subject), clip.clip)
        return frames.only(self._folders, key, f"sub{clip.subject}/{clip.clip}")

    @cached_property
    def _folders(self) -> dict[tuple[int, str], list[Path]]:
        root = frames.find_root(self.manual_dir, self.layout, SUBJECT, "sub01/EP02_01f/...")
        found = frames.clip_folders(root, SUBJECT)
        return frames.by_key(((int(person[3:]), clip), path) for person, clip, path in found)
