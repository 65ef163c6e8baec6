import shutil
from dataclasses import replace

import openpyxl
import pytest
from corpora import smic, smic_e

from merclip_jax.data import datasets, pack
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.records import ABSENT
from merclip_jax.tfds_builders.smic_e.corpus import SmicE


def _read(root, table=smic_e.ROWS, layout="hs", corrected=False, **quirks):
    """What the annotation reader makes of some rows."""
    smic_e.write_workbook(root / smic_e.BOOK, table, **quirks)
    return SmicE(root, layout, corrected).sheet()


def _changed(index, **cells):
    return [replace(row, **cells) if i == index else row for i, row in enumerate(smic_e.ROWS)]


def test_the_stored_results_of_the_formulas_are_read(tmp_path):
    sheet = _read(tmp_path)
    assert sheet.faults == []
    assert [clip.clip for clip in sheet.clips] == ["s20_ne_01", "s9_po_01", "s9_sur_01"]
    clip = sheet.clips[1]
    assert (clip.clip_id, clip.emotion) == ("smic_e/s9/s9_po_01", "positive")
    assert (clip.onset, clip.apex, clip.offset) == (99_997, ABSENT, 100_002)
    assert (clip.onset_used, clip.apex_used, clip.offset_used) == (99_997, 99_999, 100_002)
    assert (clip.apex_valid, clip.fps, clip.aus) == (False, 100, "")


@pytest.mark.parametrize("how", ["written", "saved again"])
def test_a_workbook_without_the_results_of_its_formulas(tmp_path, how):
    book = tmp_path / smic_e.BOOK
    smic_e.write_workbook(book, stored=how == "saved again")
    if how == "saved again":
        openpyxl.load_workbook(book).save(book)
    faults = SmicE(tmp_path).sheet().faults
    assert [fault.key for fault in faults] == [
        f"{smic_e.BOOK}, sheet HS, row {i}" for i in (2, 3, 4)
    ]
    for row, fault in enumerate(faults, start=2):
        assert fault.stops_build
        assert f"cell E{row} (OffsetF) is a formula whose result is not stored" in fault.detail
    assert len(SmicE(tmp_path, "vis").sheet().clips) == 3  # plain numbers in that sheet


def test_a_single_offset_without_a_value_is_a_fault_of_its_row(tmp_path):
    book = tmp_path / smic_e.BOOK
    smic_e.write_workbook(book, sheet="VIS")
    table = openpyxl.load_workbook(book)
    table["VIS"]["E3"] = None
    table.save(book)
    (fault,) = SmicE(tmp_path, "vis").sheet().faults
    assert "row 3: offset is blank, not a frame number" in str(fault)
    assert fault.stops_build


def test_text_below_the_table_is_a_note(tmp_path):
    sheet = _read(tmp_path, notes=True)
    assert sheet.clips == _read(tmp_path).clips
    assert sheet.faults
    assert not any(fault.stops_build for fault in sheet.faults)


def test_an_apex_that_a_copy_adds_is_not_read(tmp_path):
    assert _read(tmp_path, apex=True).clips == _read(tmp_path).clips


def test_the_workbook_of_the_high_speed_camera_serves_for_visible_light(tmp_path):
    sheet = _read(tmp_path, layout="vis")
    assert sheet.source.name == smic_e.BOOK
    assert {clip.fps for clip in sheet.clips} == {25}
    with pytest.raises(DataError, match=r"put SMIC-NIR-E_annotation.xlsx there"):
        SmicE(tmp_path, "nir").sheet()


def test_a_sheet_of_another_camera_is_not_read(tmp_path):
    smic_e.write_workbook(tmp_path / "SMIC_VIS_E_annotation.xlsx")
    book = openpyxl.load_workbook(tmp_path / "SMIC_VIS_E_annotation.xlsx")
    del book["VIS"], book["Sheet2"]
    book.save(tmp_path / "SMIC_VIS_E_annotation.xlsx")
    with pytest.raises(DataError, match="not the wanted one among its sheets HS"):
        SmicE(tmp_path, "vis").sheet()


def test_the_plain_workbook_goes_before_its_variants(tmp_path):
    names = ["_orig", "_2019", ""]
    for variant in names:
        path = tmp_path / f"SMIC-HS-E_annotation{variant}.xlsx"
        smic_e.write_workbook(path)
        assert SmicE(tmp_path).annotation() == path
        assert len(SmicE(tmp_path).sheet().clips) == 3


def test_the_known_label_is_corrected_where_it_still_is_wrong(tmp_path):
    table = [*smic_e.ROWS, smic_e.Row(18, "s18_sur_03", 500, 6, "negative")]
    published, corrected = (_read(tmp_path, table, corrected=on) for on in (False, True))
    assert (published.clips[-1].emotion, corrected.clips[-1].emotion) == ("negative", "surprise")
    (fault,) = published.faults
    assert (fault.key, fault.kind, fault.stops_build) == ("s18/s18_sur_03", "label", False)
    assert "emotion 'negative', but its name says 'surprise'" in fault.detail
    assert corrected.faults == []
    assert [line.key for line in corrected.corrections] == ["s18/s18_sur_03"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"subject": 8}, "row 3: s9_po_01 is listed under subject '8'"),
        ({"clip": "s9_happy_01"}, "row 3: 's9_happy_01' is not a clip's name, such as s1_ne_01"),
        ({"clip": None}, "row 3: '' is not a clip's name"),
        ({"clip": "s9_sur_01"}, "row 4: smic_e/s9/s9_sur_01 has a row already"),
        ({"length": -3}, "row 3: s9/s9_po_01: onset 99997 comes after offset 99993"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_place(tmp_path, cells, message):
    faults = [fault for fault in _read(tmp_path, _changed(1, **cells)).faults if fault.stops_build]
    assert len(faults) == 1
    assert message in str(faults[0])


@pytest.mark.parametrize("camera", sorted(smic_e.FRAMES))
def test_every_camera_gives_the_frames_from_onset_to_offset(tmp_path, camera):
    for other in smic_e.FRAMES:
        smic_e.make_smic_e(tmp_path, other)
    found = SmicE(tmp_path, camera).clips()
    assert len(found) == len(smic_e.ROWS)
    for clip, row in zip(found, smic_e.ROWS, strict=True):
        assert clip.frame_numbers == list(range(row.onset, row.onset + row.length))
        assert smic_e.FRAMES[camera][0] in str(clip.frames[0])
    assert found[1].frames[0].name == smic_e.FRAMES[camera][1].format(99_997)


def test_the_base_release_in_the_same_folder_is_not_taken_for_the_extended_one(tmp_path):
    smic_e.make_smic_e(tmp_path)
    (tmp_path / "e").mkdir()
    (tmp_path / smic_e.FRAMES["hs"][0]).rename(tmp_path / "e" / "SMIC_HS_E")
    smic.make_smic(tmp_path)
    assert "e/SMIC_HS_E/s09" in str(SmicE(tmp_path).clips()[1].frames[0])


def test_all_faults_of_the_frames_are_listed_at_once(tmp_path):
    smic_e.make_smic_e(tmp_path)
    top = tmp_path / smic_e.FRAMES["hs"][0]
    shutil.rmtree(top / "s20" / "s20_ne_01")
    (top / "s09" / "s9_po_01" / "image100000.jpg").unlink()
    shutil.copytree(top / "s09" / "s9_sur_01", top / "s09" / "copy" / "s9_sur_01")
    with pytest.raises(DataError) as caught:
        SmicE(tmp_path).clips()
    expected = [
        "s20_ne_01: annotated, but the folder is missing",
        "frames missing between onset 99997 and offset 100002: 100000; copy it again",
        "s9_sur_01 is there twice",
    ]
    for fault, words in zip(caught.value.faults, expected, strict=True):
        assert words in fault


def test_no_frames_at_all(tmp_path):
    smic_e.make_smic_e(tmp_path, "vis")
    smic_e.write_workbook(tmp_path / smic_e.BOOK)
    with pytest.raises(DataError, match="no hs frames.*found: VIS_long/SMIC-VIS-E/VIS"):
        SmicE(tmp_path).clips()


def test_prepared_and_packed(tmp_path):
    table = smic_e.make_smic_e(tmp_path / "SMIC-E")
    builder = datasets.prepare("smic_e", tmp_path / "SMIC-E", tmp_path / "data", "hs")
    packed = pack.load([builder], 32, tmp_path / "data", "host")
    assert len(packed.table) == len(table)
    assert len(packed.frames) == sum(row.length for row in table)
