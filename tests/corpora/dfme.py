"""A fake DFME on disk, as the CCAC 2024 challenge distributes the real one."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from corpora import pictures

BOOKS = {
    "train": "training_full_with_AU.xlsx",
    "testA": "testA_full_with_AU.xlsx",
    "testB": "testB_full_with_AU.xlsx",
}
FOLDERS = {"train": "DFME_train", "testA": "test_data_A", "testB": "test_data_B/test_data_B"}
HEADER = (
    *("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame"),
    *("Emotion", "EmotionId", "Fps", "AU"),
)


@dataclass(frozen=True)
class Row:
    """One line of a workbook."""

    subject: object
    clip: object
    onset: object
    apex: object
    offset: object
    emotion: object
    emotion_id: object
    fps: object
    aus: object


def rows() -> dict[str, list[Row]]:
    """split -> rows: subjects of one part are in no other; frames count from 0."""
    return {
        "train": [
            Row("sub0003", "sub0003_01", 97, 101, 104, "anger", 0, 500, 23),
            Row("sub0003", "sub0003_02", 8, 12, 15, "sadness", 5, 500, "4+23"),
            Row("sub0004", "sub0004_01", 0, 3, 7, "disgust", 2, 200, "L1+L2+L5"),
        ],
        "testA": [Row("sub0008", "sub0008_01", 0, 4, 9, "happiness", 4, 300, "AD38")],
        "testB": [Row("sub0001", "sub0001_01", 5, 9, 12, "contempt", 1, 500, "M57")],
    }


def write_workbook(root: Path, split: str, table: list[Row]) -> None:
    """The workbook of one part."""
    root.mkdir(parents=True, exist_ok=True)
    lines = [tuple(vars(row).values()) for row in table]
    sheet = pd.DataFrame([HEADER, *lines], dtype=object)
    sheet.to_excel(root / BOOKS[split], index=False, header=False)


def write_frames(root: Path, table: list[Row], folder: str) -> None:
    """Frames of five digits, three more behind the offset."""
    for i, row in enumerate(table):
        numbers, shade = range(int(row.onset), int(row.offset) + 4), int(str(row.subject)[3:]) + i
        pictures.write(root / folder / str(row.clip), numbers, "{:05d}.png", shade=shade)


def make_dfme(root: Path, splits: tuple[str, ...] = ("train", "testA", "testB")) -> list[Row]:
    """A whole corpus, or some of its parts."""
    made = []
    for split in splits:
        table = rows()[split]
        write_workbook(root, split, table)
        write_frames(root, table, FOLDERS[split])
        made += table
    return made
