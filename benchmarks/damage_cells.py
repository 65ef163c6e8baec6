"""Damages to the workbooks of corpora, each with what may come of it."""

import datetime
import random
from collections.abc import Callable
from typing import Any

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from benchmarks.damaged import Copy, Expected, Spot, but_for, same_as

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


def _spot(copy: Copy, rng: random.Random, fields: tuple[str, ...]) -> tuple[int, Spot, str]:
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
    _, spot, name = _spot(copy, rng, FIELDS)
    cells = ("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "=A1+1", '="4+"&"7"')
    _put(copy, spot, name, rng.choice(cells))
    letter = get_column_letter(spot.columns[name])
    return Expected(words=(*spot.words(), f"{letter}{spot.row}"))


def no_number(copy: Copy, rng: random.Random) -> Expected:
    """A cell that ought to be a frame number, and is two, or a slip of the fingers."""
    _, spot, name = _spot(copy, rng, NUMBERS)
    number = str(_cell(copy, spot, name))
    slips = (
        *("{0} or 102", "{0}/102", "{0}-102", "ca. {0}", "{0}?", "~{0}", "{0},{0}", "{0};", "-{0}"),
        *("{0}.5", "{0}e3", "O{0}", "l{0}", "{0} 1", "frame {0}", "{0}*", "({0})", "\u00b2"),
    )
    _put(copy, spot, name, rng.choice(slips).format(number))
    return Expected(words=spot.words())


def other_type(copy: Copy, rng: random.Random) -> Expected:
    """A date, a truth value or a number with a fraction where there is none."""
    _, spot, name = _spot(copy, rng, ("emotion", "aus", *NUMBERS, "objective", "fps"))
    day = datetime.datetime(2013, 5, rng.randint(1, 28))
    _put(copy, spot, name, rng.choice((day, True, False, 12.5, -3)))
    return Expected(words=spot.words())


def other_spelling(copy: Copy, rng: random.Random) -> Expected:
    """The same value as text, with blanks, in full-width digits, with invisible signs."""
    _, spot, name = _spot(copy, rng, (*NUMBERS, "subject", "fps", "emotion", "aus", "clip"))
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
    index, spot, name = _spot(copy, rng, FIELDS)
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
    index, spot, name = _spot(copy, rng, (*NUMBERS, "aus", "emotion", "objective", "fps"))
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
    _, spot, name = _spot(copy, rng, ("subject", "clip", *NUMBERS))
    book = copy.book(spot.book)
    sheet = book[spot.sheet]
    start = spot.columns[name]
    cells = [sheet.cell(spot.row, column).value for column in range(start, sheet.max_column + 1)]
    for column, value in enumerate([None, *cells], start=start):
        sheet.cell(spot.row, column).value = value
    book.save(copy.path(spot.book))
    return Expected(same_as(copy.plain.records), spot.words())


def merged(copy: Copy, rng: random.Random) -> Expected:
    """Two rows of one column, or two columns of a row, that are one cell."""
    index, spot, name = _spot(copy, rng, (*NUMBERS, "aus", "emotion"))
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
    _, spot, name = _spot(copy, rng, ("offset",))
    _put(copy, spot, name, rng.choice((10**6 + 200_000_000, 10**9, 2**31 - 1, 10**12, "9" * 5000)))
    return Expected(words=spot.words())


def person_twice(copy: Copy, rng: random.Random) -> Expected:
    """A person's name in other letters, with other zeros or other signs."""
    _, spot, name = _spot(copy, rng, ("subject",))
    was = str(_cell(copy, spot, name))
    ways = [was.upper(), was.lower(), was.title(), f"0{was}", was.lstrip("0") or was]
    ways += [was.replace("s", "S", 1), was.replace("0", "", 1), f" {was}"]
    written = rng.choice(ways)
    _put(copy, spot, name, written)
    return Expected(same_as(copy.plain.records), (written.strip(),))


def clip_twice(copy: Copy, rng: random.Random) -> Expected:
    """A row once more, perhaps in other letters."""
    _, spot, name = _spot(copy, rng, ("clip",))
    book = copy.book(spot.book)
    sheet = book[spot.sheet]
    cells = [cell.value for cell in sheet[spot.row]]
    clip = str(cells[spot.columns[name] - 1])
    if copy.plain.name != "casme3":  # whose letters tell videos apart
        cells[spot.columns[name] - 1] = rng.choice((clip, clip.upper(), clip.lower(), f"{clip} "))
    sheet.append(cells)
    book.save(copy.path(spot.book))
    return Expected(words=(spot.book, f"row {sheet.max_row}"))


def hidden_sheet(copy: Copy, rng: random.Random) -> Expected:
    """A sheet of old labels that nobody sees, before or behind the one that counts."""
    _, spot, _ = _spot(copy, rng, ("clip",))
    book = copy.book(spot.book)
    old = book.copy_worksheet(book[spot.sheet])
    old.title, old.sheet_state = "old", rng.choice(("hidden", "veryHidden"))
    for row in range(spot.row, (old.max_row or 1) + 1):
        for name in {"aus", "emotion"} & set(spot.columns):
            old.cell(row, spot.columns[name]).value = {"aus": 17, "emotion": "others"}[name]
    if rng.random() < 0.5:
        book.move_sheet(old, -len(book.sheetnames) + 1)
    book.save(copy.path(spot.book))
    return Expected(same_as(copy.plain.records), ("old", "hidden"))


def sheet_per_person(copy: Copy, rng: random.Random) -> Expected:
    """Each person's rows on a sheet of its own, with the header or, but for the first, without."""
    _, spot, _ = _spot(copy, rng, ("clip",))
    book = copy.book(spot.book)
    whole = book[spot.sheet]
    rows = [one for one in copy.plain.spots if (one.book, one.sheet) == (spot.book, spot.sheet)]
    top = list(whole.iter_rows(max_row=rows[0].row - 1, values_only=True))
    headers = rng.random() < 0.7
    people: dict[str, Worksheet] = {}
    for one in rows:
        person = str(whole.cell(one.row, one.columns["subject"]).value)
        if person not in people:
            people[person] = book.create_sheet(f"P {person}")
            for line in top if headers or len(people) == 1 else ():
                people[person].append(line)
        people[person].append([cell.value for cell in whole[one.row]])
    book.move_sheet(whole, len(book.sheetnames))
    del book[spot.sheet]
    book.save(copy.path(spot.book))
    return Expected(same_as(copy.plain.records), (spot.book, "P "), goes_on=True)


def other_sheet(copy: Copy, rng: random.Random) -> Expected:
    """A sheet of notes, before or behind."""
    _, spot, _ = _spot(copy, rng, ("clip",))
    book = copy.book(spot.book)
    book.create_sheet("Notes", rng.choice((0, None)))["B2"] = "Coded by two people in 2013"
    book.save(copy.path(spot.book))
    return Expected(same_as(copy.plain.records))


def columns_changed(copy: Copy, rng: random.Random) -> Expected | None:
    """Two columns of one name, a column that has another name or none, columns in another order."""
    _, spot, name = _spot(copy, rng, FIELDS)
    if copy.plain.name == "casme_sq":  # which has no header
        return None
    book = copy.book(spot.book)
    sheet = book[spot.sheet]
    header = next(row for row in range(spot.row - 1, 0, -1) if not _is_clip(copy, spot, row))
    cell = sheet.cell(header, spot.columns[name])
    how = rng.choice(("twice", "renamed", "order"))
    if how == "twice":
        last = sheet.max_column + 1
        sheet.cell(header, last).value = rng.choice((cell.value, str(cell.value).upper()))
        sheet.cell(spot.row, last).value = 7
    elif how == "renamed":
        cell.value = rng.choice((None, f"{cell.value} (old)", "x"))
    else:
        sheet.insert_cols(rng.randint(1, 4))
    book.save(copy.path(spot.book))
    if how == "twice":
        return Expected(words=(spot.book, get_column_letter(spot.columns[name])))
    if how == "order":
        return Expected(same_as(copy.plain.records))
    lacks = lambda found: all(one["objective_class"] == 0 for one in found)  # noqa: E731
    return Expected(lacks if name == "objective" else None, (spot.book,))


def _is_clip(copy: Copy, spot: Spot, row: int) -> bool:
    return any(
        (one.book, one.sheet, one.row) == (spot.book, spot.sheet, row) for one in copy.plain.spots
    )


def rows_around(copy: Copy, rng: random.Random) -> Expected | None:
    """Titles above the header, blank rows, the header once more, a note below."""
    _, spot, _ = _spot(copy, rng, ("clip",))
    book = copy.book(spot.book)
    sheet = book[spot.sheet]
    how = rng.choice(("title", "blank", "header", "note"))
    if how == "title":
        sheet.insert_rows(1, 2)
        if copy.plain.name != "casme_sq":
            sheet["A1"] = "Coding of micro-expressions"
            sheet.merge_cells("A1:F1")
    elif how == "blank":
        sheet.insert_rows(spot.row)
    elif how == "header" and copy.plain.name != "casme_sq":
        first = min(one.row for one in copy.plain.spots if one.book == spot.book)
        sheet.append([cell.value for cell in sheet[first - 1]])
    elif copy.plain.name != "casme_sq":
        note = sheet.max_row + 3
        sheet.cell(note, spot.columns["subject"]).value = "Frames are counted from 1"
        sheet.merge_cells(None, note, spot.columns["subject"], note, spot.columns["subject"] + 4)
    book.save(copy.path(spot.book))
    return Expected(same_as(copy.plain.records), (spot.book,))


def bytes_changed(copy: Copy, rng: random.Random) -> Expected:
    """A workbook cut short, or with a byte changed."""
    _, spot, _ = _spot(copy, rng, ("clip",))
    path = copy.path(spot.book)
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content))
    if rng.random() < 0.5:
        content[at] ^= rng.randint(1, 255)
    path.write_bytes(content if rng.random() < 0.5 else content[:at])
    return Expected(same_as(copy.plain.records), (spot.book,))


def another_workbook(copy: Copy, rng: random.Random) -> Expected:
    """A workbook of old labels beside the owner's, or in a folder below with a later date."""
    _, spot, _ = _spot(copy, rng, ("clip",))
    path = copy.path(spot.book)
    book = copy.book(spot.book)
    for name in {"aus", "emotion"} & set(spot.columns):
        cell = book[spot.sheet].cell(spot.row, spot.columns[name])
        cell.value = {"aus": 17, "emotion": "others"}[name]
    stem, suffix = path.stem, path.suffix
    names = (
        f"{stem}_old{suffix}",
        f"Copy of {path.name}",
        f"{stem} (1){suffix}",
        f"{stem}-x{suffix}",
    )
    other = path.with_name(rng.choice(names))
    if rng.random() < 0.3:
        (path.parent / "backup").mkdir()
        other = path.parent / "backup" / path.name.replace("2019", "2031")
    book.save(other)
    return Expected(same_as(copy.plain.records), (path.name, other.name))


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
        "a hidden sheet of old labels": hidden_sheet,
        "a sheet per person": sheet_per_person,
        "a sheet of notes": other_sheet,
        "columns twice, renamed, moved": columns_changed,
        "titles, blank rows, headers, notes": rows_around,
        "a workbook cut short or changed by a byte": bytes_changed,
        "another workbook of old labels": another_workbook,
    }
