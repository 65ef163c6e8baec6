"""A fake CAS(ME)^3 part A on disk, in the layouts in which the real one is found."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from corpora import pictures

BOOK = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
TREE = "part_A/data/part_A_split/part_A"  # where the owner's archive unpacks to
HEADER = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")


@dataclass(frozen=True)
class Row:
    """One line of the workbook; in the real one every cell is text."""

    subject: object
    video: object
    onset: object
    apex: object
    offset: object
    aus: object = "4"
    objective: object = "III"
    emotion: object = "disgust"


def rows() -> list[Row]:
    """Three subjects: two clips in one video, a video J beside a j, both spellings of others."""
    return [
        Row("spNO.1", "a", "8", "12", "15", "5", "II", "others"),
        Row("spNO.1", "a", "98", "101", "104", "2+1", "II", "surprise"),
        Row("spNO.1", "e", "20", "20", "27", "R12", "I", "Others"),
        Row("spNO.14", "J", "12", "19", "24", "T28+14", "VII", "happy"),
        Row("spNO.14", "j", "13", "15", "20", "24+T18+16", "VII", "sad"),
        Row("spNO.217", "m", "4", "7", "11", "B23", "IV", "fear"),
    ]


def write_workbook(root: Path, table: list[Row], name: str = BOOK) -> None:
    """The workbook: all text, junk sheets on both sides."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [tuple(vars(row).values()) for row in table]
    with pd.ExcelWriter(path) as book:
        pd.DataFrame().to_excel(book, sheet_name="Sheet1")
        sheet = pd.DataFrame([HEADER, *lines], dtype=object)
        sheet.to_excel(book, sheet_name="label", index=False, header=False)
        pd.DataFrame().to_excel(book, sheet_name="Sheet3")


def write_frames(
    root: Path, table: list[Row], tree: str = TREE, inside: str = "color", name: str = "{}.jpg"
) -> None:
    """Unpadded frames, two more on either side of a clip, and depth beside the colour."""
    for i, row in enumerate(table):
        video = root / tree / str(row.subject) / str(row.video)
        numbers = range(max(int(row.onset) - 2, 1), int(row.offset) + 3)
        pictures.write(video / inside, numbers, name, shade=i)
        if inside:
            pictures.write(video / "depth", numbers, "{}.png", grey=True, shade=i)


def make_casme3(root: Path) -> list[Row]:
    """A whole corpus, with the owner's other workbooks and a stray."""
    table = rows()
    write_workbook(root / "annotation" / "partA", table)
    (root / "annotation" / "CAS(ME)3_part_A_v2.xls").write_bytes(b"all expressions")
    write_frames(root, table)
    (root / TREE / "spNO.1" / "a" / "color" / "Thumbs.db").write_bytes(b"stray")
    return table
