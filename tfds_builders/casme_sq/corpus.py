"""CAS(ME)^2 on disk: one workbook of three sheets without headers, long videos and cut samples.

The first sheet codes expressions, macro and micro, by participant number and name, such as
'anger1_1'; 'naming rule1' says which folder (s15) a participant has, 'naming rule2' which digits
a video has: expression anger1_1 of participant 1 lies in rawpic/s15/15_0401....
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import books, frames, sheets
from merclip_jax.tfds_builders.books import Table
from merclip_jax.tfds_builders.cells import Unsure, frame, text
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

    def books(self) -> Sequence[sheets.Book]:
        """The coding workbook; of several an updated one. The workbook of eye blinks is none."""
        owners = r"^(cas\(me\)\^?2)?code_?final *(\(updated\))?\.xlsx?$"
        return (sheets.Book("CAS(ME)^2code_final.xlsx", (owners, r"code_?final.*\.xlsx?$")),)

    def rows(self) -> Iterator[sheets.Row]:
        """The rows that are not of a macro-expression, of each sheet with rows of codes.

        Raises:
          DataError: no sheet has such rows, or none says which folder is whose.
        """
        coded = [table for table in self._tables if not _is_rule(table)]
        read = [table for table in coded if not table.hidden and _is_coded(table)]
        if not read:
            raise DataError(
                f"{self.annotation()}: no sheet has rows of the {len(FIELDS)} columns "
                f"{', '.join(FIELDS)}; take the workbook as its owner distributes it"
            )
        if not self._people:
            raise DataError(
                f"{self.annotation()}: no sheet 'naming rule1' that gives a folder (s15) and a "
                "participant number in each row; take the workbook as its owner distributes it"
            )
        for table in coded:
            if table in read:
                yield from _coded(table)
            elif table.rows:
                why = "is hidden" if table.hidden else "has no rows of codes"
                yield sheets.Row(table.place, {}, note=f"{why}, so it is left out")

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('s15', 'anger1_1'), for a participant 1 whose folder is s15."""
        number, clip = frame(cells["subject"]), text(cells["clip"])
        if number == ABSENT:
            raise DataError(
                f"the participant is {cells['subject']!r}, not a number; correct it, or delete the "
                "row if it is a header"
            )
        if number not in self._people:
            raise DataError(f"participant {number} has no folder in the sheet 'naming rule1'")
        if not clip:
            raise DataError("the expression's name is empty")
        if _types(text(cells["type"])) != {"micro"}:
            raise DataError(
                f"{clip}: the type is {cells['type']!r}, neither macro- nor micro-expression"
            )
        return self._people[number], clip

    def meant(self, cells: Mapping[str, Any]) -> Mapping[str, Any]:
        """An offset 0 means that it is the apex, an apex 0 that there is none."""
        apex = None if frame(cells["apex"]) == 0 else cells["apex"]
        offset = cells["apex"] if frame(cells["offset"]) == 0 else cells["offset"]
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
        return frames.only(self._folders, (int(clip.subject[1:]), clip.clip.lower()), clip.key)

    def _long_video(self, clip: Clip) -> Path:
        video = re.sub(r"_\d+$", "", clip.clip).lower()
        if video not in self._codes:
            raise DataError(f"{clip.clip}: the sheet 'naming rule2' has no code for {video!r}")
        number, code = int(clip.subject[1:]), self._codes[video]
        start = f"{number}_{code}"
        fitting = [
            path
            for (person, name), paths in self._folders.items()
            for path in paths
            if person == number and re.match(rf"{start}(?!\d)", name)
        ]
        return frames.only({start: fitting}, start, f"{clip.subject}/{start}...")

    @cached_property
    def _folders(self) -> dict[tuple[int, str], list[Path]]:
        example = "s15/15_0101.../..." if self.layout == "raw" else "s15/anger1_1/..."
        root = frames.find_root(self.manual_dir, self.layout, SUBJECT, example, kinds=KINDS)
        return frames.by_key(
            ((int(person.lower().removeprefix("s")), name.lower()), path)
            for person, name, path in frames.clip_folders(root, SUBJECT)
        )

    @cached_property
    def _tables(self) -> list[Table]:
        return books.read(self.annotation())

    def _rule(self, number: int) -> Iterator[tuple[str, list[str]]]:
        """The cells of a sheet of naming rules, row by row with its place, blank ones left out."""
        for table in self._tables:
            if _is_rule(table) and sheets.plain(table.name).endswith(str(number)):
                for row, cells in table.rows.items():
                    try:
                        yield table.where(row), [text(cell) for cell in cells.values()]
                    except DataError as error:
                        raise DataError(f"{table.where(row)}: {error}") from error

    @cached_property
    def _people(self) -> dict[int, str]:
        """Participant number -> folder; the number stands right of the folder.

        Raises:
          DataError: a participant has two folders, or a folder two participants.
        """
        people: dict[int, str] = {}
        for where, cells in self._rule(1):
            for folder, number in zip(cells, cells[1:], strict=False):
                if re.fullmatch(r"s\d{1,2}", folder.lower()) and frame(number) != ABSENT:
                    _rule_once(people, frame(number), folder.lower(), where)
        return people

    @cached_property
    def _codes(self) -> dict[str, str]:
        """Video name -> its four digits, which a copy may have read as a number.

        Raises:
          DataError: a video has two codes, or a code two videos.
        """
        codes: dict[str, str] = {}
        for where, cells in self._rule(2):
            if len(cells) > 1 and frame(cells[0]) != ABSENT:
                _rule_once(codes, cells[1].lower(), f"{frame(cells[0]):04d}", where)
        return codes


def _rule_once(rules: dict[Any, str], key: Any, value: str, where: str) -> None:
    other = next((name for name, given in rules.items() if given == value), key)
    if other != key or rules.get(key, value) != value:
        raise DataError(
            f"{where}: {key} is {value}, but an earlier row says {other} is {rules[other]}; "
            "correct one of them"
        )
    rules[key] = value


def _is_rule(table: Table) -> bool:
    return sheets.plain(table.name) in ("namingrule1", "namingrule2")


def _is_coded(table: Table) -> bool:
    """Whether a row names a type of expression where the codes do."""
    return any(_types(row.get(len(FIELDS))) for row in table.rows.values())


def _types(cell: Any) -> set[str]:
    """The types of expression that a cell names."""
    return set(re.findall("micro|macro", str(cell).lower()))


def _coded(table: Table) -> Iterator[sheets.Row]:
    for number, row in table.rows.items():
        cells = {one: row.get(column) for column, one in enumerate(FIELDS, start=1)}
        blank = not any(cell is not None for cell in cells.values())
        if not blank and _types(cells["type"]) != {"macro"}:
            places = {one: f"cell {chr(64 + i)}{number}" for i, one in enumerate(FIELDS, start=1)}
            for column, one in enumerate(FIELDS, start=1):
                if one in sheets.OF_ONE_CLIP and (number, column) in table.repeated:
                    cells[one] = Unsure(places[one], sheets.MERGED)
            yield sheets.Row(table.where(number), cells, places)
