import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from corpora import casme2

from merclip_jax import tfds_builders
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.casme2.corpus import SUBJECT, Casme2
from merclip_jax.tfds_builders.records import ABSENT

ROWS = casme2.rows(subjects=2, clips_per_subject=2)


def _corpus(root, table, layout="cropped"):
    """Workbook and frames of some rows."""
    casme2.write_workbook(root, table)
    casme2.write_frames(root, table, layout)
    return root


def _read(root, table, corrected=False, **quirks):
    """What the annotation reader makes of some rows."""
    casme2.write_workbook(root, table, **quirks)
    return Casme2(root, corrected=corrected).sheet()


@pytest.mark.parametrize("workbook", ["2014", "2019"])
def test_both_workbooks(tmp_path, workbook):
    sheet = _read(tmp_path, ROWS, workbook=workbook)
    assert sheet.faults == []
    first = sheet.clips[0]
    assert first.clip_id == "casme2/01/EP01_01f"
    assert (first.onset, first.apex, first.offset) == (8, 12, 15)
    assert (first.emotion, first.aus, first.fps) == ("happiness", "12", 200.0)
    assert first.objective_class == (1 if workbook == "2019" else 0)


@pytest.mark.parametrize("quirks", [{"blank_columns": False}, {"title_rows": 5}])
def test_columns_go_by_name_wherever_the_header_is(tmp_path, quirks):
    plain = _read(tmp_path, ROWS).clips
    assert _read(tmp_path, ROWS, **quirks).clips == plain


@pytest.mark.parametrize("subject", ["01", 1, 1.0, "sub01", " 1 "])
def test_subjects_as_text_or_numbers(tmp_path, subject):
    clips = _read(tmp_path, casme2.change(ROWS, 0, subject=subject)).clips
    assert clips[0].subject == "01"


def test_numbers_typed_as_text(tmp_path):
    table = casme2.change(ROWS, 0, onset="8", apex=" 12", offset="15.0", emotion=" Happiness ")
    assert _read(tmp_path, table).clips == _read(tmp_path, ROWS).clips


@pytest.mark.parametrize("apex", ["/", "\\", None, "?"])
def test_an_apex_that_is_no_number_becomes_the_middle(tmp_path, apex):
    clip = _read(tmp_path, casme2.change(ROWS, 0, apex=apex)).clips[0]
    assert (clip.apex, clip.apex_used, clip.apex_valid) == (ABSENT, (8 + 15) // 2, False)


@pytest.mark.parametrize("apex", [7, 16])
def test_an_apex_outside_its_interval_is_kept_and_repaired(tmp_path, apex):
    clip = _read(tmp_path, casme2.change(ROWS, 0, apex=apex)).clips[0]
    assert (clip.apex, clip.apex_used, clip.apex_valid) == (apex, 11, False)


@pytest.mark.parametrize("apex", [8, 15])
def test_an_apex_at_either_end_is_valid(tmp_path, apex):
    clip = _read(tmp_path, casme2.change(ROWS, 0, apex=apex)).clips[0]
    assert (clip.apex_used, clip.apex_valid) == (apex, True)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"onset": 17}, "row 3: 01/EP02_01f: onset 17 comes after offset 16"),
        ({"onset": "/"}, "row 3: onset is '/'"),
        ({"offset": None}, "row 3: offset is"),
        ({"aus": "4+Q7"}, "row 3: action units '4+Q7': token 'q7'"),
        ({"subject": "Anna"}, "row 3: Subject is 'Anna'"),
        ({"clip": None}, "row 3: Filename is empty"),
        ({"clip": "EP01_01f"}, "row 3: casme2/01/EP01_01f has a row already"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_place(tmp_path, cells, message):
    faults = _read(tmp_path, casme2.change(ROWS, 1, **cells)).faults
    assert len(faults) == 1
    assert message in str(faults[0])
    assert faults[0].stops_build


@pytest.mark.parametrize("column", ["Filename", "OnsetFrame", "Action Units", "Estimated Emotion"])
def test_a_workbook_without_a_needed_column(tmp_path, column):
    with pytest.raises(DataError, match=rf"row 1 names the columns, but not {column}"):
        _read(tmp_path, ROWS, without=column)


def test_a_workbook_without_a_header(tmp_path):
    with pytest.raises(DataError, match="no row has a cell 'Subject'"):
        _read(tmp_path, ROWS, without="Subject")


def test_a_workbook_that_is_none(tmp_path):
    book = tmp_path / "CASME2-coding-20190701.xlsx"
    book.write_bytes(b"a cut download")
    with pytest.raises(DataError, match=r"20190701.xlsx: not a readable workbook"):
        Casme2(tmp_path).sheet()


def test_no_workbook(tmp_path):
    (tmp_path / "CASME2-ObjectiveClasses.xlsx").write_bytes(b"")
    (tmp_path / "~$CASME2-coding-20190701.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match="no annotation; put CASME2-coding-20190701"):
        Casme2(tmp_path).annotation()


def test_the_newest_workbook_is_read(tmp_path):
    for date in ("20140508", "20190701"):
        (tmp_path / f"CASME2-coding-{date}.xlsx").write_bytes(date.encode())
    (tmp_path / "CASME2-coding-updated.xlsx").write_bytes(b"")
    assert Casme2(tmp_path).annotation().name == "CASME2-coding-20190701.xlsx"


def test_a_correction_applies_only_to_the_value_it_knows(tmp_path):
    table = casme2.change(
        ROWS, 0, subject="04", clip="EP12_01f", onset=261, apex="/", offset=321, aus="4+7+L10"
    )
    assert _read(tmp_path, table).clips[0].apex_used == 291
    corrected = _read(tmp_path, table, corrected=True).clips[0]
    assert (corrected.apex, corrected.apex_used, corrected.apex_valid) == (ABSENT, 279, False)
    retyped = _read(tmp_path, casme2.change(table, 0, apex=300), corrected=True).clips[0]
    assert (retyped.apex, retyped.apex_used, retyped.apex_valid) == (300, 300, True)


def test_every_correction_gives_reason_and_source():
    for file in Path(tfds_builders.__file__).parent.glob("*/corrections.csv"):
        lines = sheets.corrections(file)
        assert lines
        for line in lines:
            assert all(vars(line).values()), line
            assert line.column in ("onset", "apex", "offset", "aus", "emotion", "frames"), line


@pytest.mark.parametrize("layout", sorted(casme2.FRAMES))
def test_every_layout_gives_the_frames_from_onset_to_offset(tmp_path, layout):
    table = casme2.make_casme2(tmp_path, layout=layout, subjects=2, clips_per_subject=2)
    kind = "raw" if layout.startswith("raw") else "cropped"
    clips = Casme2(tmp_path, kind).clips()
    assert len(clips) == len(table)
    for clip, row in zip(clips, table, strict=True):
        assert clip.frame_numbers == list(range(row.onset, row.offset + 1))
        numbers = [int("".join(filter(str.isdigit, path.stem))) for path in clip.frames]
        assert numbers == clip.frame_numbers
        assert (clip.onset_used, clip.apex_used, clip.offset_used) == (
            row.onset,
            row.apex,
            row.offset,
        )


def test_frames_that_cross_a_power_of_ten_stay_in_order(tmp_path):
    root = _corpus(tmp_path, casme2.change(ROWS, 0, onset=97, apex=100, offset=103))
    names = [path.name for path in Casme2(root).clips()[0].frames]
    assert names[:5] == [f"reg_img{n}.jpg" for n in (97, 98, 99, 100, 101)]


def test_selected_and_updated_frames_go_first(tmp_path):
    for name in ("CASME2-RAW", "CASME2_RAW_selected", "Cropped", "Cropped-updated/Cropped"):
        (tmp_path / name / "sub01" / "EP01_01f").mkdir(parents=True)
    for layout, best in (
        ("raw", "CASME2_RAW_selected"),
        ("cropped", "Cropped-updated/Cropped"),
    ):
        assert frames.find_root(tmp_path, layout, SUBJECT, "") == tmp_path / best


def test_the_other_layout_is_named_when_the_wanted_one_is_absent(tmp_path):
    root = _corpus(tmp_path, ROWS, "raw_selected")
    with pytest.raises(DataError, match="no cropped frames.*found: CASME2_RAW_selected"):
        Casme2(root).clips()


def test_all_faults_are_listed_at_once(tmp_path):
    table = casme2.rows(subjects=3, clips_per_subject=2)
    root = _corpus(tmp_path, table)
    casme2.write_workbook(root, casme2.change(table, 5, aus="4+Q7"))
    clips = [root / "Cropped" / f"sub{row.subject}" / row.clip for row in table]
    shutil.rmtree(clips[0])
    (clips[1] / "reg_img11.jpg").unlink()
    (clips[2] / "reg_img8.jpg").write_bytes(b"no picture")
    shutil.copy(clips[3] / "reg_img9.jpg", clips[3] / "img9.jpg")
    for path in clips[4].iterdir():
        path.unlink()
    with pytest.raises(DataError) as caught:
        Casme2(root).clips()
    faults = caught.value.faults
    assert len(faults) == 6
    expected = [
        "row 7: action units '4+Q7'",
        "sub01/EP01_01f: annotated, but the folder is missing",
        "EP02_01f: frames missing between onset 9 and offset 16: 11;",
        "not a readable image: ",
        "img9.jpg and reg_img9.jpg are both frame 9",
        "EP01_03f: frames missing between onset 8 and offset 15: 8, 9, 10, 11, 12, 13, 14, 15;",
    ]
    for fault, words in zip(faults, expected, strict=True):
        assert words in fault
    assert "sub02/EP01_02f/reg_img8.jpg" in faults[3]


def test_a_first_picture_cut_short_behind_a_sound_header_is_found(tmp_path):
    root = _corpus(tmp_path, ROWS)
    frame = root / "Cropped" / "sub01" / "EP01_01f" / "reg_img8.jpg"
    frame.write_bytes(frame.read_bytes()[:30])
    with pytest.raises(DataError, match=r"not a readable image: .*reg_img8.jpg"):
        Casme2(root).clips()


def test_the_clip_known_to_be_short_is_taken_as_it_is(tmp_path):
    table = casme2.change(ROWS, 0, subject="16", clip="EP01_08", onset=1, apex=30, offset=24)
    casme2.write_frames(tmp_path, table)
    casme2.write_workbook(tmp_path, casme2.change(table, 0, offset=38))
    clip = Casme2(tmp_path).clips()[0]
    assert (clip.offset, clip.offset_used, len(clip.frames)) == (38, 24, 24)
    assert (clip.apex, clip.apex_used, clip.apex_valid) == (30, 24, False)
    with pytest.raises(DataError, match="frames missing between onset 1 and offset 38: 25, 26"):
        Casme2(tmp_path, corrected=False).clips()


def test_the_fake_pictures_move(tmp_path):
    root = _corpus(tmp_path, ROWS)
    clip = Casme2(root).clips()[0]
    onset, apex = (cv2.imread(str(clip.frames[i])).astype(int) for i in (0, 4))
    assert np.abs(apex - onset).max() > 50
