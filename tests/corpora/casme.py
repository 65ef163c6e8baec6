"""A fake CASME on disk, in the layouts in which the real one is found."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from corpora import annotated, pictures

BOOK = "CASME-coded-20190721.xlsx"  # the owner's is an .xls, which nothing here can write
HEADER = (
    *("Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None),
    *("Onset", "Total", "AU", "Emotion"),
)
FRAMES = {  # layout -> where its subject folders lie, and how a frame is called
    "cropped": ("Cropped", "reg_{}-{}.jpg"),
    "raw": ("CASME_raw_selected", "{}-{}.jpg"),
}


@dataclass(frozen=True)
class Row(annotated.Row):
    """One line of the workbook; cells may be anything a copy of it may hold."""

    apex2: object = "\\"


def rows() -> list[Row]:
    """Two people, numbered subjects, a second apex in one clip, the emotions of the real one."""
    return [
        Row(1, "EP01_12", 73, 77, 80, 4, "tense", 79),
        Row(1, "EP03_1", 97, 100, 104, "4+L10", "Disgust"),
        Row(19, "EP01_12", 8, 11, 15, 14, "repression "),
        Row(19, "EP07_32", 96, 101, 103, "1+2", "surprise"),
    ]


def write_workbook(root: Path, table: list[Row], name: str = BOOK, notes: bool = True) -> None:
    """The coding workbook with its unnamed columns, and notes below the table."""
    lines = [
        (
            *(row.subject, row.clip, None, row.onset, row.apex, row.apex2, row.offset, None),
            *(66.7, 116.7, row.aus, row.emotion),
        )
        for row in table
    ]
    below = [[None] * 12, ["What was called amusement is happiness.", *[None] * 11]]
    sheet = pd.DataFrame([HEADER, *lines, *(below if notes else [])], dtype=object)
    root.mkdir(parents=True, exist_ok=True)
    sheet.to_excel(root / name, index=False, header=False)


def write_frames(root: Path, table: list[Row], layout: str = "cropped") -> None:
    """Frames from onset to offset; the second person's numbers are padded to three digits."""
    place, name = FRAMES[layout]
    for i, row in enumerate(table):
        padded = "{:03d}" if int(row.subject) > 10 else "{}"
        pictures.write(
            root / place / f"sub{int(row.subject):02d}" / str(row.clip),
            range(int(row.onset), int(row.offset) + 1),
            name.format(row.clip, padded),
            shade=i,
        )


def make_casme(root: Path, layout: str = "cropped") -> list[Row]:
    """A whole corpus with strays."""
    table = rows()
    write_workbook(root, table)
    write_frames(root, table, layout)
    first = root / FRAMES[layout][0] / "sub01"
    (first / "Thumbs.db").write_bytes(b"stray")
    (first / str(table[0].clip) / "EP01_12.avi").write_bytes(b"stray")
    (root / "CASME2-coding-20190701.xlsx").write_bytes(b"another corpus")
    return table
