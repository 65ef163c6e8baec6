import shutil
from dataclasses import replace

import pytest
from corpora import casme3_c

from merclip_jax.data import datasets, pack
from merclip_jax.errors import DataError
from merclip_jax.facs import notation
from merclip_jax.tfds_builders.casme3_c.corpus import Casme3C

ROWS = casme3_c.rows()


def test_a_workbook_without_apexes(tmp_path):
    casme3_c.write_workbook(tmp_path, ROWS)
    sheet = Casme3C(tmp_path).sheet()
    assert sheet.faults == []
    assert [clip.key for clip in sheet.clips] == ["1/1", "1/2", "2/1", "10/1"]
    first = sheet.clips[0]
    assert (first.onset, first.apex, first.offset) == (97, -1, 104)
    assert (first.apex_used, first.apex_valid, first.fps) == (100, False, 30)
    assert [clip.emotion for clip in sheet.clips][:2] == ["negative", "surprise"]
    numbers = [notation.parse(clip.aus).numbers for clip in sheet.clips]
    assert numbers == [{4, 5}, {14, 24}, {1}, {4, 11}]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"subject": "Anna"}, "row 2: sub is 'Anna', not a number"),
        ({"clip": None}, "row 2: count is '', not a number"),
        ({"clip": 2}, "row 3: casme3_c/1/2 has a row already"),
        ({"offset": 90}, "row 2: 1/1: onset 97 comes after offset 90"),
        ({"aus": "4,,5"}, "row 2: action units '4,,5'"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_place(tmp_path, cells, message):
    casme3_c.write_workbook(tmp_path, [replace(ROWS[0], **cells), *ROWS[1:]])
    faults = Casme3C(tmp_path).sheet().faults
    assert [message in str(fault) for fault in faults] == [True]


@pytest.mark.parametrize(
    "folder",
    [
        "part_C/{row.subject}",
        "part_C/data/{row.subject}/color",
        "part_C/sub{row.subject:02d}",
        "part_C/spNO.{row.subject}/a/color",
        "part_C/s{row.subject}/video",
        "ME_C/{row.subject:02d}/{row.clip}/color",
        "ME_C/{row.subject}/{row.clip}",
    ],
)
def test_every_tree_that_is_thought_possible(tmp_path, folder):
    casme3_c.make_casme3_c(tmp_path, folder)
    for clip, row in zip(Casme3C(tmp_path).clips(), ROWS, strict=True):
        assert clip.frame_numbers == list(range(row.onset, row.offset + 1))
        assert "part_A" not in str(clip.frames[0])


def test_crops_are_told_apart(tmp_path):
    casme3_c.make_casme3_c(tmp_path)
    with pytest.raises(DataError, match="no cropped frames.*found: part_A, part_C; prepare"):
        Casme3C(tmp_path, "cropped").clips()
    casme3_c.write_frames(tmp_path, ROWS, "ME_C_cropped/{row.subject:02d}/{row.clip}/color")
    assert len(Casme3C(tmp_path, "cropped").clips()) == len(ROWS)


def test_no_frames_says_what_was_looked_for(tmp_path):
    casme3_c.make_casme3_c(tmp_path)
    shutil.rmtree(tmp_path / "part_C" / "2")
    (tmp_path / "part_C" / "10" / "other").mkdir()
    for path in (tmp_path / "part_C" / "10").glob("*.jpg"):
        path.rename(path.with_suffix(".dat"))
    (tmp_path / "part_C" / "10" / "more").mkdir()
    with pytest.raises(DataError) as caught:
        Casme3C(tmp_path).clips()
    absent, empty = caught.value.faults
    assert (
        "2/1: no folder of this subject, such as 2, 02, sub2 or spNO.2; found are 1, 10" in absent
    )
    assert (
        "in its folders color, 1 and 1/color, nor in its only folder, but 7 .dat, 2 folders"
        in empty
    )


def test_a_lost_frame_does_not_stop(tmp_path):
    casme3_c.make_casme3_c(tmp_path)
    (tmp_path / "part_C" / "1" / "99.jpg").unlink()
    assert len(Casme3C(tmp_path).clips()[0].frames) == 7


def test_from_disk_to_packed_clips(tmp_path):
    casme3_c.make_casme3_c(tmp_path / "CASME3")
    builder = datasets.prepare("casme3_c", tmp_path / "CASME3", tmp_path / "data", "color")
    packed = pack.load([builder], 32, tmp_path / "data", "host")
    assert sorted(packed.table["n_frames"]) == [7, 8, 8, 8]
