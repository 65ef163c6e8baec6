import shutil
from dataclasses import replace

import pytest
from corpora import mmew, pictures

from merclip_jax.data import datasets, pack
from merclip_jax.errors import DataError
from merclip_jax.facs import notation
from merclip_jax.tfds_builders.mmew.corpus import Mmew


def _read(root, table=mmew.ROWS, name=mmew.BOOK):
    """What the annotation reader makes of some rows."""
    mmew.write_workbook(root, table, name)
    return Mmew(root).sheet()


def _changed(index, **cells):
    return [replace(row, **cells) if i == index else row for i, row in enumerate(mmew.ROWS)]


def test_a_row(tmp_path):
    sheet = _read(tmp_path)
    assert sheet.faults == []
    clip = sheet.clips[0]
    assert clip.clip_id == "mmew/S03/S03-01-002"
    assert (clip.onset, clip.apex, clip.offset, clip.apex_valid) == (1, 4, 11, True)
    assert (clip.emotion, clip.aus, clip.fps, clip.objective_class) == ("happiness", "12L", 90, 0)


def test_sides_before_and_after_an_action_unit(tmp_path):
    numbers = [notation.parse(clip.aus).numbers for clip in _read(tmp_path).clips]
    assert numbers == [{12}, {4, 10}, {4, 7}, {5, 12}]


@pytest.mark.parametrize(
    "name",
    ["MMEW_Micro_Exp_v2.xlsx", "MMEW_Micro_Exp_new.xlsx", "MMEW_Micro_Exp.csv"],
)
def test_every_name_of_the_annotation(tmp_path, name):
    found = _read(tmp_path / "kit", name=name)
    assert found.source.name == name
    assert found.clips == _read(tmp_path / "plain").clips
    assert _read(tmp_path / "kit").source.name == mmew.BOOK


@pytest.mark.parametrize("subject", [13, "13", "S13", "s13", 13.0])
def test_the_subject_is_as_in_the_clips_name(tmp_path, subject):
    assert _read(tmp_path, _changed(2, subject=subject)).clips[2].subject == "S13"


@pytest.mark.parametrize("layout", sorted(mmew.LAYOUTS))
def test_clips_are_found_by_name_in_every_layout(tmp_path, layout):
    table = mmew.make_mmew(tmp_path, layout)
    found = Mmew(tmp_path).clips()
    assert [clip.clip for clip in found] == [row.clip for row in table]
    for clip, row in zip(found, table, strict=True):
        assert clip.frame_numbers == list(range(1, row.offset + 1))
        assert [path.name for path in clip.frames] == [f"{n}.jpg" for n in clip.frame_numbers]
        assert clip.frames[0].parent == mmew.folder(tmp_path, row, layout)


@pytest.mark.parametrize("emotion", ["others", "Repression", " other "])
def test_others_and_repression_are_one_emotion_of_the_name(tmp_path, emotion):
    sheet = _read(tmp_path, _changed(1, emotion=emotion))
    assert sheet.faults == []
    assert sheet.clips[1].emotion == emotion.strip().lower()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"emotion": "fear"}, "S03/S03-01-002: emotion 'fear', but 01 in its name means 'happin"),
        ({"clip": "S03-09-002"}, "S03/S03-09-002: emotion 'happiness', but 09 in its name means"),
    ],
)
def test_an_emotion_that_the_name_contradicts_is_used_and_listed(tmp_path, cells, message):
    sheet = _read(tmp_path, _changed(0, **cells))
    (fault,) = sheet.faults
    assert (fault.kind, fault.stops_build) == ("label", False)
    assert message in str(fault)
    assert sheet.clips[0].emotion == cells.get("emotion", "happiness")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"clip": "EP01_01f"}, "row 2: Filename is 'EP01_01f', not a clip's name such as S03-01"),
        ({"clip": None}, "row 2: Filename is None, not a clip's name"),
        ({"subject": 4}, "row 2: Subject is 4, but Filename S03-01-002; correct one"),
        ({"offset": "?"}, "row 2: offset is '?', not a frame number"),
        ({"onset": 12}, "row 2: S03/S03-01-002: onset 12 comes after offset 11"),
        ({"aus": "4+Q7"}, "row 2: action units '4+Q7'"),
        ({"clip": "S03-04-001"}, "row 3: mmew/S03/S03-04-001 has a row already"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_place(tmp_path, cells, message):
    faults = [fault for fault in _read(tmp_path, _changed(0, **cells)).faults if fault.stops_build]
    assert len(faults) == 1
    assert message in str(faults[0])


def test_a_clip_that_is_longer_on_disk_is_cut_and_listed(tmp_path):
    table = mmew.make_mmew(tmp_path)
    pictures.write(mmew.folder(tmp_path, table[2]), range(13, 21), "{}.jpg")
    corpus = Mmew(tmp_path)
    (fault,) = corpus.on_disk(corpus.sheet())[1]
    assert (fault.key, fault.kind, fault.stops_build) == ("S13/S13-07-001", "longer_on_disk", False)
    assert fault.detail == "20 frames on disk, offset 12; the rest is left out"
    clip = corpus.clips()[2]
    assert (clip.offset, clip.offset_used, len(clip.frames)) == (12, 12, 12)


def test_all_faults_of_the_frames_are_listed_at_once(tmp_path):
    table = mmew.make_mmew(tmp_path)
    places = [mmew.folder(tmp_path, row) for row in table]
    shutil.rmtree(places[0])
    (places[1] / "3.jpg").unlink()
    shutil.copytree(places[2], tmp_path / "copy" / places[2].name)
    (places[3] / "1.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:
        Mmew(tmp_path).clips()
    expected = [
        "S03-01-002: annotated, but the folder is missing",
        "frames missing between onset 1 and offset 9: 3; copy it again",
        "S13-07-001 is there twice: ",
        "not a readable image: ",
    ]
    for fault, words in zip(caught.value.faults, expected, strict=True):
        assert words in fault


def test_no_frames_at_all(tmp_path):
    mmew.write_workbook(tmp_path)
    with pytest.raises(DataError, match=r"no frames \(folders such as Micro_Expression"):
        Mmew(tmp_path).clips()


def test_no_annotation(tmp_path):
    with pytest.raises(DataError, match=r"put MMEW_Micro_Exp.xlsx there"):
        Mmew(tmp_path).sheet()


def test_prepared_and_packed(tmp_path):
    table = mmew.make_mmew(tmp_path / "MMEW")
    builder = datasets.prepare("mmew", tmp_path / "MMEW", tmp_path / "data", "cropped")
    packed = pack.load([builder], 32, tmp_path / "data", "host")
    assert len(packed.table) == len(table)
    assert len(packed.frames) == sum(row.offset for row in table)
