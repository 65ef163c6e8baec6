import shutil
from dataclasses import replace

import pytest
from corpora import casme_sq

from merclip_jax.data import datasets, pack
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.casme_sq.corpus import CasmeSq

ROWS = casme_sq.rows()
MICRO = ROWS[1:]


def _read(root, table, **quirks):
    """What the annotation reader makes of some rows."""
    casme_sq.write_workbook(root, table, **quirks)
    return CasmeSq(root).sheet()


@pytest.mark.parametrize("sheet", ["CASFEcode_final", "CASMEcode_final"])
@pytest.mark.parametrize(
    "name",
    [casme_sq.BOOK, "CAS(ME)2code_final.xlsx", "code_final.xlsx", "code_final(Updated).xlsx"],
)
def test_the_micro_expressions_of_a_workbook_without_headers(tmp_path, name, sheet):
    read = _read(tmp_path, ROWS, name=name, sheet=sheet)
    assert read.faults == []
    assert [clip.clip_id for clip in read.clips] == [
        *("casme_sq/s15/anger1_2", "casme_sq/s15/disgust1_1"),
        *("casme_sq/s16/anger1_1", "casme_sq/s40/happy4_3"),
    ]
    second = read.clips[1]
    assert (second.onset, second.apex, second.offset, second.apex_valid) == (1, 4, 6, True)
    assert (second.emotion, second.aus, second.fps) == ("positive", "12", 30.0)


def test_an_updated_workbook_goes_first_and_that_of_blinks_is_none(tmp_path):
    (tmp_path / "CAS(ME)^2blink-code.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match=r"no annotation; put CAS\(ME\)\^2code_final.xlsx there"):
        CasmeSq(tmp_path).annotation()
    for name in (casme_sq.BOOK, "CAS(ME)^2code_final(Updated).xlsx"):
        (tmp_path / name).write_bytes(b"")
    assert CasmeSq(tmp_path).annotation().name == "CAS(ME)^2code_final(Updated).xlsx"


def test_an_offset_0_is_the_apex(tmp_path):
    read = _read(tmp_path, [replace(MICRO[0], offset=0), *MICRO[1:]])
    clip = read.clips[0]
    assert (clip.onset, clip.apex, clip.offset, clip.apex_valid) == (96, 99, 0, False)
    assert (clip.onset_used, clip.apex_used, clip.offset_used) == (96, 99, 99)
    assert [(str(fault), fault.kind, fault.stops_build) for fault in read.faults] == [
        ("s15/anger1_2: offset 0; the apex 99 is used as the offset", "interval", False)
    ]


@pytest.mark.parametrize("apex", [0, "0", None])
def test_an_apex_0_is_the_middle(tmp_path, apex):
    read = _read(tmp_path, [replace(MICRO[1], onset=0, apex=apex, offset=6)])
    clip = read.clips[0]
    assert (clip.apex, clip.apex_used) == (-1 if apex is None else 0, 3)
    assert [(fault.key, fault.kind, fault.stops_build) for fault in read.faults] == [
        ("s15/disgust1_1", "apex", False)
    ]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"subject": 9}, "row 1: participant 9 has no folder in the sheet 'naming rule1'"),
        ({"subject": "Subject"}, "row 1: the participant is 'Subject', not a number; correct it"),
        ({"clip": None}, "row 1: the expression's name is empty"),
        ({"type": None}, "row 1: anger1_2: the type is None, neither macro- nor micro-expression"),
        ({"offset": "/"}, "row 1: offset is '/', not a frame number"),
        ({"apex": 0, "offset": 0}, "row 1: s15/anger1_2: onset 96 comes after offset 0"),
        ({"aus": "4;7"}, "row 1: action units '4;7'"),
        ({"clip": "disgust1_1"}, "row 2: casme_sq/s15/disgust1_1 has a row already"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_place(tmp_path, cells, message):
    faults = _read(tmp_path, [replace(MICRO[0], **cells), *MICRO[1:]]).faults
    assert len(faults) == 1
    assert message in str(faults[0])
    assert faults[0].stops_build


def test_a_workbook_without_its_rules_or_columns(tmp_path):
    with pytest.raises(DataError, match=r"code_final.xlsx: no sheet 'naming rule1' that gives"):
        _read(tmp_path, ROWS, people=None)
    with pytest.raises(DataError, match="no sheet has rows of the 8 columns subject, clip"):
        _read(tmp_path, ROWS, columns=6)


@pytest.mark.parametrize("layout", sorted(casme_sq.FRAMES))
def test_every_layout_gives_the_frames_from_onset_to_offset(tmp_path, layout):
    casme_sq.make_casme_sq(tmp_path, layout)
    found = CasmeSq(tmp_path, layout).clips()
    assert len(found) == len(MICRO)
    for clip, row in zip(found, MICRO, strict=True):
        assert clip.frame_numbers == list(range(row.onset, row.offset + 1))
    assert found[0].frames[4].name == "img100.jpg"
    names = [path.name for path in found[2].frames[4:6]]
    assert names == ["img999.jpg", "img1000.jpg"]
    folders = {path.parent.name for clip in found for path in clip.frames}
    long = {"15_0401anger", "15_0101disgust", "16_0401anger", "40_0507happy"}
    assert folders == (long if layout == "raw" else {row.clip for row in MICRO})


@pytest.mark.parametrize("code", [101, "101", "0101"])
def test_a_code_that_lost_its_leading_zero(tmp_path, code):
    casme_sq.write_frames(tmp_path, [ROWS[2]], "raw")
    casme_sq.write_workbook(tmp_path, [ROWS[2]], codes={"Disgust1": code})
    assert len(CasmeSq(tmp_path, "raw").clips()[0].frames) == 6


def test_a_longer_code_is_another_video(tmp_path):
    casme_sq.make_casme_sq(tmp_path, "raw")
    (tmp_path / "rawpic/s15/15_04010").mkdir()
    assert CasmeSq(tmp_path, "raw").clips()[0].frames[0].parent.name == "15_0401anger"


def test_subject_folders_without_their_letter(tmp_path):
    casme_sq.make_casme_sq(tmp_path)
    for folder in (tmp_path / "cropped").iterdir():
        folder.rename(folder.with_name(folder.name[1:]))
    found = CasmeSq(tmp_path).clips()
    assert [clip.subject for clip in found] == ["s15", "s15", "s16", "s40"]


def test_the_crops_are_the_default_and_no_layout_stands_in_for_another(tmp_path):
    casme_sq.make_casme_sq(tmp_path)
    assert CasmeSq(tmp_path).layout == "cropped"
    for layout in ("raw", "selected"):
        with pytest.raises(DataError, match=f"no {layout} frames.*found: cropped, rawvideo"):
            CasmeSq(tmp_path, layout).clips()


def test_all_faults_are_listed_at_once(tmp_path):
    casme_sq.make_casme_sq(tmp_path, "raw")
    codes = {name: code for name, code in casme_sq.CODES.items() if name != "happy4"}
    casme_sq.write_workbook(tmp_path, ROWS, codes=codes)
    (tmp_path / "rawpic/s15/15_0401anger/img098.jpg").unlink()
    shutil.rmtree(tmp_path / "rawpic/s15/15_0101disgust")
    with pytest.raises(DataError) as caught:
        CasmeSq(tmp_path, "raw").clips()
    expected = (
        "frames missing between onset 96 and offset 103: 98; copy it again",
        "s15/15_0101...: annotated, but the folder is missing",
        "happy4_3: the sheet 'naming rule2' has no code for 'happy4'",
    )
    for fault, words in zip(caught.value.faults, expected, strict=True):
        assert words in fault


@pytest.mark.parametrize("layout", ["cropped", "raw"])
def test_it_is_prepared_and_read(tmp_path, layout):
    casme_sq.make_casme_sq(tmp_path / "corpus", layout)
    builder = datasets.prepare("casme_sq", tmp_path / "corpus", tmp_path / "data", layout)
    loaded = pack.load([builder], 32, tmp_path / "data", "host")
    assert list(loaded.table["emotion"]) == ["negative", "positive", "surprise", "others"]
    assert list(loaded.table["n_frames"]) == [row.offset - row.onset + 1 for row in MICRO]
