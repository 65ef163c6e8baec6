import shutil
from dataclasses import replace

import pytest
from corpora import casme3

from merclip_jax.data import datasets, pack
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.casme3.corpus import Casme3

ROWS = casme3.rows()
COLOR = f"{casme3.TREE}/{{}}/{{}}/color"
BROKEN = [  # clip, row as published, (onset, apex, offset) as corrected
    ("spNO.149/d/112", ("spNO.149", "d", "112", "83", "358"), (112, 160, 358)),
    ("spNO.214/c/5", ("spNO.214", "c", "5", "5", "3460"), (5, 5, 34)),
    ("spNO.216/d/3647", ("spNO.216", "d", "3647", "2668", "2694"), (2647, 2668, 2694)),
    ("spNO.216/e/1", ("spNO.216", "e", "0", "0", "25"), (1, 17, 25)),
    ("spNO.40/e/1812", ("spNO.40", "e", "1812", "1824", "0"), (1812, 1824, 1845)),
    ("spNO.40/e/2327", ("spNO.40", "e", "2327", "2363", "0"), (2327, 2363, 2403)),
]


def _sheet(root, table, corrected=True):
    casme3.write_workbook(root, table)
    return Casme3(root, corrected=corrected).sheet()


def test_a_workbook_of_text_among_junk_sheets(tmp_path):
    sheet = _sheet(tmp_path, ROWS)
    assert sheet.faults == []
    keys = [clip.key for clip in sheet.clips]
    assert keys[:3] == ["spNO.1/a/8", "spNO.1/a/98", "spNO.1/e/20"]
    assert keys[3:5] == ["spNO.14/J/12", "spNO.14/j/13"]
    first = sheet.clips[0]
    assert (first.onset, first.apex, first.offset, first.fps) == (8, 12, 15, 30)
    assert [clip.objective_class for clip in sheet.clips] == [2, 2, 1, 7, 7, 4]
    assert [clip.emotion for clip in sheet.clips[1:4]] == ["surprise", "others", "happy"]
    assert sheet.clips[2].apex_valid  # apex and onset are one, as in 55 rows


@pytest.mark.parametrize(("key", "cells", "used"), BROKEN)
def test_known_errors_are_corrected(tmp_path, key, cells, used):
    sheet = _sheet(tmp_path, [*ROWS, casme3.Row(*cells)])
    clip = sheet.clips[-1]
    assert clip.key == key
    assert (clip.onset_used, clip.apex_used, clip.offset_used) == used
    assert (clip.onset, clip.apex, clip.offset) == tuple(map(int, cells[2:]))
    assert {line.key for line in sheet.corrections} == {key}
    assert sheet.faults == []


def test_without_corrections_impossible_intervals_stop(tmp_path):
    sheet = _sheet(tmp_path, [casme3.Row(*cells) for _, cells, _ in BROKEN], corrected=False)
    stopping = [str(fault) for fault in sheet.faults if fault.stops_build]
    assert [fault.split(": ", 1)[1].partition("; see")[0] for fault in stopping] == [
        "spNO.216/d/3647: onset 3647 comes after offset 2694",
        "spNO.40/e/1812: onset 1812 comes after offset 0",
        "spNO.40/e/2327: onset 2327 comes after offset 0",
    ]
    assert stopping[0].startswith(f"{casme3.BOOK}, sheet label, row 4: ")
    assert [fault.key for fault in sheet.faults if not fault.stops_build] == ["spNO.149/d/112"]


def test_the_clip_from_frame_nought_keeps_its_name_without_corrections(tmp_path):
    row = casme3.Row("spNO.216", "e", "0", "0", "25")
    casme3.write_frames(tmp_path, [row])
    casme3.write_workbook(tmp_path, [row])
    clip = Casme3(tmp_path, corrected=False).clips()[0]
    assert (clip.clip, clip.onset, clip.onset_used, clip.apex_used) == ("e/1", 0, 1, 1)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"subject": "1"}, "row 2: Subject is '1', not like 'spNO.1'"),
        ({"video": None}, "row 2: Filename is empty"),
        ({"onset": "/"}, "row 2: spNO.1/a: Onset is '/', not a frame number"),
        ({"offset": None}, "row 2: offset is"),
        ({"objective": "VIII"}, "row 2: Objective class is 'VIII', not one of I to VII"),
        ({"aus": "4+Q7"}, "row 2: action units '4+Q7'"),
        ({"onset": "98"}, "row 3: casme3/spNO.1/a/98 has a row already"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_place(tmp_path, cells, message):
    table = [replace(ROWS[0], offset="104"), *ROWS[1:]]
    faults = _sheet(tmp_path, [replace(table[0], **cells), *table[1:]]).faults
    assert [fault.stops_build for fault in faults if message in str(fault)] == [True]


def test_the_first_version_of_the_workbook_is_never_read(tmp_path):
    name = "cas(me)3_part_A_ME_label_JpgIndex_v1.xls"
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="921 rows, is not read.*860 rows of cas.*_v2.xlsx"):
        Casme3(tmp_path).sheet()
    casme3.write_workbook(tmp_path, ROWS)
    assert Casme3(tmp_path).sheet().source.name == casme3.BOOK


def test_no_workbook(tmp_path):
    (tmp_path / "CAS(ME)3_part_A_v2.xls").write_bytes(b"")
    with pytest.raises(DataError, match=r"put cas\(me\)3_part_A_ME.*found: CAS\(ME\)3_part_A_v2"):
        Casme3(tmp_path).sheet()


@pytest.mark.parametrize(
    ("layout", "tree", "inside", "name"),
    [
        ("color", casme3.TREE, "color", "{}.jpg"),
        ("color", "part_A", "color", "{}.png"),
        ("color", ".", "", "{}.jpg"),
        ("cropped", "data/part_A_short_cropped", "color", "{}.jpg"),
        ("cropped", "CROPS", "", "{}.png"),
    ],
)
def test_every_layout(tmp_path, layout, tree, inside, name):
    root = tmp_path / "CASME3"
    casme3.write_workbook(root, ROWS)
    casme3.write_frames(root, ROWS, tree, inside, name)
    found = Casme3(root, layout).clips()
    assert [clip.frame_numbers for clip in found] == [
        list(range(int(row.onset), int(row.offset) + 1)) for row in ROWS
    ]
    assert [path.stem for path in found[1].frames[:3]] == ["98", "99", "100"]
    assert {path.parent.name for path in found[1].frames} == {inside or "a"}


def test_whole_pictures_are_never_taken_for_crops(tmp_path):
    casme3.make_casme3(tmp_path)
    with pytest.raises(DataError, match="no cropped frames.*crop in its path.*part_A_split"):
        Casme3(tmp_path, "cropped").clips()


def test_crops_beside_whole_pictures_are_told_apart(tmp_path):
    casme3.make_casme3(tmp_path)
    casme3.write_frames(tmp_path, ROWS, "part_A/data/part_A_cropped")
    for layout, place in (("color", "part_A_split"), ("cropped", "part_A_cropped")):
        found = Casme3(tmp_path, layout).clips()
        assert all(place in str(path) for clip in found for path in clip.frames)


def test_an_archive_unpacked_in_pieces(tmp_path):
    casme3.write_workbook(tmp_path, ROWS)
    casme3.write_frames(tmp_path, ROWS[:5], "piece_1/part_A")
    casme3.write_frames(tmp_path, ROWS[5:], "piece_2/part_A")
    assert len(Casme3(tmp_path).clips()) == len(ROWS)


def test_frames_that_the_authors_lost_do_not_stop(tmp_path):
    casme3.make_casme3(tmp_path)
    folder = tmp_path / COLOR.format("spNO.217", "m")
    for number in (4, 5, 7):
        (folder / f"{number}.jpg").unlink()
    corpus = Casme3(tmp_path)
    clip = corpus.clips()[-1]
    assert clip.frame_numbers == [6, 8, 9, 10, 11]
    assert (clip.onset, clip.onset_used, clip.apex_used) == (4, 6, 6)
    assert not clip.apex_valid
    faults = corpus.on_disk(corpus.sheet())[1]
    assert [(fault.key, fault.kind, fault.stops_build) for fault in faults] == [
        ("spNO.217/m/4", "missing_frames", False)
    ]
    assert "between onset 4 and offset 11: 4, 5, 7;" in faults[0].detail


def test_a_clip_without_any_frame_stops(tmp_path):
    casme3.make_casme3(tmp_path)
    for number in range(98, 105):
        (tmp_path / COLOR.format("spNO.1", "a") / f"{number}.jpg").unlink()
    shutil.rmtree(tmp_path / casme3.TREE / "spNO.217")
    with pytest.raises(DataError) as caught:
        Casme3(tmp_path).clips()
    assert len(caught.value.faults) == 2
    assert "spNO.1/a/98: " in caught.value.faults[0]
    assert "spNO.217/m: annotated, but the folder is missing" in caught.value.faults[1]


@pytest.mark.parametrize("linked", [False, True])
def test_videos_merged_by_a_file_system_without_case(tmp_path, linked):
    casme3.make_casme3(tmp_path)
    person = tmp_path / casme3.TREE / "spNO.14"
    shutil.rmtree(person / "J")
    if linked:  # 'J' opens the folder 'j', as where case says nothing
        (person / "J").symlink_to(person / "j")
    with pytest.raises(DataError) as caught:
        Casme3(tmp_path).clips()
    assert "spNO.14: the videos J and j are two, but" in caught.value.faults[0]
    assert len(caught.value.faults) == (2 if linked else 1)


@pytest.mark.parametrize("layout", ["color", "cropped"])
def test_from_disk_to_packed_clips(tmp_path, layout):
    root = tmp_path / "CASME3"
    table = casme3.make_casme3(root)
    casme3.write_frames(root, table, "cropped")
    builder = datasets.prepare("casme3", root, tmp_path / "data", layout)
    packed = pack.load([builder], 32, tmp_path / "data", "host")
    lengths = [int(row.offset) - int(row.onset) + 1 for row in table]
    assert sorted(packed.table["n_frames"]) == sorted(lengths)
    assert len(packed.frames) == sum(lengths)
