"""Random damage to annotation workbooks: rows are read as they say, or are faults with their place.

A sheet's clips stand in the order of its rows, and every other row is a fault named by file and
row; so each row's fate can be told, and compared with what its cells say.
"""

import datetime
import functools
import re
import tempfile
import unicodedata
from pathlib import Path

import openpyxl
import pytest
from corpora import casme2, samm
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.casme2.corpus import Casme2
from merclip_jax.tfds_builders.records import ABSENT
from merclip_jax.tfds_builders.samm.corpus import Samm

FIELDS = {  # field of a clip -> its column, by corpus
    Casme2: {"subject": 0, "clip": 1, "onset": 3, "apex": 4, "offset": 5, "aus": 7, "emotion": 8},
    Samm: {"subject": 0, "clip": 1, "onset": 3, "apex": 4, "offset": 5, "aus": 8, "emotion": 9},
}
OBJECTIVE = {Casme2: 9, Samm: 10}
CORPORA = [Casme2, Samm]
LARGEST = 2**31 - 1
TITLE = ["Coding of micro-expressions"]

_DAY = datetime.datetime(1990, 1, 1)
_TEXT = st.text(
    st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="="), max_size=6
)
AWKWARD = [
    *(None, True, False, 0, -1, 8, LARGEST, LARGEST + 1, 10**12, 12.5, _DAY),
    *("1" * 40, "9" * 5000, "-7", "1e3", "12.50", "12.0", " 9 "),
    *("\u00b2", "4\u00b2", "\uff11\uff12"),
    *("\u0664", "\u2460", "/", "\\", "?", "01", "006", "sub01", "EP01_01f", "006_1_1", "#REF!"),
    *("4+7", "a\nb", "'", "NaN"),
]
_CELL = st.one_of(
    st.sampled_from(AWKWARD),
    st.integers(-3, 300),
    st.integers(-(10**6), 10**6).map(lambda eighths: eighths / 8),  # exact in a spreadsheet
    st.integers(0, 10**9).map(lambda s: _DAY + datetime.timedelta(seconds=s)),
    _TEXT,
)
_FEW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # making it smaller takes minutes
)


def _grids():
    """corpus -> (name of the workbook, header, rows below it), as undamaged as they come."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        casme2.write_workbook(Path(folder), casme2.rows(subjects=2, clips_per_subject=3))
        samm.write_workbook(Path(folder), samm.rows(2)[:6], preamble=False)
        for corpus in CORPORA:
            book = corpus(Path(folder)).annotation()
            header, *rows = openpyxl.load_workbook(book).active.iter_rows(values_only=True)
            found[corpus] = (book.name, list(header), [list(row) for row in rows])
    return found


GRIDS = _grids()


def _write(folder, name, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for i, row in enumerate(rows, start=1):
            sheet.append(row)
            if row[:1] == TITLE:
                sheet.merge_cells(start_row=i, end_row=i, start_column=1, end_column=6)
    book.save(folder / name)
    return folder / name


def _read(corpus, lines, before=(), after=()):
    """The sheet of a workbook whose rows are `lines`, with other sheets before and after it."""
    with tempfile.TemporaryDirectory() as folder:
        sheets = {**dict(before), "Sheet1": lines, **dict(after)}
        _write(Path(folder), GRIDS[corpus][0], sheets)
        return corpus(Path(folder), corrected=False).sheet()


@functools.cache
def _intact(corpus):
    _, header, rows = GRIDS[corpus]
    return _read(corpus, [header, *rows])


@functools.cache
def _bytes(corpus):
    name, header, rows = GRIDS[corpus]
    with tempfile.TemporaryDirectory() as folder:
        return _write(Path(folder), name, {"Sheet1": [header, *rows]}).read_bytes()


def _said(cell):
    """What a cell says, as text."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    written = str(cell).strip()
    return re.sub(r"^(\d+)\.0$", r"\1", written)


def _number(cell):
    """The frame number that a cell says."""
    digits = "".join(str(unicodedata.decimal(sign, "x")) for sign in _said(cell))
    if not re.fullmatch("[0-9]{1,10}", digits):
        return ABSENT
    return int(digits) if int(digits) <= LARGEST else ABSENT


def _says(clip, row, corpus):
    """Whether the fields of a clip are what its row says, and a record can store them."""
    cells = {field: row[column] for field, column in FIELDS[corpus].items()}
    assert int(clip.subject) == _number(_said(cells["subject"]).lower().removeprefix("sub"))
    assert clip.clip == _said(cells["clip"]) != ""
    assert clip.emotion == _said(cells["emotion"]).lower()
    assert clip.aus == _said(cells["aus"])
    numbers = (clip.onset, clip.apex, clip.offset)
    assert numbers == tuple(_number(cells[field]) for field in ("onset", "apex", "offset"))
    assert clip.objective_class == max(_number(row[OBJECTIVE[corpus]]), 0) <= 7
    assert 0 <= clip.onset_used <= clip.apex_used <= clip.offset_used <= LARGEST
    assert clip.apex_valid == (clip.onset <= clip.apex <= clip.offset)


def _check(corpus, sheet, rows, first_row, damaged):
    """Every row that is not blank is a clip that says what it says, or a fault with its place.

    `rows` are those below the header, the first of which is `first_row` of the file; `damaged` the
    indices of those that are not what they were.
    """
    name = GRIDS[corpus][0]
    intact = {clip.key: clip for clip in _intact(corpus).clips}
    at_row = [
        fault for fault in sheet.faults if fault.key.startswith(f"{name}, sheet Sheet1, row ")
    ]
    placed = {fault.key: fault for fault in at_row}
    assert len(placed) == len(at_row)
    clips, keys = iter(sheet.clips), set()
    for i, row in enumerate(rows):
        where = f"{name}, sheet Sheet1, row {first_row + i}"
        fault = placed.pop(where, None)
        if fault:
            assert i in damaged or (fault.kind == "duplicate" and fault.stops_build)
            assert fault.stops_build or not any(_said(row[column]) for column in (1, 3, 5))
        elif any(_said(cell) for cell in _relevant(row, corpus)):
            clip = next(clips)
            assert clip.key not in keys
            keys.add(clip.key)
            _says(clip, row, corpus)
            assert i in damaged or clip == intact[clip.key]
    assert not placed
    assert next(clips, None) is None
    others = [fault for fault in sheet.faults if fault not in at_row]
    assert all(f.kind == "apex" and f.key in keys and not f.stops_build for f in others)


def _relevant(row, corpus):
    return [row[column] for column in (*FIELDS[corpus].values(), OBJECTIVE[corpus])]


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("field", [*FIELDS[Samm], "objective"])
def test_every_awkward_cell_in_every_column(corpus, field):
    _, header, original = GRIDS[corpus]
    column = {**FIELDS[corpus], "objective": OBJECTIVE[corpus]}[field]
    for start in range(0, len(AWKWARD), len(original)):
        rows = [list(row) for row in original]
        for row, cell in zip(rows, AWKWARD[start:], strict=False):
            row[column] = cell
        _check(corpus, _read(corpus, [header, *rows]), rows, 2, {*range(len(rows))})


@pytest.mark.parametrize("corpus", CORPORA)
@given(data=st.data())
@_FEW
def test_damaged_cells_blank_rows_and_rows_twice(corpus, data):
    _, header, original = GRIDS[corpus]
    rows, damaged = [list(row) for row in original], set()
    columns = st.sampled_from([*FIELDS[corpus].values(), OBJECTIVE[corpus]])
    spots = st.tuples(st.integers(0, len(rows) - 1), columns, _CELL)
    for i, column, cell in data.draw(st.lists(spots, min_size=1, max_size=5)):
        rows[i][column] = cell
        damaged.add(i)
    order = [*range(len(rows))]
    for kind, at in data.draw(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=3)):
        order.insert(data.draw(st.integers(0, len(order))), at if kind else None)
    titles = data.draw(st.integers(0, 4))
    lines = [rows[i] if i is not None else [None] * len(header) for i in order]
    sheet = _read(corpus, [*[TITLE] * titles, header, *lines])
    _check(corpus, sheet, lines, titles + 2, {n for n, i in enumerate(order) if i in damaged})


@pytest.mark.parametrize("corpus", CORPORA)
@given(data=st.data())
@_FEW
def test_columns_in_any_order_or_gone(corpus, data):
    name, header, rows = GRIDS[corpus]
    table = [header, *rows]
    order = data.draw(st.permutations(range(len(header))))
    gone = data.draw(st.sets(st.sampled_from(range(len(header))), max_size=2))
    lines = [[row[column] for column in order if column not in gone] for row in table]
    needed = gone & set(FIELDS[corpus].values())
    if needed:
        with pytest.raises(DataError, match=re.escape(name)):
            _read(corpus, lines)
        return
    sheet, whole = _read(corpus, lines), _intact(corpus)
    assert sheet.faults == []
    objective = OBJECTIVE[corpus] not in gone
    for clip, other in zip(sheet.clips, whole.clips, strict=True):
        assert vars(clip) == {
            **vars(other),
            "objective_class": other.objective_class if objective else 0,
        }


@pytest.mark.parametrize("corpus", CORPORA)
@given(cells=st.lists(st.lists(_CELL, max_size=4), max_size=4), first=st.booleans())
@_FEW
def test_other_sheets_change_nothing(corpus, cells, first):
    _, header, rows = GRIDS[corpus]
    others = {"Notes": cells, "Sheet3": []}
    sheet = _read(corpus, [header, *rows], **{"before" if first else "after": others})
    assert all("Notes: has no cell" in str(fault) for fault in sheet.faults)
    assert not any(fault.stops_build for fault in sheet.faults)
    assert sheet.clips == _intact(corpus).clips


@pytest.mark.parametrize("corpus", CORPORA)
@given(data=st.data())
@_FEW
def test_damaged_headings(corpus, data):
    name, header, rows = GRIDS[corpus]
    column = data.draw(st.integers(0, len(header) - 1))
    heading = data.draw(_CELL)
    assume(_said(heading) not in {_said(cell) for cell in header})
    lines = [[heading if i == column else cell for i, cell in enumerate(header)], *rows]
    if column in FIELDS[corpus].values():
        with pytest.raises(DataError, match=re.escape(name)):
            _read(corpus, lines)
    else:
        assert len(_read(corpus, lines).clips) == len(rows)


@pytest.mark.parametrize("corpus", CORPORA)
@given(data=st.data())
@_FEW
def test_a_file_cut_short_or_with_other_bytes(corpus, data):
    name, content = GRIDS[corpus][0], bytearray(_bytes(corpus))
    at = data.draw(st.floats(0, 1, exclude_max=True))
    at = int(at * len(content))
    if data.draw(st.booleans()):
        content = content[:at]
    else:
        content[at] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        try:
            sheet = corpus(Path(folder), corrected=False).sheet()
        except DataError as error:
            assert name in str(error)
        else:
            assert (sheet.clips, sheet.faults) == (_intact(corpus).clips, [])


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("cell", [float("nan"), float("inf"), float("-inf")])
def test_cells_that_no_spreadsheet_writes(corpus, cell):
    name, header, rows = GRIDS[corpus]
    damaged = [list(row) for row in rows]
    damaged[2][3] = cell
    try:
        sheet = _read(corpus, [header, *damaged])
    except DataError as error:
        assert name in str(error)
    else:
        assert [fault.key for fault in sheet.faults] == [f"{name}, sheet Sheet1, row 4"]
