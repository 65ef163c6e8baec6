"""Annotation workbooks: found by name, columns by their headings, cells as text or numbers.

Copies of one workbook differ: title rows above the header, blank columns, numbers typed as text and
text read as numbers. Nothing here relies on positions unless a corpus has no header at all.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.records import ABSENT, Correction

HEADER_WITHIN = 30  # rows, of which one must name the columns
LARGEST = 2**31 - 1  # frame number that a record can store


@dataclass(frozen=True)
class Row:
    """One annotated row: where it stands ('book.xlsx, row 7') and its cells by field."""

    where: str
    cells: dict[str, Any]


def find(folder: Path, pattern: str | Sequence[str], wanted: str, depth: int = 1) -> Path:
    """The file below `folder` whose name matches; of several, that with the newest date in it.

    Of several without a date, one that says it is updated goes first.

    Args:
      folder: where to look, and down to `depth` folders below.
      pattern: regular expression, searched in the name without regard to case; of several
        patterns, the first that any name matches.
      wanted: the owner's name of the file, for the message.
      depth: how far down.

    Raises:
      DataError: there is none; the message lists the workbooks that are there.
    """
    files = [
        path
        for level in range(depth + 1)
        for path in sorted(folder.glob("*/" * level + "*"))
        if path.is_file() and not path.name.startswith(("~$", "."))
    ]
    patterns = [pattern] if isinstance(pattern, str) else pattern
    matching = ([p for p in files if re.search(one, p.name, re.IGNORECASE)] for one in patterns)
    matches = next(filter(None, matching), [])
    if not matches:
        others = [path.name for path in files if re.search(r"\.(xlsx?|csv)$", path.name)]
        raise DataError(
            f"{folder}: no annotation; put {wanted} there (workbooks found: "
            f"{', '.join(others) or 'none'})"
        )
    return max(
        matches,
        key=lambda path: (
            re.findall(r"\d{8}", path.name)[-1:],
            "updat" in path.name.lower(),
            path.name,
        ),
    )


def tables(workbook: Path) -> dict[str, pd.DataFrame]:
    """Every sheet by name, without a header, cells as they are (a .csv is one sheet of text).

    Raises:
      DataError: the file cannot be read.
    """
    try:
        if workbook.suffix.lower() == ".csv":
            table = pd.read_csv(
                workbook, header=None, dtype=object, encoding="utf-8-sig", skip_blank_lines=False
            )
            return {workbook.stem: table}
        return pd.read_excel(workbook, sheet_name=None, header=None, dtype=object)
    except Exception as error:  # noqa: BLE001 - openpyxl and xlrd raise types of their own
        raise DataError(f"{workbook}: not a readable workbook ({error}); copy it again") from error


def rows(
    workbook: Path,
    columns: Mapping[str, Sequence[str]],
    optional: Sequence[str] = (),
    sheet_name: str = ".*",
) -> Iterator[Row]:
    """The rows below the header that are not blank.

    The header is the first row, of the first sheet that has one, with the heading of the field
    that `columns` lists first.

    Args:
      workbook: .xlsx, .xls or .csv.
      columns: field -> the headings it goes by, compared without case, blanks and punctuation.
      optional: fields that some releases lack.
      sheet_name: regular expression of the whole name, in any case, of the sheets to look in.

    Raises:
      DataError: no such sheet, no header, or a needed column is missing.
    """
    key = next(iter(columns))
    named = tables(workbook)
    sheets = [named[name] for name in named if re.fullmatch(sheet_name, name, re.IGNORECASE)]
    if not sheets:
        raise DataError(f"{workbook}: not the wanted one among its sheets {', '.join(named)}")
    for sheet in sheets:
        for top in range(min(len(sheet), HEADER_WITHIN)):
            names = {plain(cell): i for i, cell in reversed([*enumerate(sheet.iloc[top])])}
            if any(plain(name) in names for name in columns[key]):
                where = _columns(workbook, top, names, columns, optional)
                yield from _below(workbook, sheet, top, where)
                return
    raise DataError(
        f"{workbook}: no row has a cell {columns[key][0]!r}, so the columns are not named"
    )


def _columns(
    workbook: Path,
    top: int,
    names: Mapping[str, int],
    columns: Mapping[str, Sequence[str]],
    optional: Sequence[str],
) -> dict[str, int]:
    """field -> position of its column."""
    where = {}
    for field, headings in columns.items():
        found = [names[plain(name)] for name in headings if plain(name) in names]
        if found:
            where[field] = found[0]
    missing = [columns[field][0] for field in columns if field not in {*where, *optional}]
    if missing:
        raise DataError(
            f"{workbook}: row {top + 1} names the columns, but not {', '.join(missing)}; take the "
            "workbook as its owner distributes it"
        )
    return where


def _below(
    workbook: Path, sheet: pd.DataFrame, top: int, where: Mapping[str, int]
) -> Iterator[Row]:
    for i, row in enumerate(sheet.iloc[top + 1 :].itertuples(index=False), start=top + 2):
        cells = {field: row[column] for field, column in where.items()}
        if not all(pd.isna(cell) for cell in cells.values()):
            yield Row(f"{workbook.name}, row {i}", cells)


def corrections(path: Path) -> list[Correction]:
    """The lines of a corrections.csv; none where a corpus has no such file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [Correction(**row) for row in csv.DictReader(file)]


def plain(cell: Any) -> str:
    """A heading without case, blanks and punctuation."""
    return re.sub(r"[\W_]", "", str(cell)).lower()


def text(cell: Any) -> str:
    """A cell as stripped text: '' if blank, '12' for 12 and for 12.0."""
    written = "" if cell is None or pd.isna(cell) else str(cell).strip()
    return written.removesuffix(".0") if written[:-2].isdecimal() else written


def frame(cell: Any) -> int:
    """A frame number; ABSENT for a blank, a slash, a backslash or whatever else is none."""
    written = text(cell)
    if not written.isdecimal() or len(written) > len(str(LARGEST)):
        return ABSENT
    return int(written) if int(written) <= LARGEST else ABSENT
