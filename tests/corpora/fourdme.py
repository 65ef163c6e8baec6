"""A fake 4DME on disk: its micro-expressions in grey video, beside long videos."""

from pathlib import Path

import pandas as pd
from corpora import pictures
from corpora.annotated import Row

BOOK = "4DME_Labelling_Micro_release v1.xlsx"
TREE = "micro short gray video"
EMOTIONS = ("Positive", "Negative", "Surprise", "Repression", "Others")
UNITS = (1, 2, 4, 12)
HEADER = (
    *("fold", "sub_ID", "fold_name", "Emotion", *EMOTIONS, "Onset", "Apex", "Offset", "AUs"),
    *(f"AU{number}" for number in UNITS),
    *("eye blink", "Total"),
)


def rows() -> list[Row]:
    """Three subjects, one with an underscore; held units, several emotions, a trailing sign."""
    return [
        Row("S08", "002_01_1", 1823, 1827, 1830, "AU4(k)+L7", "Negative"),
        Row("S08", "002_01_2", 97, 101, 104, "AUR2+12(k)+45", "Surprise+Positive"),
        Row("S13_1st", "001_01_1", 8, 12, 15, "AU1+2", "Surprise"),
        Row("S13", "001_01_1", 20, 22, 25, "AU4+", "Others"),
    ]


def write_workbook(
    root: Path,
    table: list[Row],
    name: str = BOOK,
    header: tuple[str, ...] = HEADER,
    totals: bool = False,
) -> None:
    """The workbook of micro-expressions; earlier ones end in totals."""
    lines: list = [
        (
            *(i, row.subject, row.clip, row.emotion, *(0,) * 5, row.onset, row.apex, row.offset),
            *(row.aus, *(0,) * len(UNITS), 0, 1),
        )
        for i, row in enumerate(table)
    ]
    if totals:
        lines.append(
            (None, "total", *(None,) * 2, *(7,) * 5, *(None,) * 4, *(9,) * len(UNITS), 3, 4)
        )
    root.mkdir(parents=True, exist_ok=True)
    sheet = pd.DataFrame([header, *lines], dtype=object)
    sheet.to_excel(root / name, index=False, header=False)


def write_frames(
    root: Path, table: list[Row], folder: str = TREE + "/{row.subject}/{row.clip}", anew: int = -1
) -> None:
    """Frames of nine digits, numbered as annotated, or anew from `anew` on in every clip."""
    for i, row in enumerate(table):
        first, last = int(row.onset), int(row.offset)
        numbers = range(anew, anew + last - first + 1) if anew >= 0 else range(first, last + 1)
        pictures.write(root / folder.format(row=row), numbers, "Frame_{:09d}.jpg", shade=i)


def make_fourdme(root: Path) -> list[Row]:
    """A whole corpus, with the long videos and the extras' workbook beside it."""
    table = rows()
    write_workbook(root, table)
    (root / "4DME_Labelling_Micro_extras_release v1.xlsx").write_bytes(b"another workbook")
    write_frames(root, table)
    for subject in ("S08", "S13", "S13_1st", "S14", "S15"):
        (root / "long_gray_video/long gray video" / subject / f"{subject}_002_01").mkdir(
            parents=True
        )
    return table
