"""A fake CAS(ME)^2 on disk, in the layouts in which the real one is found."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from corpora import annotated, pictures

BOOK = "CAS(ME)^2code_final.xlsx"
PEOPLE = {1: "s15", 2: "s16", 3: "s40"}
CODES = {"disgust1": "0101", "anger1": "0401", "happy4": "0507"}
FRAMES = {"cropped": "cropped", "selected": "selectedpic", "raw": "rawpic"}
MICRO, MACRO = "micro-expression", "macro-expression"


@dataclass(frozen=True)
class Row(annotated.Row):
    """One line of the first sheet; cells may be anything a copy of it may hold."""

    type: object = MICRO
    felt: object = "anger"


def rows() -> list[Row]:
    """Three people; a macro-expression, and micro-expressions of four emotions."""
    return [
        Row(1, "anger1_1", 557, 572, 608, "4+10+14+15", "negative", MACRO),
        Row(1, "anger1_2", 96, 99, 103, "4", "negative"),
        Row(1, "disgust1_1", 1, 4, 6, 12, "Positive "),
        Row(2, "anger1_1", 995, 1000, 1004, "1+2", "surprise"),
        Row(3, "happy4_3", 20, 23, 27, "14", "others"),
    ]


def write_workbook(root: Path, table: list[Row], name: str = BOOK, **quirks) -> None:
    """Three sheets without headers.

    Quirks: `sheet` is the first one's name, `people` and `codes` what the rules say, None for no
    such sheet; `columns` is how many the first sheet has.
    """
    lines = [tuple(vars(row).values())[: quirks.get("columns", 9)] for row in table]
    sheets = {quirks.get("sheet", "CASFEcode_final"): lines}
    people, codes = quirks.get("people", PEOPLE), quirks.get("codes", CODES)
    if people is not None:
        sheets["naming rule1"] = [(None, folder, number) for number, folder in people.items()]
    if codes is not None:
        sheets["naming rule2"] = [(code, video) for video, code in codes.items()]
    root.mkdir(parents=True, exist_ok=True)
    with pd.ExcelWriter(root / name) as book:
        for title, cells in sheets.items():
            table = pd.DataFrame(cells, dtype=object)
            table.to_excel(book, index=False, header=False, sheet_name=title)


def write_frames(root: Path, table: list[Row], layout: str = "cropped") -> None:
    """Cut samples from onset to offset, unpadded; long videos longer, padded to three digits."""
    for i, row in enumerate(table):
        subject, first, last = PEOPLE[int(row.subject)], int(row.onset), int(row.offset)
        folder, name = root / FRAMES[layout] / subject / str(row.clip), "img{}.jpg"
        if layout == "raw":
            video = str(row.clip).rsplit("_", 1)[0]
            folder = folder.parent / f"{subject[1:]}_{CODES[video]}{video.rstrip('0123456789')}"
            name, first, last = "img{:03d}.jpg", max(first - 3, 1), last + 3
        pictures.write(folder, range(first, last + 1), name, shade=i)


def make_casme_sq(root: Path, layout: str = "cropped") -> list[Row]:
    """A whole corpus with strays; the micro-expressions of its rows have frames."""
    table = rows()
    write_workbook(root, table)
    write_frames(root, [row for row in table if row.type == MICRO], layout)
    (root / "CAS(ME)^2blink-code.xlsx").write_bytes(b"another workbook")
    (root / FRAMES[layout] / "s15" / "Thumbs.db").write_bytes(b"stray")
    (root / "rawvideo" / "s15").mkdir(parents=True)
    (root / "rawvideo" / "s15" / "15_0401anger.avi").write_bytes(b"stray")
    return table
