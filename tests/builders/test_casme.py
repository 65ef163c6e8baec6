import shutil
from dataclasses import replace

import pytest
from corpora import casme

from merclip_jax.data import datasets, pack
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import sheets
from merclip_jax.tfds_builders.casme.corpus import Casme
from merclip_jax.tfds_builders.records import ABSENT

ROWS = casme.rows()


def _read(root, table, **quirks):
    """What the annotation reader makes of some rows."""
    casme.write_workbook(root, table, **quirks)
    return Casme(root).sheet()


@pytest.mark.parametrize("name", [casme.BOOK, "casme.xlsx", "CASME-coding.xlsx"])
def test_the_workbook_and_its_notes(tmp_path, name):
    sheet = _read(tmp_path, ROWS, name=name)
    assert [clip.clip_id for clip in sheet.clips] == [
        *("casme/01/EP01_12", "casme/01/EP03_1", "casme/19/EP01_12", "casme/19/EP07_32")
    ]
    first = sheet.clips[0]
    assert (first.onset, first.apex, first.offset, first.apex_valid) == (73, 77, 80, True)
    assert (first.emotion, first.aus, first.fps) == ("tense", "4", 60.0)
    assert [clip.emotion for clip in sheet.clips[1:3]] == ["disgust", "repression"]
    assert [str(fault) for fault in sheet.faults] == [
        f"{name}, sheet Sheet1, row 7: names no clip and no frame, so it is taken for a note"
    ]
    assert not sheet.faults[0].stops_build


def test_an_xls_has_a_reader(tmp_path):
    """Nothing here writes one: a file with its signature must fail for its content alone."""
    (tmp_path / "CASME-coded-20190721.xls").write_bytes(bytes.fromhex("D0CF11E0A1B11AE1") * 64)
    with pytest.raises(DataError, match="20190721.xls: not a readable workbook") as caught:
        Casme(tmp_path).sheet()
    assert "dependency" not in str(caught.value)


@pytest.mark.parametrize("name", ["CASME-coded-20190721.xls", "casme.xls"])
def test_an_xls_is_found_among_the_workbooks_of_its_successors(tmp_path, name):
    for other in (
        "CASME2-coding-20190701.xlsx",
        "CASME_II-coding.xlsx",
        "CAS(ME)^2code_final.xlsx",
    ):
        (tmp_path / other).write_bytes(b"")
    with pytest.raises(DataError, match=r"no annotation; put CASME-coded-20190721\.xls"):
        Casme(tmp_path).annotation()
    (tmp_path / name).write_bytes(b"")
    assert Casme(tmp_path).annotation().name == name


@pytest.mark.parametrize("subject", [1, 1.0, "01", "sub01", " 1 "])
def test_subjects_as_text_or_numbers(tmp_path, subject):
    table = [replace(ROWS[0], subject=subject)]
    assert _read(tmp_path, table).clips[0].subject == "01"


@pytest.mark.parametrize("apex", ["\\", None, 81, 72])
def test_an_apex_that_cannot_be_used_becomes_the_middle(tmp_path, apex):
    sheet = _read(tmp_path, [replace(ROWS[0], apex=apex)], notes=False)
    clip = sheet.clips[0]
    claimed = apex if isinstance(apex, int) else ABSENT
    assert (clip.apex, clip.apex_used, clip.apex_valid) == (claimed, 76, False)
    assert [(fault.kind, fault.stops_build) for fault in sheet.faults] == [("apex", False)]


@pytest.mark.parametrize("apex2", ["\\", None, 79, "?"])
def test_the_second_apex_is_not_read(tmp_path, apex2):
    clip = _read(tmp_path, [replace(ROWS[0], apex2=apex2)]).clips[0]
    assert (clip.apex, clip.apex_used) == (77, 77)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_no_number_of_rows_is_expected(tmp_path, count):
    assert len(_read(tmp_path, ROWS[:count]).clips) == count


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"subject": "Anna"}, "row 3: Subject is 'Anna', not a number"),
        ({"clip": None}, "row 3: Filename is empty"),
        ({"onset": "\\"}, r"row 3: onset is '\\', not a frame number"),
        ({"onset": 105}, "row 3: 01/EP03_1: onset 105 comes after offset 104"),
        ({"aus": "4&10"}, "row 3: action units '4&10': token '4&10'"),
        ({"clip": "EP01_12"}, "row 3: casme/01/EP01_12 has a row already"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_place(tmp_path, cells, message):
    table = [ROWS[0], replace(ROWS[1], **cells), *ROWS[2:]]
    faults = _read(tmp_path, table, notes=False).faults
    assert len(faults) == 1
    assert message in str(faults[0])
    assert faults[0].stops_build


@pytest.mark.parametrize("layout", sorted(casme.FRAMES))
def test_frames_padded_and_bare(tmp_path, layout):
    table = casme.make_casme(tmp_path, layout)
    found = Casme(tmp_path, layout).clips()
    assert len(found) == len(table)
    for clip, row in zip(found, table, strict=True):
        assert clip.frame_numbers == list(range(row.onset, row.offset + 1))
        assert (clip.onset_used, clip.apex_used, clip.offset_used) == (
            *(row.onset, row.apex, row.offset),
        )
    start = "reg_" if layout == "cropped" else ""
    assert [path.name for path in found[1].frames[2:4]] == [
        *(f"{start}EP03_1-99.jpg", f"{start}EP03_1-100.jpg")
    ]
    assert found[2].frames[0].name == f"{start}EP01_12-008.jpg"


def test_the_crops_are_the_default_and_no_stand_in_for_the_raw_frames(tmp_path):
    casme.make_casme(tmp_path)
    assert Casme(tmp_path).layout == "cropped"
    with pytest.raises(DataError, match="no raw frames.*found: Cropped"):
        Casme(tmp_path, "raw").clips()


def test_all_faults_are_listed_at_once(tmp_path):
    casme.make_casme(tmp_path)
    shutil.rmtree(tmp_path / "Cropped" / "sub01" / "EP03_1")
    (tmp_path / "Cropped" / "sub19" / "EP01_12" / "reg_EP01_12-009.jpg").unlink()
    with pytest.raises(DataError) as caught:
        Casme(tmp_path).clips()
    missing_folder, missing_frame = caught.value.faults
    assert "sub01/EP03_1: annotated, but the folder is missing" in missing_folder
    assert "between onset 8 and offset 15: 9; copy it again or correct its row" in missing_frame


def test_it_is_prepared_and_read(tmp_path):
    table = casme.make_casme(tmp_path / "CASME")
    builder = datasets.prepare("casme", tmp_path / "CASME", tmp_path / "data", "cropped")
    loaded = pack.load([builder], 32, tmp_path / "data", "host")
    assert list(loaded.table["clip_id"]) == [f"casme/{row.subject:02d}/{row.clip}" for row in table]
    assert list(loaded.table["n_frames"]) == [row.offset - row.onset + 1 for row in table]


def test_an_offset_with_digits_too_many_is_refused_at_once(tmp_path):
    table = casme.make_casme(tmp_path)
    casme.write_workbook(tmp_path, [replace(table[0], offset=1_800_000_000), *table[1:]])
    with pytest.raises(DataError, match="row 2: .*offset 1800000000 lies 1799999927 frames"):
        Casme(tmp_path).clips()


def test_rows_of_a_csv_are_counted_with_its_blank_lines(tmp_path):
    book = tmp_path / "casme.csv"
    book.write_text("Subject,Filename\n\n\n1,EP01_12\n")
    fields = {field: Casme.columns[field] for field in ("subject", "clip")}
    assert [row.where for row in sheets.rows(book, fields)] == ["casme.csv, row 4"]
