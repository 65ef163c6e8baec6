"""A fake SAMM on disk, in the layouts in which the real one is found."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from corpora import annotated, pictures

BOOK = "SAMM_Micro_FACS_Codes_v2.xlsx"
HEADER = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame"),
    *("Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)


@dataclass(frozen=True)
class Row(annotated.Row):
    """One line of the workbook; cells may be anything a copy of it may hold."""

    objective: object = 7


def rows(subjects: int = 3) -> list[Row]:
    """Four emotions per subject, and action-unit cells of the shapes that only SAMM has."""
    cells = ("4+7", "L12A", "ref(7B)+43C", "(R6 or R12)+R15")
    emotions = ("Anger", "Happiness", "Surprise", "Contempt")
    return [
        Row(f"{s:03d}", f"{s:03d}_1_{k}", 90 + k, 97 + k, 104 + k, cells[k - 1], emotions[k - 1])
        for s in (6, 11, 37)[:subjects]
        for k in (1, 2, 3, 4)
    ]


def write_workbook(root: Path, table: list[Row], preamble: bool = True, name: str = BOOK) -> None:
    """The FACS workbook: title, citations and key of symbols above the header, or bare."""
    lines = [
        (
            *(row.subject, row.clip, 1, row.onset, row.apex, row.offset),
            *(None, "Micro - 1/2", row.aus, row.emotion, row.objective, None),
        )
        for row in table
    ]
    top: list = [("Ground truth", *[None] * 11)] + [[None] * 12] * 12 if preamble else []
    root.mkdir(parents=True, exist_ok=True)
    sheet = pd.DataFrame([*top, HEADER, *lines], dtype=object)
    sheet.to_excel(root / name, index=False, header=False, sheet_name="MICRO_ONLY")


def write_frames(root: Path, table: list[Row], folder: str = "SAMM") -> None:
    """Grey frames, padded to five digits in every second clip and to four in the others."""
    for i, row in enumerate(table):
        width = 5 if i % 2 else 4
        pictures.write(
            root / folder / str(row.subject) / str(row.clip),
            range(int(row.onset), int(row.offset) + 1),
            f"{row.subject}_{{:0{width}d}}.jpg",
            grey=True,
            shade=i,
        )


def make_samm(root: Path, subjects: int = 3) -> list[Row]:
    """A whole corpus."""
    table = rows(subjects)
    write_workbook(root, table)
    write_frames(root, table)
    return table
