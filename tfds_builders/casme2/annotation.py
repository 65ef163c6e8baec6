"""The coding workbook of CASME II -> clip records without frames.

Read from the sheet alone, so that counts and bounds need no images. Known are the workbooks of
2014 (9 columns) and of 2019 (57 action-unit cells and 3 emotions changed, and a column of
objective classes), with or without their blank columns, with subjects as text or as numbers.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from merclip_jax import facs
from merclip_jax.errors import DataError
from tfds_builders.records import ABSENT, Clip

FPS = 200.0  # Yan et al. 2014
COLUMNS = (
    "Subject",
    "Filename",
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    "Action Units",
    "Estimated Emotion",
)
OBJECTIVE = "Objective Classes"  # absent before 2019
CORRECTIONS = Path(__file__).with_name("corrections.csv")

Corrections = Mapping[tuple[str, str], tuple[int, int]]  # (clip key, column) -> (old, new)


@dataclass(frozen=True)
class Sheet:
    """The readable rows of a workbook, and a line for each row that cannot be used."""

    clips: list[Clip]
    faults: list[str]


def find_workbook(folder: Path) -> Path:
    """The coding workbook in `folder`: of several, the one with the newest date in its name.

    Raises:
      DataError: there is none.
    """
    pattern = re.compile(r"casme.?2?.*cod.*\.xlsx?", re.IGNORECASE)
    books = [path for path in folder.iterdir() if pattern.search(path.name)]
    books = [path for path in books if not path.name.startswith(("~$", "."))]
    if not books:
        raise DataError(
            f"{folder}: no coding workbook; put CASME2-coding-20190701.xlsx (or -20140508) there"
        )
    return max(books, key=lambda path: (re.findall(r"\d{8}", path.name)[-1:], path.name))


def read_corrections() -> Corrections:
    """The corrections beside this file; a value that is no number reads as ABSENT."""
    with CORRECTIONS.open(newline="", encoding="utf-8") as file:
        return {
            (row["key"], row["column"]): (_frame(row["old"]), _frame(row["new"]))
            for row in csv.DictReader(file)
        }


def read(workbook: Path, corrections: Corrections) -> Sheet:
    """Every row of the workbook as a clip record without frames, in the order of the sheet.

    The claimed onset, apex and offset stay as annotated; corrections and repair go into
    onset_used, apex_used and offset_used.

    Raises:
      DataError: the workbook cannot be read, or lacks a needed column.
    """
    clips, faults, seen = [], [], set()
    for where, cells in _rows(workbook):
        try:
            clip = _clip(cells, corrections)
        except DataError as fault:
            faults.append(f"{where}: {fault}")
            continue
        if clip.clip_id in seen:
            faults.append(f"{where}: {clip.clip_id} has a row already; delete one of them")
        seen.add(clip.clip_id)
        clips.append(clip)
    return Sheet(clips, faults)


def middle(onset: int, offset: int) -> int:
    """Where the apex is taken to be when the annotation gives none that can be used."""
    return (onset + offset) // 2


def _rows(workbook: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, cells by column name) of each row below the header that is not blank."""
    sheet, top = _header(workbook)
    names = {_plain(name): i for i, name in enumerate(sheet.iloc[top]) if isinstance(name, str)}
    missing = [name for name in COLUMNS if _plain(name) not in names]
    if missing:
        raise DataError(
            f"{workbook}: row {top + 1} names the columns, but not {', '.join(missing)}; take the "
            "workbook as its owner distributes it"
        )
    wanted = {name: names[_plain(name)] for name in (*COLUMNS, OBJECTIVE) if _plain(name) in names}
    for i, row in enumerate(sheet.iloc[top + 1 :].itertuples(index=False), start=top + 2):
        cells = {name: row[column] for name, column in wanted.items()}
        if not all(pd.isna(cell) for cell in cells.values()):
            yield f"{workbook.name}, row {i}", cells


def _header(workbook: Path) -> tuple[pd.DataFrame, int]:
    """The sheet that has a 'Subject' cell, and the position of that cell's row."""
    try:
        sheets = pd.read_excel(workbook, sheet_name=None, header=None, dtype=object)
    except Exception as error:  # noqa: BLE001 - openpyxl and xlrd raise types of their own
        raise DataError(f"{workbook}: not a readable workbook ({error}); copy it again") from error
    for sheet in sheets.values():
        for top in range(min(len(sheet), 30)):
            if "subject" in {_plain(cell) for cell in sheet.iloc[top]}:
                return sheet, top
    raise DataError(f"{workbook}: no row has a cell 'Subject', so the columns are not named")


def _clip(cells: Mapping[str, Any], corrections: Corrections) -> Clip:
    subject, name = _subject(cells["Subject"]), _text(cells["Filename"])
    onset, apex, offset = (_frame(cells[c]) for c in ("OnsetFrame", "ApexFrame", "OffsetFrame"))
    if not name:
        raise DataError("Filename is empty")
    for column, frame in (("OnsetFrame", onset), ("OffsetFrame", offset)):
        if frame == ABSENT:
            raise DataError(f"{column} is {cells[column]!r}, not a frame number")
    if onset > offset:
        raise DataError(f"onset {onset} comes after offset {offset}")
    aus = _text(cells["Action Units"])
    facs.parse(aus)
    old, new = corrections.get((f"{subject}/{name}", "ApexFrame"), (apex, apex))
    apex_used = new if apex == old else apex
    return Clip(
        dataset="casme2",
        subject=subject,
        clip=name,
        emotion=_text(cells["Estimated Emotion"]).lower(),
        aus=aus,
        onset=onset,
        apex=apex,
        offset=offset,
        onset_used=onset,
        apex_used=apex_used if onset <= apex_used <= offset else middle(onset, offset),
        offset_used=offset,
        apex_valid=onset <= apex <= offset,
        fps=FPS,
        frame_numbers=[],
        frames=[],
        objective_class=max(_frame(cells.get(OBJECTIVE)), 0),
    )


def _plain(cell: Any) -> str:
    """A column name without case, blanks and punctuation."""
    return re.sub(r"[\W_]", "", str(cell)).lower()


def _text(cell: Any) -> str:
    """A cell as stripped text: '' if blank, '12' for 12 and for 12.0."""
    return "" if pd.isna(cell) else str(cell).strip().removesuffix(".0")


def _frame(cell: Any) -> int:
    """A frame number; ABSENT for a blank, a slash, a backslash or any other text."""
    text = "" if cell is None else _text(cell)
    return int(text) if text.isdecimal() else ABSENT


def _subject(cell: Any) -> str:
    """'01' for '01', 1, 1.0 and 'sub01': two digits, as the folders have them."""
    text = _text(cell).lower().removeprefix("sub")
    if not text.isdecimal():
        raise DataError(f"Subject is {cell!r}, not a number")
    return f"{int(text):02d}"
