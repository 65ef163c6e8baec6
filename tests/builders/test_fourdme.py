import shutil
from dataclasses import replace

import pytest
from corpora import fourdme

from merclip_jax.data import datasets, pack
from merclip_jax.errors import DataError
from merclip_jax.facs import notation
from merclip_jax.tfds_builders.fourdme.corpus import EXCHANGED, RELEASED, FourDme

ROWS = fourdme.rows()


def test_the_release(tmp_path):
    fourdme.make_fourdme(tmp_path)
    sheet = FourDme(tmp_path).sheet()
    assert (sheet.faults, sheet.source.name) == ([], fourdme.BOOK)
    keys = [clip.key for clip in sheet.clips]
    assert keys == ["S08/002_01_1", "S08/002_01_2", "S13_1st/001_01_1", "S13/001_01_1"]
    assert [clip.emotion for clip in sheet.clips[:2]] == ["negative", "surprise+positive"]
    first = sheet.clips[0]
    assert (first.onset, first.apex, first.offset, first.fps) == (1823, 1827, 1830, 60)


def test_held_units_are_kept_and_do_not_count(tmp_path):
    fourdme.write_workbook(tmp_path, ROWS)
    found = FourDme(tmp_path).sheet().clips
    assert [clip.aus for clip in found[:2]] == ["AU4(k)+L7", "AUR2+12(k)+45"]
    assert [notation.parse(clip.aus).numbers for clip in found] == [{7}, {2, 45}, {1, 2}, {4}]


@pytest.mark.parametrize("sign", ["+", "'", " ", ",", ";"])
def test_a_sign_behind_the_last_unit_says_nothing(tmp_path, sign):
    fourdme.write_workbook(tmp_path, [replace(ROWS[0], aus=f"AU4(k){sign}")])
    assert FourDme(tmp_path).sheet().clips[0].aus == "AU4(k)"


def test_headings_with_apostrophes_and_a_row_of_totals(tmp_path):
    header = tuple(f"{name}'" if "_" in name else name for name in fourdme.HEADER)
    fourdme.write_workbook(tmp_path, ROWS, header=header, totals=True)
    sheet = FourDme(tmp_path).sheet()
    assert (len(sheet.clips), sheet.faults) == (len(ROWS), [])


def test_the_rows_in_doubt_are_named_and_do_not_stop(tmp_path):
    row = ROWS[0]
    table = [replace(row, clip=f"002_01_{i}") for i in range(RELEASED)]
    fourdme.write_workbook(tmp_path, table)
    faults = FourDme(tmp_path).sheet().faults
    assert [(fault.key, fault.stops_build) for fault in faults] == [
        (f"S08/002_01_{EXCHANGED[0]}", False)
    ]
    assert "S08/002_01_145 may be exchanged (MEB" in str(faults[0])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"subject": None}, "row 2: sub_ID is empty"),
        ({"clip": None}, "row 2: fold_name is empty"),
        ({"clip": "002_01_2"}, "row 3: fourdme/S08/002_01_2 has a row already"),
        ({"onset": "x"}, "row 2: onset is 'x'"),
        ({"aus": "AUX"}, "row 2: action units 'AUX'"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_place(tmp_path, cells, message):
    fourdme.write_workbook(tmp_path, [replace(ROWS[0], **cells), *ROWS[1:]])
    faults = FourDme(tmp_path).sheet().faults
    assert [message in str(fault) for fault in faults] == [True]


def test_only_the_workbook_of_micro_expressions_will_do(tmp_path):
    for name in (
        "Micro and Macro-expression labels.xlsx",
        "4DME_Labelling_Micro_extras_release v1.xlsx",
    ):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="put 4DME_Labelling_Micro_release v1.xlsx there"):
        FourDme(tmp_path).sheet()


@pytest.mark.parametrize(
    ("layout", "folder"),
    [
        ("raw", "micro short gray video/micro short gray video/{row.subject}/{row.clip}"),
        ("raw", "gray_micro/{row.subject}/{row.subject}_{row.clip}"),
        ("raw", "gray_micro/{row.subject}_{row.clip}"),
        ("cropped", "micro_short_gray_video_cropped/{row.subject}/{row.clip}"),
    ],
)
@pytest.mark.parametrize("anew", [-1, 0, 1])
def test_every_layout(tmp_path, layout, folder, anew):
    fourdme.make_fourdme(tmp_path)
    shutil.rmtree(tmp_path / fourdme.TREE)
    fourdme.write_frames(tmp_path, ROWS, folder, anew)
    for clip, row in zip(FourDme(tmp_path, layout).clips(), ROWS, strict=True):
        assert clip.frame_numbers == list(range(row.onset, row.offset + 1))
        assert clip.apex_valid
        folder_of_frame = clip.frames[0].parent
        assert str(folder_of_frame).endswith(folder.format(row=row))


def test_frames_counted_anew_must_be_as_many_as_annotated(tmp_path):
    fourdme.write_workbook(tmp_path, ROWS)
    fourdme.write_frames(tmp_path, ROWS, anew=1)
    (tmp_path / fourdme.TREE / "S08" / "002_01_1" / "Frame_000000008.jpg").unlink()
    with pytest.raises(DataError) as caught:
        FourDme(tmp_path).clips()
    assert "frames missing between onset 1823 and offset 1830" in caught.value.faults[0]


def test_long_videos_are_no_clips(tmp_path):
    fourdme.make_fourdme(tmp_path)
    shutil.rmtree(tmp_path / fourdme.TREE)
    with pytest.raises(DataError, match="no raw frames.*found: long_gray_video/long gray video"):
        FourDme(tmp_path).clips()


def test_a_missing_folder_stops(tmp_path):
    fourdme.make_fourdme(tmp_path)
    shutil.rmtree(tmp_path / fourdme.TREE / "S13_1st" / "001_01_1")
    with pytest.raises(DataError) as caught:
        FourDme(tmp_path).clips()
    assert list(caught.value.faults) == [
        "S13_1st/001_01_1: S13_1st_001_01_1: annotated, but the folder is missing"
    ]


def test_from_disk_to_packed_clips(tmp_path):
    fourdme.make_fourdme(tmp_path / "4DME")
    builder = datasets.prepare("fourdme", tmp_path / "4DME", tmp_path / "data", "raw")
    packed = pack.load([builder], 32, tmp_path / "data", "host")
    assert sorted(packed.table["n_frames"]) == [6, 8, 8, 8]
