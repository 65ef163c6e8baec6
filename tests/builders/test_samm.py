from dataclasses import replace

import pytest
from corpora import samm

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.samm.corpus import Samm

ROWS = samm.rows(2)


@pytest.mark.parametrize(
    ("preamble", "name"),
    [(True, samm.BOOK), (False, "SAMM.xlsx"), (False, "SAMM_20181215_Micro_FACS_Codes_v2.xlsx")],
)
def test_every_copy_of_the_workbook(tmp_path, preamble, name):
    samm.write_workbook(tmp_path, ROWS, preamble, name)
    sheet = Samm(tmp_path).sheet()
    assert sheet.faults == []
    first = sheet.clips[0]
    assert first.clip_id == "samm/006/006_1_1"
    assert (first.onset, first.apex, first.offset) == (91, 98, 105)
    assert (first.emotion, first.aus, first.fps, first.objective_class) == ("anger", "4+7", 200, 7)
    assert [clip.aus for clip in sheet.clips[:4]] == [row.aus for row in ROWS[:4]]


@pytest.mark.parametrize("subject", ["006", 6, "6"])
def test_leading_zeros_that_a_copy_lost_come_back(tmp_path, subject):
    samm.write_workbook(tmp_path, [replace(ROWS[0], subject=subject), *ROWS[1:]])
    assert Samm(tmp_path).sheet().clips[0].subject == "006"


def test_frames_padded_to_four_and_to_five_digits(tmp_path):
    table = samm.make_samm(tmp_path)
    clips = Samm(tmp_path).clips()
    assert len(clips) == len(table)
    for clip, row in zip(clips, table, strict=True):
        assert clip.frame_numbers == list(range(row.onset, row.offset + 1))
    names = [clip.frames[0].name for clip in clips[:2]]
    assert names == ["006_0091.jpg", "006_00092.jpg"]


def test_the_workbook_may_lie_among_the_frames(tmp_path):
    table = samm.rows(1)
    samm.write_frames(tmp_path, table, "kit/SAMM_CROP")
    samm.write_workbook(tmp_path / "kit" / "SAMM_CROP", table)
    assert len(Samm(tmp_path, "cropped").clips()) == 4
    with pytest.raises(DataError, match="no raw frames.*found: kit/SAMM_CROP"):
        Samm(tmp_path, "raw").clips()


def test_known_apexes_outside_their_interval_are_corrected(tmp_path):
    row = samm.Row("028", "028_4_1", 1100, 1143, 1134, "4", "Anger")
    samm.write_workbook(tmp_path, [*ROWS, row])
    published, corrected = (Samm(tmp_path, corrected=on).sheet() for on in (False, True))
    assert (published.clips[-1].apex_used, corrected.clips[-1].apex_used) == (1117, 1105)
    assert (published.clips[-1].apex, published.clips[-1].apex_valid) == (1143, False)
    assert [(fault.key, fault.kind) for fault in published.faults] == [("028/028_4_1", "apex")]
    assert not published.faults[0].stops_build
    assert corrected.faults == []
    assert [line.key for line in corrected.corrections] == ["028/028_4_1"]


def test_a_missing_frame_stops_the_build(tmp_path):
    table = samm.make_samm(tmp_path)
    (tmp_path / "SAMM" / "006" / "006_1_1" / "006_0093.jpg").unlink()
    with pytest.raises(DataError) as caught:
        Samm(tmp_path).clips()
    assert len(caught.value.faults) == 1
    assert "onset 91 and offset 105: 93; copy it again" in caught.value.faults[0]
    assert table
