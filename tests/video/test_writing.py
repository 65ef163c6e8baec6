"""Films that are written: what browsers play, at the times of the frames."""

import os

import av
import numpy as np
import pytest
from films import all_of, shade, times

from merclip_jax.errors import DataError
from merclip_jax.video import writing

TIMES = [0.0, 10.0, 20.0, 60.5, 70.0, 2070.0]


def written(path, shown=TIMES, size=(64, 48), form=writing.FOR_BROWSERS):
    with writing.film(path, form, 100.0) as put:
        for i, time in enumerate(shown):
            put(shade(i, size), time)
    return path


def test_a_film_for_browsers_is_h264_with_its_index_first(tmp_path):
    path = written(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    frames = all_of(path)
    assert times(frames) == TIMES
    assert np.median(np.abs(frames[3].image.astype(int) - shade(3))) <= 4


@pytest.mark.parametrize("size", [(65, 47), (1, 1), (64, 49)])
def test_odd_sides_get_a_line_more(tmp_path, size):
    frames = all_of(written(tmp_path / "a.mp4", size=size))
    width, height = (length + length % 2 for length in size)
    assert [frame.image.shape for frame in frames] == [(height, width, 3)] * len(TIMES)


def test_a_clock_that_jumps_years_makes_a_film_that_plays(tmp_path):
    frames = all_of(written(tmp_path / "a.mp4", [0.0, 10.0, 1e12, 1e12 + 10]))
    assert times(frames) == [0, 10, 36_000_010, 36_000_020]


@pytest.mark.parametrize("name", [b"12:30.mp4", b"\xd6\xd0.mp4", b"%03d.mp4"])
def test_a_name_is_a_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    written(type(tmp_path)(os.fsdecode(name)))
    assert os.listdir(os.fsencode(tmp_path)) == [name]


def test_a_film_that_was_not_finished_is_not_there(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        writing.film(tmp_path / "a.mp4", writing.FOR_BROWSERS, 25.0) as put,
    ):
        put(shade(0), 0.0)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_codec_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match=r"a\.mp4: cannot be written as h265x"):
        written(tmp_path / "a.mp4", form=writing.Form("mp4", "h265x", "yuv420p"))


def test_frame_by_frame_keeps_pictures_and_times(tmp_path):
    frames = all_of(written(tmp_path / "a.mkv", form=writing.FRAME_BY_FRAME))
    assert times(frames) == pytest.approx(TIMES, abs=0.51)
    assert np.abs(frames[3].image.astype(int) - shade(3)).max() <= 12
