"""Workbook files as tables of cells: .xlsx, .xls and .csv, by what they hold and not by suffix.

Row and column are counted as the workbook counts them. A cell that shows what its file does not
tell (an error, a formula without its result, one side of merged columns) becomes `Unsure`.
"""

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import xlrd
from openpyxl.utils import get_column_letter, range_boundaries

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.cells import ERROR, Unsure, blank
from merclip_jax.tfds_builders.folders import shown

_AS_XLSX, _AS_XLS = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_FORMULA = (
    "is a formula whose result is not stored; open and save the file in a spreadsheet program, or "
    "type the value"
)


@dataclass(frozen=True)
class Table:
    """One sheet.

    Attributes:
      book, name: the file's name and the sheet's; a .csv has no sheets, and the name ''.
      hidden: whether a spreadsheet program hides it.
      rows: row number -> column number -> cell, both from 1; blank cells are left out.
      repeated: (row, column) of the cells that say what a cell above says, being merged with it.
    """

    book: str
    name: str
    hidden: bool = False
    rows: dict[int, dict[int, Any]] = field(default_factory=dict)
    repeated: set[tuple[int, int]] = field(default_factory=set)

    @property
    def place(self) -> str:
        """'book.xlsx, sheet Sheet1'."""
        return f"{self.book}, sheet {shown(self.name)}" if self.name else self.book

    def where(self, row: int) -> str:
        """'book.xlsx, sheet Sheet1, row 7'."""
        return f"{self.place}, row {row}"


def read(workbook: Path) -> list[Table]:
    """Every sheet of a workbook, hidden ones too, in its order.

    Raises:
      DataError: the file cannot be read.
    """
    try:
        content = workbook.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what openpyxl does not read: pictures, styles
            return list(_tables(workbook, content))
    except Exception as error:  # noqa: BLE001 - openpyxl and xlrd raise types of their own
        why = shown(str(error)) or type(error).__name__
        raise DataError(
            f"{shown(workbook)}: not a readable workbook ({why}); copy it again, or save it anew "
            "as .xlsx"
        ) from error


def _tables(workbook: Path, content: bytes) -> Iterator[Table]:
    name = shown(workbook.name)
    if content.startswith(_AS_XLSX):
        return _of_xlsx(name, content)
    if content.startswith(_AS_XLS):
        return _of_xls(name, content)
    if workbook.suffix.lower() == ".csv":
        return _of_csv(name, content)
    raise ValueError("its bytes are of another kind of file")


def _of_xlsx(name: str, content: bytes) -> Iterator[Table]:
    _check_parts(content)
    book, stored = openpyxl.load_workbook(io.BytesIO(content), keep_links=False), None
    for sheet in book.worksheets:
        table = Table(name, sheet.title, sheet.sheet_state != "visible")
        for (row, column), cell in sorted(sheet._cells.items()):
            value = cell.value
            if cell.data_type == "f":
                stored = stored or openpyxl.load_workbook(
                    io.BytesIO(content), data_only=True, keep_links=False
                )
                value = stored[sheet.title].cell(row, column).value
                if value is None:
                    value = Unsure(_place(row, column), _FORMULA)
            _put(table, row, column, value)
        _merge(table, [merged.coord for merged in sheet.merged_cells.ranges])
        yield table


def _check_parts(content: bytes) -> None:
    """Refuse a file of which any part does not match its checksum, also one that is not read."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        if damaged := parts.testzip():
            raise ValueError(f"its part {damaged} is damaged")


def _of_xls(name: str, content: bytes) -> Iterator[Table]:
    book = xlrd.open_workbook(file_contents=content, formatting_info=True, logfile=io.StringIO())
    for sheet in book.sheets():
        table = Table(name, sheet.name, bool(sheet.visibility))
        for row in range(sheet.nrows):
            for column, cell in enumerate(sheet.row(row)):
                _put(table, row + 1, column + 1, _of_xls_cell(cell, book.datemode))
        _merge(
            table,
            [
                f"{get_column_letter(left + 1)}{top + 1}:{get_column_letter(right)}{bottom}"
                for top, bottom, left, right in sheet.merged_cells
            ],
        )
        yield table


def _of_xls_cell(cell: Any, datemode: int) -> Any:
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return xlrd.error_text_from_code.get(cell.value, "#VALUE!")
    if cell.ctype == xlrd.XL_CELL_DATE:
        return xlrd.xldate_as_datetime(cell.value, datemode)
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype == xlrd.XL_CELL_NUMBER and cell.value.is_integer():
        return int(cell.value)
    return None if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK) else cell.value


def _of_csv(name: str, content: bytes) -> Iterator[Table]:
    table = Table(name, "")
    lines = io.StringIO(content.decode("utf-8-sig"), newline="")
    for row, values in enumerate(csv.reader(lines, strict=True), start=1):
        for column, value in enumerate(values, start=1):
            _put(table, row, column, value)
    yield table


def _put(table: Table, row: int, column: int, value: Any) -> None:
    """Store a cell that is not blank; errors and formulas that are left as text are unsure."""
    if blank(value):
        return
    if isinstance(value, str) and ERROR.fullmatch(value.strip()):
        value = Unsure(
            _place(row, column),
            f"is {value.strip()}, an error of the spreadsheet; type the value",
        )
    elif isinstance(value, str) and re.match(r"\s*=.", value):
        value = Unsure(_place(row, column), _FORMULA)
    table.rows.setdefault(row, {})[column] = value


def _merge(table: Table, merged: list[str]) -> None:
    """Merged rows of one column all say what they show; of merged columns nobody knows which."""
    used = sorted({column for row in table.rows.values() for column in row})
    for coordinates in merged:
        left, top, right, bottom = range_boundaries(coordinates)
        value = table.rows.get(top, {}).get(left)
        if value is None and left == right:
            continue
        for row in [row for row in table.rows if top <= row <= bottom]:
            for column in [column for column in used if left <= column <= right]:
                if left == right:
                    table.rows[row][column] = value
                    table.repeated.update({(row, column)} if row > top else ())
                elif (row, column) != (top, left):
                    reason = (
                        f"is one of the merged cells {coordinates}, of several columns; split them"
                    )
                    table.rows[row][column] = Unsure(_place(row, column), reason, coordinates)


def _place(row: int, column: int) -> str:
    return f"cell {get_column_letter(column)}{row}"
