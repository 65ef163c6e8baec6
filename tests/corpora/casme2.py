"""A fake CASME II on disk, in exactly the layouts in which its owner distributes the real one."""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from corpora import annotated

FRAMES = {  # layout -> where its subject folders lie, and how a frame is called
    "cropped": ("Cropped", "reg_img{}.jpg"),
    "cropped_updated": ("Cropped-updated/Cropped", "reg_img{}.jpg"),
    "recropped": ("casme2", "img{}.jpg"),
    "raw_selected": ("CASME2_RAW_selected", "img{}.jpg"),
    "raw": ("CASME2-RAW", "img{}.jpg"),
}
WORKBOOKS = {
    "2014": "CASME2-coding-20140508.xlsx",
    "2019": "CASME2-coding-20190701.xlsx",
}
EMOTIONS = ("happiness", "disgust", "surprise", "repression", "others")
ACTION_UNITS = (12, "4+7", "1+2", "L14+L15", "4+L10")


@dataclass(frozen=True)
class Row(annotated.Row):
    """One line of the workbook; cells may be anything a copy of it may hold."""

    objective: object = 1


def rows(subjects: int = 3, clips_per_subject: int = 5, length: int = 8) -> list[Row]:
    """Plain rows: text subjects, five emotions in turn, `length` frames each from frame 8 on."""
    made = []
    for subject in range(1, subjects + 1):
        for i in range(clips_per_subject):
            kind, onset = i % len(EMOTIONS), 8 + i
            made.append(
                Row(
                    f"{subject:02d}",
                    f"EP{i + 1:02d}_{subject:02d}f",
                    onset,
                    onset + length // 2,
                    onset + length - 1,
                    ACTION_UNITS[kind],
                    EMOTIONS[kind],
                    kind + 1,
                )
            )
    return made


def change(table: list[Row], index: int, **cells: object) -> list[Row]:
    """The rows with some cells of one of them replaced."""
    return [replace(row, **cells) if i == index else row for i, row in enumerate(table)]


def write_workbook(root: Path, table: list[Row], workbook: str = "2019", **quirks) -> Path:
    """The coding workbook of 2014 or 2019.

    Quirks: `blank_columns` False as some copies have it, `title_rows` above the header, `without`
    a column.
    """
    blank = [np.nan] * len(table)
    columns = {
        "Subject": [row.subject for row in table],
        "Filename": [row.clip for row in table],
        "Unnamed: 2": blank,
        "OnsetFrame": [row.onset for row in table],
        "ApexFrame ": [row.apex for row in table],
        "OffsetFrame": [row.offset for row in table],
        "Unnamed: 6": blank,
        "Action Units": [row.aus for row in table],
        "Estimated Emotion": [row.emotion for row in table],
    }
    if workbook == "2019":
        columns["Objective Classes"] = [row.objective for row in table]
    columns.pop(quirks.get("without", ""), None)
    header = ["" if name.startswith("Unnamed") else name for name in columns]
    sheet = pd.DataFrame(columns, dtype=object)
    if not quirks.get("blank_columns", True):
        sheet = sheet.drop(columns=["Unnamed: 2", "Unnamed: 6"])
        header = [name for name in header if name]
    path = root / WORKBOOKS[workbook]
    sheet.to_excel(path, index=False, header=header, startrow=quirks.get("title_rows", 0))
    return path


def write_frames(
    root: Path, table: list[Row], layout: str = "cropped", size: tuple[int, int] = (34, 28)
) -> None:
    """The frames of every row: a grey face patch whose mouth moves until the apex and back.

    `raw` holds whole recordings, three frames before onset and after offset; the others only the
    annotated frames. `size` is (height, width) in pixels.
    """
    place, name = FRAMES[layout]
    margin = 3 if layout == "raw" else 0
    for i, row in enumerate(table):
        folder = root / place / f"sub{int(row.subject):02d}" / str(row.clip)
        folder.mkdir(parents=True)
        for number in range(int(row.onset) - margin, int(row.offset) + margin + 1):
            picture = _picture(size, int(row.subject), i, int(row.onset), int(row.offset), number)
            cv2.imwrite(str(folder / name.format(number)), picture)


def make_casme2(
    root: Path,
    *,
    workbook: str = "2019",
    layout: str = "cropped",
    subjects: int = 3,
    clips_per_subject: int = 5,
    size: tuple[int, int] = (34, 28),
    strays: bool = True,
) -> list[Row]:
    """A whole corpus: workbook, frames, and the strays and unlabelled clips of the real one."""
    table = rows(subjects, clips_per_subject)
    root.mkdir(parents=True, exist_ok=True)
    write_workbook(root, table, workbook)
    write_frames(root, table, layout, size)
    if strays:
        first = root / FRAMES[layout][0] / "sub01"
        (first / "Desktop - Shortcut.lnk").write_bytes(b"stray")
        (first / str(table[0].clip) / "Thumbs.db").write_bytes(b"stray")
        (first / "EP02_07").mkdir()
        (root / "CASME2-ObjectiveClasses.xlsx").write_bytes(b"another workbook")
    return table


def _picture(
    size: tuple[int, int], subject: int, clip: int, onset: int, offset: int, number: int
) -> np.ndarray:
    """BGR uint8 picture of one frame."""
    height, width = size
    picture = np.full((height, width, 3), 90 + 20 * (subject % 5), np.uint8)
    progress = np.clip((number - onset) / max(offset - onset, 1), 0, 1)
    lift = round(np.sin(np.pi * progress) * height / 8 * (1 + clip % 2))
    cv2.circle(picture, (width // 2, height // 2), width // 3, (160, 170, 200), -1)
    top, colour = 3 * height // 4 - lift, (40, 40 + 8 * (clip % 20), 120)
    cv2.rectangle(picture, (width // 3, top), (2 * width // 3, top + 2), colour, -1)
    return picture
