"""A fake MMEW on disk, in the layouts in which the real one is found."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from corpora import pictures

BOOK = "MMEW_Micro_Exp.xlsx"
LAYOUTS = {  # where a clip's folder lies
    "by_emotion": "Micro_Expression/{emotion}/{clip}",
    "by_subject": "Micro_Expression/{subject}/{emotion}/{clip}",
    "heap": "MMEW_Final/Micro_Expression/{clip}",
}
HEADER = (
    *("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units"),
    *("Estimated Emotion", "remarks"),
)


@dataclass(frozen=True)
class Row:
    """One line of the workbook; cells may be anything a copy of it may hold."""

    subject: object
    clip: object
    apex: object
    offset: object
    aus: object
    emotion: object
    onset: object = 1


ROWS = [
    Row(3, "S03-01-002", 4, 11, "12L", "happiness"),
    Row(3, "S03-04-001", 5, 9, "R4+R10", "others"),
    Row(13, "S13-07-001", 3, 12, "4R+7", "anger"),
    Row(30, "S30-02-038", 6, 8, "12+5", "surprise"),
]


def write_workbook(root: Path, table: list[Row] = ROWS, name: str = BOOK) -> None:
    """The workbook, or the same as .csv."""
    lines = [(r.subject, r.clip, r.onset, r.apex, r.offset, r.aus, r.emotion, None) for r in table]
    sheet = pd.DataFrame(lines, columns=list(HEADER), dtype=object)
    root.mkdir(parents=True, exist_ok=True)
    if name.endswith(".csv"):
        sheet.to_csv(root / name, index=False, encoding="utf-8-sig")
    else:
        sheet.to_excel(root / name, index=False)


def folder(root: Path, row: Row, layout: str = "by_emotion") -> Path:
    """Where the frames of a row lie; others go below repression."""
    emotion = "repression" if row.emotion == "others" else row.emotion
    subject = str(row.clip).split("-")[0]
    return root / LAYOUTS[layout].format(emotion=emotion, subject=subject, clip=row.clip)


def make_mmew(root: Path, layout: str = "by_emotion", table: list[Row] = ROWS) -> list[Row]:
    """A whole corpus, with the macro-expressions beside it."""
    write_workbook(root, table)
    for i, row in enumerate(table):
        place = folder(root, row, layout)
        pictures.write(place, range(1, int(str(row.offset)) + 1), "{}.jpg", shade=i)
        (place / "Thumbs.db").write_bytes(b"stray")
    pictures.write(root / "Macro_Expression/S03/anger", range(1, 3), "S03-07-00{}.jpg")
    return table
