"""Annotation tables: columns by their headings, rows with their places.

Copies of one workbook differ: title rows above the header, blank columns, several sheets, numbers
typed as text and text read as numbers. Nothing here relies on positions, and no sheet is left out
in silence.
"""

import contextlib
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from openpyxl.utils import get_column_letter

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import books
from merclip_jax.tfds_builders.books import Table
from merclip_jax.tfds_builders.cells import Unsure, blank, frame, plain, text
from merclip_jax.tfds_builders.records import Correction
from merclip_jax.tfds_builders.workbooks import Book, find

__all__ = ["Book", "Row", "corrections", "find", "frame", "plain", "rows", "tables", "text"]

HEADER_WITHIN = 30  # rows, of which one must name the columns
OF_ONE_CLIP = ("onset", "apex", "offset")  # what no two clips share, as they may share a label
MERGED = "is merged with the cell above, and two clips do not share a frame; split them"


@dataclass(frozen=True)
class Row:
    """One annotated row.

    Attributes:
      where: where it stands, 'book.xlsx, sheet Sheet1, row 7'.
      cells: its cells by field.
      places: field -> 'cell D7 (OnsetFrame)'.
      note: why it is no row of the table, where it tells of a sheet that is left out.
    """

    where: str
    cells: dict[str, Any]
    places: dict[str, str] = field(default_factory=dict)
    note: str = ""

    @contextlib.contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Errors inside say where the field `name` stands."""
        try:
            yield
        except DataError as error:
            place = self.places.get(name, "")
            where = f"; see {place}" if place and place not in str(error) else ""
            raise DataError(f"{error}{where}") from error


def tables(workbook: Path) -> dict[str, pd.DataFrame]:
    """Every sheet that is not hidden by name, without a header, cells as they are.

    Raises:
      DataError: the file cannot be read.
    """
    return {
        table.name: pd.DataFrame(_grid(table), dtype=object)
        for table in books.read(workbook)
        if not table.hidden
    }


def _grid(table: Table) -> list[list[Any]]:
    width = max((column for row in table.rows.values() for column in row), default=0)
    return [
        [table.rows.get(row, {}).get(column) for column in range(1, width + 1)]
        for row in range(1, max(table.rows, default=0) + 1)
    ]


@dataclass(frozen=True)
class _Header:
    """Where a table names its columns, which it lacks, and the numbers of those of one name."""

    row: int
    columns: dict[str, int]
    missing: list[str]
    twice: list[int]


def rows(
    workbook: Path,
    columns: Mapping[str, Sequence[str]],
    optional: Sequence[str] = (),
    sheet_name: str = ".*",
) -> Iterator[Row]:
    """The rows below the headers that are not blank, of every sheet that has a header.

    The header is the row with the heading of the field that `columns` lists first, and with most
    of the others. A sheet that is hidden, or names no columns, is left out, and a note says so.

    Args:
      workbook: .xlsx, .xls or .csv.
      columns: field -> the headings it goes by, compared without case, blanks and punctuation.
      optional: fields that some releases lack.
      sheet_name: regular expression of the whole name, in any case, of the sheets to look in.

    Raises:
      DataError: no such sheet, no header, a needed column is missing or there twice.
    """
    listed = books.read(workbook)
    wanted = [one for one in listed if re.fullmatch(sheet_name, one.name, re.IGNORECASE)]
    if not wanted:
        named = ", ".join(table.name for table in listed)
        raise DataError(f"{workbook}: not the wanted one among its sheets {named}")
    key = next(iter(columns.values()))
    headers = [(table, _header(table, columns, optional)) for table in wanted]
    if not any(header and not table.hidden for table, header in headers):
        hidden = [table.name for table, header in headers if header]
        raise DataError(
            f"{workbook}: no row has a cell {key[0]!r}, so the columns are not named"
            + (f"; unhide its sheet {hidden[0]}, if that is meant" if hidden else "")
        )
    whole = any(header and not header.missing and not table.hidden for table, header in headers)
    for table, header in headers:
        if note := _left_out(table, header, whole, key[0]):
            yield Row(table.place, {}, note=note)
        elif header and not table.hidden:
            _check(workbook, table, header)
            yield from _below(table, header)


def _check(workbook: Path, table: Table, header: _Header) -> None:
    """Refuse a table that lacks a column, or has one twice."""
    if header.missing:
        raise DataError(
            f"{workbook.parent / table.place}: row {header.row} names the columns, but not "
            f"{', '.join(header.missing)}; take the workbook as its owner distributes it"
        )
    if header.twice:
        first, second = (get_column_letter(number) for number in header.twice[:2])
        heading = text(table.rows[header.row][header.twice[0]])
        raise DataError(
            f"{table.where(header.row)}: the columns {first} and {second} are both called "
            f"{heading!r}; rename the one that is not meant"
        )


def _left_out(table: Table, header: _Header | None, whole: bool, key: str) -> str:
    """Why a table is not read, or ''; `whole` is whether another names all columns."""
    if table.hidden:
        return "is hidden, so it is left out; unhide it if its rows count" if header else ""
    if header is None:
        named = f"has no cell {key!r} that would name its columns, so it is left out"
        return named if table.rows else ""
    if whole and len(header.columns) < len(header.missing):
        return f"names no {', '.join(header.missing)}, so it is left out"
    return ""


def _header(
    table: Table, columns: Mapping[str, Sequence[str]], optional: Sequence[str]
) -> _Header | None:
    """Of the first rows that with most of the headings, the first field's among them."""
    best, key = None, next(iter(columns))
    for row, cells in table.rows.items():
        if row > HEADER_WITHIN:
            break
        found = _columns(cells, columns)
        if key in found and (best is None or len(found) > len(best.columns)):
            missing = [columns[one][0] for one in columns if one not in {*found, *optional}]
            twice = next((numbers for numbers in found.values() if len(numbers) > 1), [])
            best = _Header(row, {one: numbers[0] for one, numbers in found.items()}, missing, twice)
    return best


def _columns(
    cells: Mapping[int, Any], columns: Mapping[str, Sequence[str]]
) -> dict[str, list[int]]:
    """field -> the columns with the first of its headings that is there."""
    numbers: dict[str, list[int]] = {}
    for number, cell in cells.items():
        if isinstance(cell, str):
            numbers.setdefault(plain(cell), []).append(number)
    return {
        one: there
        for one, headings in columns.items()
        if (
            there := next((numbers[plain(name)] for name in headings if plain(name) in numbers), [])
        )
    }


def _below(table: Table, header: _Header) -> Iterator[Row]:
    """The rows below a header that are not blank and do not repeat it."""
    names = table.rows[header.row]
    headings = {one: text(names[column]) for one, column in header.columns.items()}
    for number, row in table.rows.items():
        cells = {one: row.get(column) for one, column in header.columns.items()}
        cells = _without_title(cells)
        said = {one: cell for one, cell in cells.items() if not blank(cell)}
        repeated = all(plain(cell) == plain(headings[one]) for one, cell in said.items())
        if number > header.row and said and not repeated:
            places = {
                one: f"cell {get_column_letter(column)}{number} ({headings[one]})"
                for one, column in header.columns.items()
            }
            for one, cell in cells.items():
                if isinstance(cell, Unsure):
                    cells[one] = replace(cell, place=places[one])
                elif one in OF_ONE_CLIP and (number, header.columns[one]) in table.repeated:
                    cells[one] = Unsure(places[one], MERGED)
            yield Row(table.where(number), cells, places)


def _without_title(cells: dict[str, Any]) -> dict[str, Any]:
    """The cells; of a title that is merged over the row, its one cell alone."""
    merged = {one for one, cell in cells.items() if isinstance(cell, Unsure) and cell.merged}
    apart = [one for one, cell in cells.items() if not blank(cell) and one not in merged]
    if merged and len(apart) <= 1:
        return {one: None if one in merged else cell for one, cell in cells.items()}
    return cells


def corrections(path: Path) -> list[Correction]:
    """The lines of a corrections.csv; none where a corpus has no such file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [Correction(**row) for row in csv.DictReader(file)]
