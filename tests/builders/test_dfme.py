import shutil
from dataclasses import replace

import pytest
from corpora import dfme

from merclip_jax.data import datasets, pack
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.dfme.corpus import Dfme

TRAIN = dfme.rows()["train"]


def test_three_workbooks_are_one_corpus(tmp_path):
    table = dfme.make_dfme(tmp_path)
    corpus = Dfme(tmp_path)
    sheet = corpus.sheet()
    assert sheet.faults == []
    assert sheet.source.name == dfme.BOOKS["train"]
    assert [clip.clip for clip in sheet.clips] == [row.clip for row in table]
    assert [clip.split for clip in sheet.clips] == ["train"] * 3 + ["testA", "testB"]
    assert [clip.fps for clip in sheet.clips] == [500, 500, 200, 300, 500]
    assert [clip.aus for clip in sheet.clips] == ["23", "4+23", "L1+L2+L5", "AD38", "M57"]
    for clip, row in zip(corpus.clips(), table, strict=True):
        assert clip.clip_id == f"dfme/{row.subject}/{row.clip}"
        assert clip.frame_numbers == list(range(row.onset, row.offset + 1))
        assert clip.frames[0].name == f"{row.onset:05d}.png"


def test_frames_count_from_nought(tmp_path):
    dfme.make_dfme(tmp_path)
    clip = Dfme(tmp_path).clips()[2]
    assert (clip.onset, clip.onset_used, clip.apex_valid) == (0, 0, True)


@pytest.mark.parametrize("splits", [("train",), ("testA", "testB"), ("train", "testB")])
def test_parts_that_are_absent_are_named_and_do_not_stop(tmp_path, splits):
    table = dfme.make_dfme(tmp_path, splits)
    corpus = Dfme(tmp_path)
    assert len(corpus.clips()) == len(table)
    assert [(fault.key, fault.kind, fault.stops_build) for fault in corpus.sheet().faults] == [
        (split, "missing_part", False) for split in dfme.BOOKS if split not in splits
    ]
    assert dfme.BOOKS["testA" if "testA" not in splits else "train"] in str(
        corpus.sheet().faults[0]
    )


def test_a_part_without_frames_is_named_and_does_not_stop(tmp_path):
    dfme.make_dfme(tmp_path)
    shutil.rmtree(tmp_path / "test_data_A")
    corpus = Dfme(tmp_path)
    assert {clip.split for clip in corpus.clips()} == {"train", "testB"}
    faults = corpus.on_disk(corpus.sheet())[1]
    assert [(fault.key, fault.stops_build) for fault in faults] == [("testA", False)]
    assert "no frames (test_data_A/...) of any of its clips; testA is left out" in str(faults[0])


def test_a_single_missing_clip_or_frame_stops(tmp_path):
    dfme.make_dfme(tmp_path)
    shutil.rmtree(tmp_path / "DFME_train" / "sub0003_02")
    (tmp_path / "DFME_train" / "sub0003_01" / "00099.png").unlink()
    with pytest.raises(DataError) as caught:
        Dfme(tmp_path).clips()
    frame, folder = caught.value.faults
    assert "frames missing between onset 97 and offset 104: 99; copy it again" in frame
    assert "sub0003_02: annotated, but the folder is missing" in folder


def test_no_part_at_all(tmp_path):
    (tmp_path / "labels.xlsx").write_bytes(b"")
    with pytest.raises(
        DataError, match="training_full.*testA_full.*testB_full.*found: labels.xlsx"
    ):
        Dfme(tmp_path).sheet()
    dfme.write_workbook(tmp_path, "train", TRAIN)
    with pytest.raises(DataError, match="no raw frames.*found: none at all"):
        Dfme(tmp_path).clips()


@pytest.mark.parametrize("tree", ["{}", "a/b/{}", "CCAC/frames"])
def test_folders_at_any_nesting(tmp_path, tree):
    for split, table in dfme.rows().items():
        dfme.write_workbook(tmp_path, split, table)
        dfme.write_frames(tmp_path, table, tree.format(dfme.FOLDERS[split]))
    assert len(Dfme(tmp_path).clips()) == 5


def test_crops_are_told_apart(tmp_path):
    dfme.make_dfme(tmp_path)
    with pytest.raises(DataError, match="no cropped frames"):
        Dfme(tmp_path, "cropped").clips()
    for split, table in dfme.rows().items():
        dfme.write_frames(tmp_path, table, f"DFME_Crop_dlib/{split}")
    assert all("Crop" in str(clip.frames[0]) for clip in Dfme(tmp_path, "cropped").clips())
    assert not any("Crop" in str(clip.frames[0]) for clip in Dfme(tmp_path).clips())


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"fps": None}, "row 2: Fps is"),
        ({"fps": 0}, "row 2: Fps is 0, not a number of frames per second"),
        ({"clip": "sub0004_09"}, "row 2: Filename is 'sub0004_09', not of Subject 'sub0003'"),
        ({"clip": "sub0003_02"}, "row 3: dfme/sub0003/sub0003_02 has a row already"),
        ({"onset": "?"}, "row 2: onset is '?'"),
        ({"aus": "AD4000"}, "row 2: action units 'AD4000'"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_place(tmp_path, cells, message):
    dfme.make_dfme(tmp_path)
    dfme.write_workbook(tmp_path, "train", [replace(TRAIN[0], **cells), *TRAIN[1:]])
    faults = Dfme(tmp_path).sheet().faults
    assert [
        f"{dfme.BOOKS['train']}, sheet Sheet1, {message}" in str(fault) for fault in faults
    ] == [True]


def test_from_disk_to_packed_clips(tmp_path):
    dfme.make_dfme(tmp_path / "DFME")
    builder = datasets.prepare("dfme", tmp_path / "DFME", tmp_path / "data", "raw")
    packed = pack.load([builder], 32, tmp_path / "data", "host")
    assert sorted(packed.table["n_frames"]) == [8, 8, 8, 8, 10]
