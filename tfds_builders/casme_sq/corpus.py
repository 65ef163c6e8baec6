"""CAS(ME)^2 on disk: one workbook of three sheets without headers, long videos and cut samples.

The first sheet codes expressions, macro and micro, by participant number and name, such as
'anger1_1'; 'naming rule1' says which folder (s15) a participant has, 'naming rule2' which digits
a video has: expression anger1_1 of participant 1 lies in rawpic/s15/15_0401....
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.corpus import Corpus, Sheet
from merclip_jax.tfds_builders.records import ABSENT, Clip, Fault

SUBJECT = r"s?\d{1,2}"
FIELDS = ("subject", "clip", "onset", "apex", "offset", "aus", "emotion", "type")  # in this order
KINDS = ({"cropped": "crop", "selected": "select", "video": "rawvideo", "raw": "raw"},)


class CasmeSq(Corpus):
    """The micro-expressions of CAS(ME)^2 (Qu et al. 2018)."""

    name = "casme_sq"
    home = "http://casme.psych.ac.cn/casme/e3"
    layouts = {
        "cropped": "The owner's face crops of the cut samples.",
        "selected": "The cut samples, whole pictures, 640x480.",
        "raw": "The long videos, whole pictures, 640x480, of which onset to offset is taken.",
    }
    fps = 30.0

    def annotation(self) -> Path:
        """The coding workbook; of several an updated one. The workbook of eye blinks is none."""
        return sheets.find(self.manual_dir, r"code_?final.*\.xlsx?$", "CAS(ME)^2code_final.xlsx")

    def rows(self) -> Iterator[sheets.Row]:
        """The rows of the first sheet that are not of a macro-expression.

        Raises:
          DataError: the workbook has too few columns, or does not say which folder is whose.
        """
        workbook, coded = self.annotation(), next(iter(self._tables.values()))
        if coded.shape[1] < len(FIELDS):
            raise DataError(
                f"{workbook}: the first sheet has {coded.shape[1]} columns, not the "
                f"{len(FIELDS)} of {', '.join(FIELDS)}; take the workbook as its owner "
                "distributes it"
            )
        if not self._people:
            raise DataError(
                f"{workbook}: no sheet 'naming rule1' that gives a folder (s15) and a participant "
                "number in each row; take the workbook as its owner distributes it"
            )
        for i, row in enumerate(coded.itertuples(index=False), start=1):
            cells = dict(zip(FIELDS, row, strict=False))
            blank = all(pd.isna(cell) for cell in cells.values())
            if not blank and "macro" not in sheets.text(cells["type"]).lower():
                yield sheets.Row(f"{workbook.name}, row {i}", cells)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('s15', 'anger1_1'), for a participant 1 whose folder is s15."""
        number, clip = sheets.frame(cells["subject"]), sheets.text(cells["clip"])
        if number == ABSENT:
            raise DataError(
                f"the participant is {cells['subject']!r}, not a number; correct it, or delete the "
                "row if it is a header"
            )
        if number not in self._people:
            raise DataError(f"participant {number} has no folder in the sheet 'naming rule1'")
        if not clip:
            raise DataError("the expression's name is empty")
        if "micro" not in sheets.text(cells["type"]).lower():
            raise DataError(
                f"{clip}: the type is {cells['type']!r}, neither macro- nor micro-expression"
            )
        return self._people[number], clip

    def meant(self, cells: Mapping[str, Any]) -> Mapping[str, Any]:
        """An offset 0 means that it is the apex, an apex 0 that there is none."""
        apex = None if sheets.frame(cells["apex"]) == 0 else cells["apex"]
        offset = cells["apex"] if sheets.frame(cells["offset"]) == 0 else cells["offset"]
        return {**cells, "apex": apex, "offset": offset}

    def sheet(self) -> Sheet:
        """As for any corpus; an offset 0 is listed, and is no reason not to build."""
        sheet = super().sheet()
        detail = "offset 0; the apex {} is used as the offset"
        odd = [
            Fault(clip.key, "interval", detail.format(clip.offset_used), stops_build=False)
            for clip in sheet.clips
            if clip.offset == 0
        ]
        return replace(sheet, faults=[*sheet.faults, *odd])

    def folder(self, clip: Clip) -> Path:
        """s15/anger1_1 of the cut samples, or the long video s15/15_0401... ."""
        if self.layout == "raw":
            return self._long_video(clip)
        folder = self._folders.get((int(clip.subject[1:]), clip.clip.lower()))
        if folder is None:
            raise DataError(f"{clip.subject}/{clip.clip}: annotated, but the folder is missing")
        return folder

    def _long_video(self, clip: Clip) -> Path:
        video = re.sub(r"_\d+$", "", clip.clip).lower()
        if video not in self._codes:
            raise DataError(f"{clip.clip}: the sheet 'naming rule2' has no code for {video!r}")
        number, code = int(clip.subject[1:]), self._codes[video]
        start = f"{number}_{code}"
        for (person, name), path in self._folders.items():
            if person == number and re.match(rf"{start}(?!\d)", name):
                return path
        raise DataError(f"{clip.subject}/{start}...: annotated, but the folder is missing")

    @cached_property
    def _folders(self) -> dict[tuple[int, str], Path]:
        example = "s15/15_0101.../..." if self.layout == "raw" else "s15/anger1_1/..."
        root = frames.find_root(self.manual_dir, self.layout, SUBJECT, example, kinds=KINDS)
        return {
            (int(person.lower().removeprefix("s")), name.lower()): path
            for (person, name), path in frames.clip_folders(root, SUBJECT).items()
        }

    @cached_property
    def _tables(self) -> dict[str, pd.DataFrame]:
        return sheets.tables(self.annotation())

    def _rule(self, number: int) -> list[list[str]]:
        """The cells of a sheet of naming rules, row by row, blank ones left out."""
        for name, table in self._tables.items():
            if sheets.plain(name) == f"namingrule{number}":
                rows = ([sheets.text(cell) for cell in row] for row in table.to_numpy())
                return [[cell for cell in row if cell] for row in rows]
        return []

    @cached_property
    def _people(self) -> dict[int, str]:
        """Participant number -> folder; the number stands right of the folder."""
        people = {}
        for cells in self._rule(1):
            for folder, number in zip(cells, cells[1:], strict=False):
                if re.fullmatch(r"s\d{1,2}", folder.lower()) and sheets.frame(number) != ABSENT:
                    people[sheets.frame(number)] = folder.lower()
        return people

    @cached_property
    def _codes(self) -> dict[str, str]:
        """Video name -> its four digits, which a copy may have read as a number."""
        return {
            cells[1].lower(): f"{sheets.frame(cells[0]):04d}"
            for cells in self._rule(2)
            if len(cells) > 1 and sheets.frame(cells[0]) != ABSENT
        }
