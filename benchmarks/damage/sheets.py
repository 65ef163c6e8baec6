"""Damages to whole sheets and workbooks of corpora, each with what may come of it."""

import random

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from benchmarks.damage.cells import FIELDS, Damage, a_spot
from benchmarks.damage.copies import Copy, Expected, Spot, same_as


def hidden_sheet(copy: Copy, rng: random.Random) -> Expected:
    """A sheet of old labels that nobody sees, before or behind the one that counts."""
    _, spot, _ = a_spot(copy, rng, ("clip",))
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
    _, spot, _ = a_spot(copy, rng, ("clip",))
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
    _, spot, _ = a_spot(copy, rng, ("clip",))
    book = copy.book(spot.book)
    book.create_sheet("Notes", rng.choice((0, None)))["B2"] = "Coded by two people in 2013"
    book.save(copy.path(spot.book))
    return Expected(same_as(copy.plain.records))


def columns_changed(copy: Copy, rng: random.Random) -> Expected | None:
    """Two columns of one name, a column that has another name or none, columns in another order."""
    _, spot, name = a_spot(copy, rng, FIELDS)
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
    _, spot, _ = a_spot(copy, rng, ("clip",))
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
    _, spot, _ = a_spot(copy, rng, ("clip",))
    path = copy.path(spot.book)
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content))
    if rng.random() < 0.5:
        content[at] ^= rng.randint(1, 255)
    path.write_bytes(content if rng.random() < 0.5 else content[:at])
    return Expected(same_as(copy.plain.records), (spot.book,))


def another_workbook(copy: Copy, rng: random.Random) -> Expected:
    """A workbook of old labels beside the owner's, or in a folder below with a later date."""
    _, spot, _ = a_spot(copy, rng, ("clip",))
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


def sheet_damages() -> dict[str, Damage]:
    """What is done -> the damage."""
    return {
        "a hidden sheet of old labels": hidden_sheet,
        "a sheet per person": sheet_per_person,
        "a sheet of notes": other_sheet,
        "columns twice, renamed, moved": columns_changed,
        "titles, blank rows, headers, notes": rows_around,
        "a workbook cut short or changed by a byte": bytes_changed,
        "another workbook of old labels": another_workbook,
    }
