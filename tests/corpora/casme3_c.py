"""A fake CAS(ME)^3 part C; the layouts of its frames are those that are thought possible."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from corpora import pictures

BOOK = "CAS(ME)3_part_C_ME.xlsx"
HEADER = ("sub", "count", "onset", "offset", "au", "emotion")


@dataclass(frozen=True)
class Row:
    """One line of the workbook."""

    subject: object
    clip: object
    onset: object
    offset: object
    aus: object
    emotion: object


def rows() -> list[Row]:
    """Two subjects; commas between units, a full-width one, one behind the last unit."""
    return [
        Row(1, 1, 97, 104, "R4,5", "negative"),
        Row(1, 2, 120, 127, "14,L24,", "surprise"),
        Row(2, 1, 8, 15, 1, "others"),
        Row(10, 1, 30, 36, "4\uff0c11", "positive"),
    ]


def write_workbook(root: Path, table: list[Row]) -> None:
    """The workbook of micro-expressions, numbers as numbers."""
    root.mkdir(parents=True, exist_ok=True)
    lines = [tuple(vars(row).values()) for row in table]
    sheet = pd.DataFrame([HEADER, *lines], dtype=object)
    sheet.to_excel(root / BOOK, index=False, header=False, sheet_name="mockCrimeME")


def write_frames(root: Path, table: list[Row], folder: str) -> None:
    """Frames in a folder such as 'part_C/{row.subject}/color'."""
    for i, row in enumerate(table):
        place = root / folder.format(row=row)
        pictures.write(place, range(int(row.onset), int(row.offset) + 1), "{}.jpg", shade=i)


def make_casme3_c(root: Path, folder: str = "part_C/{row.subject}") -> list[Row]:
    """A whole corpus, with part A's frames and part C's other workbook beside it."""
    table = rows()
    write_workbook(root, table)
    write_frames(root, table, folder)
    (root / "CAS(ME)3_part_C.xls").write_bytes(b"another workbook")
    for subject in range(1, 7):
        (root / "part_A" / f"spNO.{subject}" / "a" / "color").mkdir(parents=True)
    return table
