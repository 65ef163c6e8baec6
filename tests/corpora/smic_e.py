"""A fake SMIC-E on disk: a workbook of formulas with their stored results, and long clips."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import openpyxl
from corpora import pictures

BOOK = "SMIC-HS-E_annotation.xlsx"
FRAMES = {  # camera -> where its subject folders lie, and how a frame is called
    "hs": ("HS_long/SMIC-HS-E/HS", "image{:06d}.jpg"),
    "vis": ("VIS_long/SMIC-VIS-E/VIS", "{:05d}.jpg"),
    "nir": ("NIR_long/SMIC-NIR-E/NIR", "{:05d}.jpg"),
}
HEADERS = {
    "HS": (
        *("Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F"),
        *("Offset3F", None, "FirstF", "LastF", "TotalMF1", "TotalMF2", "TotalMF3", "TotalVL"),
        *("Emotion", None, None),
    ),
    "VIS": (
        *("Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", None),
        *("FirstF", "TotalMF1", "TotalMF2", "TotalVL", "Emotion"),
    ),
}
NIR_HEADER = (
    *("Subject", "Filename", None, "OnsetF NIR", "OffsetF NIR", "ApexF NIR"),
    *("TotalMF1", "Emotion"),
)


@dataclass(frozen=True)
class Row:
    """One line of the workbook; cells may be anything a copy of it may hold."""

    subject: object
    clip: object
    onset: int
    length: int
    emotion: object


ROWS = [
    Row(20, "s20_ne_01", 17_581_039, 7, "negative"),
    Row(9, "s9_po_01", 99_997, 6, "positive"),
    Row(9, "s9_sur_01", 61_206, 8, "surprise"),
]


def write_workbook(
    path: Path,
    table: list[Row] = ROWS,
    *,
    stored: bool = True,
    notes: bool = False,
    apex: bool = False,
    sheet: str = "HS",
) -> None:
    """A workbook with the sheet of one camera, and VIS beside HS; OffsetF of HS is a formula.

    `stored` False leaves out the results of the formulas, as a library does that saves it; `notes`
    adds text below the table; `apex` the column that some copies add.
    """
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name in ("HS", "VIS") if sheet == "HS" else (sheet,):
        _fill(book.create_sheet(name), table, name, notes, apex)
    book.create_sheet("Sheet2")
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    if stored and sheet == "HS":
        offsets = {f"E{i}": row.onset + row.length - 1 for i, row in enumerate(table, start=2)}
        _store(path, offsets)


def make_smic_e(root: Path, camera: str = "hs", table: list[Row] = ROWS) -> list[Row]:
    """A whole corpus of one camera; every clip has five frames more at both ends."""
    place, frame = FRAMES[camera]
    name = camera.upper()
    write_workbook(root / place.split("/")[0] / f"SMIC-{name}-E_annotation.xlsx", table, sheet=name)
    for row in table:
        folder = root / place / f"s{int(str(row.subject)):02d}" / str(row.clip)
        pictures.write(folder, range(row.onset - 5, row.onset + row.length + 5), frame)
        (folder / "Thumbs.db").write_bytes(b"stray")
    return table


def _fill(sheet, table: list[Row], name: str, notes: bool, apex: bool) -> None:
    header = [*HEADERS.get(name, NIR_HEADER), *(["ApexF"] if apex else [])]
    sheet.append(header)
    for i, row in enumerate(table, start=2):
        last = row.onset + row.length - 1
        cells = {"Subject": row.subject, "Filename": row.clip, "Emotion": row.emotion}
        cells |= {"OnsetF": row.onset, "OffsetF": f"=D{i}+M{i}-1" if name == "HS" else last}
        cells |= {"OnsetF NIR": row.onset, "OffsetF NIR": last, "ApexF NIR": row.onset + 1}
        cells |= {"TotalMF1": row.length, "ApexF": row.onset + 1}
        cells |= {"Onset2F": row.onset + 900, "Offset2F": row.onset + 920}
        cells |= {"Onset3F": row.onset - 118_996, "Offset3F": row.onset}  # as the real ones err
        sheet.append([cells.get(heading) for heading in header])
    if notes:
        sheet.append([])
        sheet.append(["Frames are counted from the start of the recording"])
        sheet.append([None, "s: subject, ne: negative"])


def _store(path: Path, results: dict[str, int]) -> None:
    """Write the results of the first sheet's formulas, as a spreadsheet program does on saving."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    first = "xl/worksheets/sheet1.xml"
    text = parts[first].decode()
    for cell, value in results.items():
        text = re.sub(rf'(<c r="{cell}"[^>]*><f>[^<]*</f>)<v ?/>', rf"\g<1><v>{value}</v>", text)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in (parts | {first: text.encode()}).items():
            book.writestr(name, content)
