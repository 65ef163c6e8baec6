"""Rows on disk: all that was written comes back, half a line does not."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merclip_jax.video.journal import End, Journal, Row

ROW = Row(
    person=0,
    start_ms=100.0,
    end_ms=600.1,
    times_ms=(100.0, 1 / 3),
    place=((1.0, 0.0, 2.5), (0.0, 1.0, -3.0)),
    probabilities=(0.1, 0.9),
    units=(),
    nearest=(("raising the chin", 0.25),),
    motion=1.5,
    face=1.0,
    head_motion=0.25,
    blink=False,
    blur=30.0,
    flags=("head moves",),
)
LOST = replace(ROW, place=None, probabilities=(), nearest=(), head_motion=float("nan"))


def test_rows_come_back_as_they_were(tmp_path):
    journal = Journal(tmp_path / "rows.jsonl", "me")
    journal.append([ROW])
    journal.append([LOST, ROW])
    journal.close(End(10, 400.0, ("cut off",)))
    again = Journal(tmp_path / "rows.jsonl", "me")
    assert again.rows[0] == ROW and again.rows[2] == ROW
    assert np.isnan(again.rows[1].head_motion)
    assert asdict(replace(again.rows[1], head_motion=0.0)) == asdict(replace(LOST, head_motion=0.0))
    assert again.end == End(10, 400.0, ("cut off",))
    assert ROW.is_read and not LOST.is_read and ROW.middle_ms == pytest.approx(350.05)


@given(st.integers(0, 2000))
def test_wherever_a_file_is_cut_whole_rows_stay_and_writing_goes_on(tmp_path_factory, cut):
    file = tmp_path_factory.mktemp("journal") / "rows.jsonl"
    Journal(file, "me").append([ROW] * 4)
    whole = file.read_bytes()
    cut = min(cut, len(whole))
    file.write_bytes(whole[:cut])
    journal = Journal(file, "me")
    assert journal.rows == [ROW] * (4 * cut // len(whole)) and journal.end is None
    journal.append([ROW] * (4 - len(journal.rows)))
    assert file.read_bytes() == whole


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_whatever_byte_is_flipped_no_other_row_is_taken(tmp_path_factory, place, flip):
    file = tmp_path_factory.mktemp("journal") / "rows.jsonl"
    rows = [replace(ROW, start_ms=float(i)) for i in range(4)]
    Journal(file, "me").append(rows)
    content = bytearray(file.read_bytes())
    whole = bytes(content)
    place %= len(content)
    content[place] ^= flip
    file.write_bytes(content)
    journal = Journal(file, "me")
    assert journal.rows == rows[: whole[:place].count(b"\n")]
    journal.append(rows[len(journal.rows) :])
    assert file.read_bytes() == whole


def test_a_damaged_line_is_said_and_what_follows_is_dropped(tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    Journal(file, "me").append([ROW, ROW, ROW])
    first, _, last = file.read_text().splitlines()
    file.write_text(f"{first}\nnonsense\n{last}\n")
    assert Journal(file, "me").rows == [ROW]
    assert (
        "rows.jsonl: damaged behind 1 rows; what follows is read again" in capsys.readouterr().err
    )
    assert file.read_text() == f"{first}\n"


def test_lines_left_out_or_of_another_video_are_not_taken(tmp_path):
    file = tmp_path / "rows.jsonl"
    Journal(file, "me").append([ROW, LOST, ROW])
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[2])
    assert Journal(file, "me").rows == [ROW]
    assert Journal(file, "another").rows == [] and file.read_bytes() == b""


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError, match="rows.jsonl"):
        Journal(tmp_path / "gone" / "rows.jsonl", "me").append([ROW])


def test_gaps_and_repeats_come_back(tmp_path):
    end = End(10, 400.0, (), ((0.0, 100.0),), 25.0)
    Journal(tmp_path / "rows.jsonl", "me").close(end)
    assert Journal(tmp_path / "rows.jsonl", "me").end == end
