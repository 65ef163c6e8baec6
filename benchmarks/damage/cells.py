"""Damages to cells and rows of the workbooks of corpora, each with what may come of it."""

import datetime
import random
from collections.abc import Callable
from typing import Any

from openpyxl.utils import get_column_letter

from benchmarks.damage.copies import Copy, Expected, Spot, but_for, same_as

NUMBERS = ("onset", "apex", "offset")
FIELDS = (*NUMBERS, "aus", "emotion", "subject", "clip", "objective", "fps", "type")
FOLLOWS = {  # field -> the fields of a record that may differ when a cell of it says otherwise
    "onset": ("onset", "onset_used", "apex_used", "apex_valid", "frame_numbers", "clip"),
    "apex": ("apex", "apex_used", "apex_valid"),
    "offset": ("offset", "offset_used", "apex_used", "apex_valid", "frame_numbers"),
    "aus": ("aus",),
    "emotion": ("emotion",),
    "objective": ("objective_class",),
    "fps": ("fps",),
}
Damage = Callable[[Copy, random.Random], Expected | None]


def a_spot(copy: Copy, rng: random.Random, fields: tuple[str, ...]) -> tuple[int, Spot, str]:
    """A row by its index, its place, and one of the fields that it has."""
    index = rng.randrange(len(copy.plain.spots))
    spot = copy.plain.spots[index]
    return index, spot, rng.choice([name for name in fields if name in spot.columns])


def _put(copy: Copy, spot: Spot, name: str, value: Any) -> Any:
    """Write a cell; returns what was there."""
    book = copy.book(spot.book)
    cell = book[spot.sheet].cell(spot.row, spot.columns[name])
    was, cell.value = cell.value, value
    book.save(copy.path(spot.book))
    return was


def _cell(copy: Copy, spot: Spot, name: str) -> Any:
    tables = copy.plain.tables[spot.book]
    table = next(table for table in tables if table.name == spot.sheet)
    return table.rows[spot.row].get(spot.columns[name])


def unreadable(copy: Copy, rng: random.Random) -> Expected:
    """A cell that shows an error, or a formula without its result."""
    _, spot, name = a_spot(copy, rng, FIELDS)
    cells = ("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "=A1+1", '="4+"&"7"')
    _put(copy, spot, name, rng.choice(cells))
    letter = get_column_letter(spot.columns[name])
    return Expected(words=(*spot.words(), f"{letter}{spot.row}"))


def no_number(copy: Copy, rng: random.Random) -> Expected:
    """A cell that ought to be a frame number, and is two, or a slip of the fingers."""
    _, spot, name = a_spot(copy, rng, NUMBERS)
    number = str(_cell(copy, spot, name))
    slips = (
        *("{0} or 102", "{0}/102", "{0}-102", "ca. {0}", "{0}?", "~{0}", "{0},{0}", "{0};", "-{0}"),
        *("{0}.5", "{0}e3", "O{0}", "l{0}", "{0} 1", "frame {0}", "{0}*", "({0})", "\u00b2"),
    )
    _put(copy, spot, name, rng.choice(slips).format(number))
    return Expected(words=spot.words())


def other_type(copy: Copy, rng: random.Random) -> Expected:
    """A date, a truth value or a number with a fraction where there is none."""
    _, spot, name = a_spot(copy, rng, ("emotion", "aus", *NUMBERS, "objective", "fps"))
    day = datetime.datetime(2013, 5, rng.randint(1, 28))
    _put(copy, spot, name, rng.choice((day, True, False, 12.5, -3)))
    return Expected(words=spot.words())


def other_spelling(copy: Copy, rng: random.Random) -> Expected:
    """The same value as text, with blanks, in full-width digits, with invisible signs."""
    _, spot, name = a_spot(copy, rng, (*NUMBERS, "subject", "fps", "emotion", "aus", "clip"))
    was = _cell(copy, spot, name)
    written = str(was)
    ways = [written, f" {written} ", f"{written}\u00a0", f"{written}\u200b", f"\ufeff{written}"]
    if isinstance(was, int):
        ways += [float(was), f"{written}.0"]
    if name == "emotion":
        ways += [written.upper(), written.title()]
    if name in NUMBERS:
        ways.append("".join(chr(0xFF10 + int(digit)) for digit in written))
    _put(copy, spot, name, rng.choice(ways))
    return Expected(same_as(copy.plain.records))


def blanked(copy: Copy, rng: random.Random) -> Expected:
    """A cell that is empty: no apex, no units and no label are ones that may be."""
    index, spot, name = a_spot(copy, rng, FIELDS)
    _put(copy, spot, name, rng.choice((None, " ", "")))
    if name == "subject":  # which some corpora's clips name, too
        return Expected(same_as(copy.plain.records), spot.words())
    if name not in ("apex", "aus", "emotion", "objective"):
        return Expected(words=spot.words())
    field, none = {"apex": ("apex", -1), "objective": ("objective_class", 0)}.get(name, (name, ""))
    right = but_for(copy.plain.records, index, FOLLOWS[name], lambda one: one[field] == none)
    return Expected(right, spot.words())


def other_value(copy: Copy, rng: random.Random) -> Expected:
    """A value that could be: nobody can tell it from a true one, so it is read as it is written."""
    index, spot, name = a_spot(copy, rng, (*NUMBERS, "aus", "emotion", "objective", "fps"))
    was = _cell(copy, spot, name)
    if name in NUMBERS:
        value = max(int(str(was)) + rng.choice((-2, -1, 1, 2, 30, 3000)), 0)
    elif name == "fps":
        value = int(str(was)) + 100
    elif name == "objective":
        value = rng.choice(("I", "V", "VI") if isinstance(was, str) else (1, 5, 6))
    else:
        value = rng.choice({"aus": ("9", "L14+17", "?"), "emotion": ("fear", "sad", "xyz")}[name])
    _put(copy, spot, name, value)
    field = {"objective": "objective_class"}.get(name, name)
    numerals = {"I": 1, "V": 5, "VI": 6}
    right = but_for(
        copy.plain.records,
        index,
        FOLLOWS[name],
        lambda one: one[field] in (value, numerals.get(str(value))),
    )
    return Expected(right, ())


def slipped(copy: Copy, rng: random.Random) -> Expected:
    """A row whose cells have slipped by a column from some column on."""
    _, spot, name = a_spot(copy, rng, ("subject", "clip", *NUMBERS))
    book = copy.book(spot.book)
    sheet = book[spot.sheet]
    start = spot.columns[name]
    cells = [sheet.cell(spot.row, column).value for column in range(start, sheet.max_column + 1)]
    for column, value in enumerate([None, *cells], start=start):
        sheet.cell(spot.row, column).value = value
    book.save(copy.path(spot.book))
    # from the apex on the cells may be such that could be, and only the apex is said to be missing
    return Expected(same_as(copy.plain.records), spot.words() if name != "apex" else (), True)


def merged(copy: Copy, rng: random.Random) -> Expected:
    """Two rows of one column, or two columns of a row, that are one cell."""
    index, spot, name = a_spot(copy, rng, (*NUMBERS, "aus", "emotion"))
    book = copy.book(spot.book)
    sheet, column = book[spot.sheet], spot.columns[name]
    below = copy.plain.spots[index + 1] if index + 1 < len(copy.plain.spots) else spot
    if rng.random() < 0.5 and below.book == spot.book and below.row == spot.row + 1:
        sheet.merge_cells(None, spot.row, column, below.row, column)
        book.save(copy.path(spot.book))
        value = copy.plain.records[index][name]
        right = but_for(
            copy.plain.records, index + 1, FOLLOWS[name], lambda one: one[name] == value
        )
        return Expected(None if name in NUMBERS else right, below.words())
    sheet.merge_cells(None, spot.row, max(column - 1, 1), spot.row, max(column, 2))
    book.save(copy.path(spot.book))
    return Expected(same_as(copy.plain.records), spot.words())


def huge(copy: Copy, rng: random.Random) -> Expected:
    """A frame number with digits too many."""
    _, spot, name = a_spot(copy, rng, ("offset",))
    _put(copy, spot, name, rng.choice((10**6 + 200_000_000, 10**9, 2**31 - 1, 10**12, "9" * 5000)))
    return Expected(words=spot.words())


def person_twice(copy: Copy, rng: random.Random) -> Expected:
    """A person's name in other letters, with other zeros or other signs."""
    _, spot, name = a_spot(copy, rng, ("subject",))
    was = str(_cell(copy, spot, name))
    ways = [was.upper(), was.lower(), was.title(), f"0{was}", was.lstrip("0") or was]
    ways += [was.replace("s", "S", 1), was.replace("0", "", 1), f" {was}"]
    written = rng.choice(ways)
    _put(copy, spot, name, written)
    return Expected(same_as(copy.plain.records), (written.strip(),))


def clip_twice(copy: Copy, rng: random.Random) -> Expected:
    """A row once more, perhaps in other letters."""
    _, spot, name = a_spot(copy, rng, ("clip",))
    book = copy.book(spot.book)
    sheet = book[spot.sheet]
    cells = [cell.value for cell in sheet[spot.row]]
    clip = str(cells[spot.columns[name] - 1])
    if copy.plain.name != "casme3":  # whose letters tell videos apart
        cells[spot.columns[name] - 1] = rng.choice((clip, clip.upper(), clip.lower(), f"{clip} "))
    sheet.append(cells)
    book.save(copy.path(spot.book))
    return Expected(words=(spot.book, f"row {sheet.max_row}"))


def cell_damages() -> dict[str, Damage]:
    """What is done -> the damage."""
    return {
        "an error or a formula without its result": unreadable,
        "two numbers, or none, for a frame": no_number,
        "a date, a truth value, a fraction": other_type,
        "the same value in another spelling": other_spelling,
        "a cell emptied": blanked,
        "another value that could be": other_value,
        "a row slipped by a column": slipped,
        "merged cells": merged,
        "a frame number with digits too many": huge,
        "a person in another spelling": person_twice,
        "a clip once more, in other letters": clip_twice,
    }
