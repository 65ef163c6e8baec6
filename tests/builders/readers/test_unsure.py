"""What a workbook shows and its file does not tell is named, and never taken for a blank."""

import openpyxl
import pytest
from corpora import casme2, mmew

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import books, cells
from merclip_jax.tfds_builders.casme2.corpus import Casme2
from merclip_jax.tfds_builders.cells import Unsure
from merclip_jax.tfds_builders.mmew.corpus import Mmew

ROWS = casme2.rows(subjects=3, clips_per_subject=2)
BOOK = casme2.WORKBOOKS["2019"]
COLUMNS = {"onset": "D", "apex": "E", "offset": "F", "aus": "H", "emotion": "I", "objective": "J"}


@pytest.fixture
def edited(tmp_path):
    """Reads the coding workbook after `edit(book)`."""

    def read(edit, rows=ROWS):
        casme2.write_workbook(tmp_path, rows)
        book = openpyxl.load_workbook(tmp_path / BOOK)
        edit(book)
        book.save(tmp_path / BOOK)
        return Casme2(tmp_path).sheet()

    return read


def _put(**values):
    def edit(book):
        for cell, value in values.items():
            book.active[cell] = value

    return edit


def _stopping(sheet):
    return [str(fault) for fault in sheet.faults if fault.stops_build]


@pytest.mark.parametrize("column", COLUMNS.values())
@pytest.mark.parametrize("value", ["#REF!", "#N/A", "#DIV/0!", "#SPILL!", "=6+6", '="4+"&"7"'])
def test_an_error_or_a_formula_without_its_result_is_named(edited, column, value):
    sheet = edited(_put(**{f"{column}3": value}))
    (fault,) = _stopping(sheet)
    assert fault.startswith(f"{BOOK}, sheet Sheet1, row 3: cell {column}3 (")
    assert ("is a formula" in fault) if value.startswith("=") else (value in fault)
    assert len(sheet.clips) == len(ROWS) - 1


@pytest.mark.parametrize("value", ["101 or 102", "12?", "1O", "12.5", True])
def test_an_apex_that_says_something_else_is_named(edited, value):
    (fault,) = _stopping(edited(_put(E2=value)))
    assert f"apex is {value!r}, not a frame number" in fault
    assert "cell E2 (ApexFrame)" in fault


@pytest.mark.parametrize("value", [12, 12.5, True, "12", "12L", "AU4(k)+L7"])
def test_a_label_that_is_no_word_is_named(edited, value):
    (fault,) = _stopping(edited(_put(I2=value)))
    assert f"emotion is {value!r}, not a word" in fault


def test_rows_merged_into_one_cell_say_what_it_shows(edited):
    sheet = edited(lambda book: book.active.merge_cells("H2:H4"))
    assert [clip.aus for clip in sheet.clips[:4]] == ["12", "12", "12", "4+7"]
    assert sheet.faults == []


def test_frames_merged_over_rows_and_cells_merged_over_columns_are_named(edited):
    (fault,) = _stopping(edited(lambda book: book.active.merge_cells("E2:E3")))
    assert "row 3: cell E3 (ApexFrame) is merged with the cell above" in fault
    (fault,) = _stopping(edited(lambda book: book.active.merge_cells("G2:H2")))
    assert "row 2: cell H2 (Action Units) is one of the merged cells G2:H2" in fault


def test_titles_and_notes_may_be_merged(edited):
    def edit(book):
        book.active.insert_rows(1, 2)
        book.active["A1"] = "Coding"
        book.active.merge_cells("A1:J1")
        book.active["A20"] = "What was called amusement is happiness"
        book.active.merge_cells("A20:J20")

    sheet = edited(edit)
    assert len(sheet.clips) == len(ROWS)
    assert [str(fault).partition(": ")[0] for fault in sheet.faults] == [
        f"{BOOK}, sheet Sheet1, row 20"
    ]


@pytest.mark.parametrize("header", [True, False])
def test_a_sheet_per_person_is_read_or_named(edited, header):
    def edit(book):
        second = book.create_sheet("02")
        lines = [[cell.value for cell in row] for row in book.active.iter_rows()]
        for line in (lines[:1] if header else []) + lines[3:]:
            second.append(line)
        book.active.delete_rows(4, 10)

    sheet = edited(edit)
    if header:
        assert ([clip.key for clip in sheet.clips], sheet.faults) == (
            [f"{row.subject}/{row.clip}" for row in ROWS],
            [],
        )
    else:
        (fault,) = sheet.faults
        assert str(fault).startswith(f"{BOOK}, sheet 02: has no cell 'Subject'")


@pytest.mark.parametrize("first", [True, False])
def test_a_hidden_sheet_is_left_out_and_named(edited, first):
    def edit(book):
        old = book.copy_worksheet(book.active)
        old.title, old.sheet_state, old["H2"] = "old", "hidden", 17
        book.move_sheet(old, -1 if first else 0)

    sheet = edited(edit)
    assert sheet.clips[0].aus == "12"
    assert [(str(fault), fault.stops_build) for fault in sheet.faults] == [
        (f"{BOOK}, sheet old: is hidden, so it is left out; unhide it if its rows count", False)
    ]


def test_a_hidden_sheet_does_not_stop_whatever_it_holds(edited):
    def edit(book):
        old = book.copy_worksheet(book.active)
        old.title, old.sheet_state, old["L1"] = "old", "hidden", "Action Units"

    assert len(edited(edit).clips) == len(ROWS)


def test_a_hidden_sheet_does_not_stand_in_for_the_one_that_is_shown(edited):
    def edit(book):
        old = book.copy_worksheet(book.active)
        old.title, old.sheet_state = "old", "hidden"
        for column in "DEF":
            book.active[f"{column}1"] = None

    with pytest.raises(DataError, match="sheet Sheet1: row 1 names the columns, but not Onset"):
        edited(edit)


def test_a_sheet_that_lacks_one_column_is_not_left_out(edited):
    def edit(book):
        second = book.copy_worksheet(book.active)
        second.title, second["D1"] = "more", "First"

    with pytest.raises(DataError, match="sheet more: row 1 names the columns, but not OnsetFrame"):
        edited(edit)


def test_two_columns_of_one_name_are_named(edited):
    with pytest.raises(DataError, match="columns H and L are both called 'Action Units'"):
        edited(_put(L1="action units ", L2=9))


def test_a_header_that_is_repeated_is_no_row(edited):
    def edit(book):
        book.active.append([cell.value for cell in book.active[1]])

    sheet = edited(edit)
    assert (len(sheet.clips), sheet.faults) == (len(ROWS), [])


def test_a_row_that_lost_its_clip_and_frames_is_no_note(edited):
    (fault,) = _stopping(edited(_put(B2=None, D2=None, F2=None)))
    assert "row 2: Filename is empty" in fault


def test_a_csv_has_errors_too(tmp_path):
    mmew.write_workbook(tmp_path, name="MMEW_Micro_Exp.csv")
    path = tmp_path / "MMEW_Micro_Exp.csv"
    path.write_text(path.read_text(encoding="utf-8-sig").replace("12L", "#N/A"))
    (fault,) = _stopping(Mmew(tmp_path).sheet())
    assert fault.startswith("MMEW_Micro_Exp.csv, row 2: cell F2 (Action Units) is #N/A")
    path.write_bytes(b"Subject,Filename\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="not a readable workbook"):
        Mmew(tmp_path).sheet()


def test_what_is_no_workbook_is_named(tmp_path):
    (tmp_path / BOOK).write_text("<html>sign in</html>")
    with pytest.raises(DataError, match="its bytes are of another kind of file"):
        books.read(tmp_path / BOOK)


@pytest.mark.parametrize("cell", [None, "", "  ", "\u200b", float("nan")])
def test_blank_cells(cell):
    assert cells.blank(cell)
    assert cells.text(cell) == ""


def test_an_unsure_cell_is_not_blank_and_says_nothing():
    cell = Unsure("cell H2", "is #REF!")
    assert not cells.blank(cell)
    with pytest.raises(DataError, match="cell H2 is #REF!"):
        cells.text(cell)
