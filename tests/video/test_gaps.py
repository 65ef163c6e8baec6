"""Where time is missing: the same in windows and in what is told of a video."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merclip_jax.video import gaps
from merclip_jax.video.decode import Frame

PICTURE = np.zeros((4, 4, 3), np.uint8)


def frames(times):
    return [Frame(i, float(time), PICTURE) for i, time in enumerate(times)]


def found(times, window_ms=300.0):
    """The times of the frames behind gaps."""
    return [frame.time_ms for behind, frame in gaps.marked(frames(times), window_ms) if behind]


@pytest.mark.parametrize("rate", [24, 25, 30, 60, 100, 200, 1000])
def test_even_frames_have_no_gaps_and_a_dropped_second_is_one(rate):
    times = np.arange(0, 3000, 1000 / rate).round(3)
    assert found(times) == []
    dropped = times[(times < 1000) | (times >= 2000)]
    assert found(dropped) == [dropped[dropped >= 2000][0]]


def test_two_frames_that_a_camera_drops_are_no_gap_and_many_are():
    times = np.arange(0, 2000, 40.0)
    assert found(np.delete(times, [10, 11])) == [] and found(np.delete(times, [10, 11, 12])) == [
        520
    ]
    fast = np.arange(0, 2000, 5.0)
    assert found(np.delete(fast, slice(100, 109))) == []  # 50 ms
    assert found(np.delete(fast, slice(100, 110))) == [550]


def test_a_rate_that_falls_with_the_light_is_usual_after_a_while():
    times = [*np.arange(0, 1000, 1000 / 240), *np.arange(1000, 4000, 1000 / 15)]
    late = [time for time in found(times) if time > 2500]
    assert late == [] and found(times)


def test_a_gap_at_the_beginning_is_one():
    assert found([0, *range(5000, 6000, 40)]) == [5000]


def test_an_endless_stream_is_marked_as_it_comes():
    endless = (Frame(i, 10.0 * i, PICTURE) for i in itertools.count())
    assert len(list(itertools.islice(gaps.marked(endless, 300.0), 50))) == 50


@given(st.lists(st.integers(1, 10**7), max_size=80), st.integers(1, 1000))
def test_stretches_are_the_frames_in_order_cut_at_the_gaps(steps, window_ms):
    times = np.cumsum([0, *steps]).tolist()
    parts = [
        [frame.time_ms for frame in part]
        for part in gaps.stretches(frames(times), float(window_ms))
    ]
    assert list(itertools.chain(*parts)) == times
    assert [part[0] for part in parts[1:]] == found(times, float(window_ms))
    for part in parts:
        assert (np.diff(part) < window_ms).all()
