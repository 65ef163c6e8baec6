"""DFME on disk, as the CCAC 2024 challenge distributes it: three parts, sub0003_01/00109.png.

Each part has a workbook of its own. Frames count from 0, and each row gives its frame rate. The
names of clips are unique over all parts, so that the folder around them does not matter.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.cells import frame, text
from merclip_jax.tfds_builders.corpus import Corpus, Sheet
from merclip_jax.tfds_builders.records import Clip, Fault

CLIP = r"sub\d+_\d+"
FASTEST = 10_000  # frames per second
FRAMES = {"train": "DFME_train", "testA": "test_data_A", "testB": "test_data_B"}
BOOKS = {
    split: sheets.Book(
        f"{owners}_full_with_AU.xlsx",
        (rf"^{owners}_full_with_au\.xlsx?$", rf"^{copies}.*au.*\.xlsx?$"),
        depth=2,
    )
    for split, owners, copies in (
        ("train", "training", "train"),
        ("testA", "testA", "test_?a"),
        ("testB", "testB", "test_?b"),
    )
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
        if not self._books:
            names = ", ".join(book.wanted for book in BOOKS.values())
            return sheets.find(self.manual_dir, "(?!)", f"{names}, or one of them", depth=2)
        return self.sources()[0]

    def books(self) -> Sequence[sheets.Book]:
        """Those that are there; the absence of the others becomes a fault of the sheet."""
        return tuple(self._books.values())

    def sources(self) -> list[Path]:
        """The workbooks that are there."""
        return [book.find(self.manual_dir) for book in self.books()]

    @cached_property
    def _books(self) -> dict[str, sheets.Book]:
        return {split: book for split, book in BOOKS.items() if book.there(self.manual_dir)}

    def rows(self) -> Iterator[sheets.Row]:
        """The rows of all workbooks that are there, each with its split."""
        for split, book in self._books.items():
            workbook = book.find(self.manual_dir)
            for row in sheets.rows(workbook, self.columns, self.optional):
                yield row if row.note else replace(row, cells={**row.cells, "split": split})

    def sheet(self) -> Sheet:
        """The rows of all parts; a part without a workbook is a fault that does not stop."""
        sheet = super().sheet()
        absent = [
            Fault(
                split, "missing_part", f"no {book.wanted}; {split} is left out", stops_build=False
            )
            for split, book in BOOKS.items()
            if split not in self._books
        ]
        return replace(sheet, faults=sheet.faults + absent)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('sub0003', 'sub0003_01')."""
        subject, clip = text(cells["subject"]), text(cells["clip"])
        if not subject or not clip.startswith(f"{subject}_"):
            raise DataError(f"Filename is {cells['clip']!r}, not of Subject {cells['subject']!r}")
        return subject, clip

    def rate(self, cells: Mapping[str, Any]) -> float:
        """Frames per second, which differ from person to person: 200, 300 or 500."""
        rate = frame(cells["fps"])
        if not 0 < rate <= FASTEST:
            raise DataError(f"Fps is {cells['fps']!r}, not a number of frames per second")
        return float(rate)

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
            detail = f"no frames ({FRAMES[split]}/...) of any of its clips; {split} is left out"
            detail += self._instead()
            faults.append(Fault(split, "missing_part", detail, stops_build=False))
        return clips, faults

    def folder(self, clip: Clip) -> Path:
        """The folder called like the clip."""
        return frames.only(self._folders, clip.clip, clip.clip)

    @cached_property
    def _folders(self) -> dict[str, list[Path]]:
        example = "sub0003_01/00109.png ..."
        found = frames.layout_folders(self.manual_dir, self.layout, CLIP, example)
        return frames.by_key(found.items())
