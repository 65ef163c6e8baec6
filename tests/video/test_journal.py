"""Rows on disk: all that was written comes back, half a line does not."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merclip_jax.errors import DataError
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
    journal = Journal(tmp_path / "rows.jsonl")
    journal.append([ROW])
    journal.append([LOST, ROW])
    journal.close(End(10, 400.0, ("cut off",)))
    again = Journal(tmp_path / "rows.jsonl")
    assert again.rows[0] == ROW and again.rows[2] == ROW
    assert np.isnan(again.rows[1].head_motion)
    assert asdict(replace(again.rows[1], head_motion=0.0)) == asdict(replace(LOST, head_motion=0.0))
    assert again.end == End(10, 400.0, ("cut off",))
    assert ROW.is_read and not LOST.is_read and ROW.middle_ms == pytest.approx(350.05)


@given(st.integers(0, 2000))
def test_wherever_a_file_is_cut_whole_rows_stay_and_writing_goes_on(tmp_path_factory, cut):
    file = tmp_path_factory.mktemp("journal") / "rows.jsonl"
    Journal(file).append([ROW] * 4)
    whole = file.read_bytes()
    cut = min(cut, len(whole))
    file.write_bytes(whole[:cut])
    journal = Journal(file)
    assert journal.rows == [ROW] * (4 * cut // len(whole)) and journal.end is None
    journal.append([ROW] * (4 - len(journal.rows)))
    assert file.read_bytes() == whole


def test_a_damaged_line_is_named(tmp_path):
    file = tmp_path / "rows.jsonl"
    Journal(file).append([ROW, ROW])
    lines = file.read_text().splitlines()
    file.write_text(f"{lines[0]}\nnonsense\n{lines[1]}\n")
    with pytest.raises(DataError, match=r"rows.jsonl, line 2: damaged.*delete the file"):
        Journal(file)
