"""Motion of the skin, events found in it, and the score of that by hand and by property."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merclip_jax.data import motion as skin
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.scoring import spotting
from merclip_jax.scoring.spotting import iou, match, megc_scores
from merclip_jax.tfds_builders.synthetic_me import clips, long_videos, story
from merclip_jax.tfds_builders.synthetic_me.corpus import THREE_CLASSES, Corpus
from merclip_jax.video.motion import energy
from merclip_jax.video.spotting import spot

CORPUS = Corpus.micro(frames=16, emotions=THREE_CLASSES)
PEOPLE = range(400_000, 400_003)


def motion_energy(frames):
    return energy(skin.motion(frames))


def filmed(person, **changes):
    """A window of a person in which nothing happens but the changes given."""
    told = story.tell(CORPUS, person, 0)
    still = {form: np.full(16, values[0]) for form, values in told.strengths.items()}
    still[story.SPEECH] = np.zeros(16)
    moved = changes.pop("strengths", {})
    at_rest = replace(
        told,
        strengths=still | {form: still.get(form, 0) + values for form, values in moved.items()},
        closed=np.zeros(16),
        head=np.zeros((16, 3)),
        gain=np.ones(16),
    )
    rig = clips.identity(CORPUS.seed, person, CORPUS.size)
    return clips.film(rig, replace(at_rest, **changes), CORPUS.noise)


RISE = story.expression(16, 2, 6, 8, 14)
ONWARD = np.linspace(0, 1, 16)


@pytest.mark.parametrize("person", PEOPLE)
def test_a_small_smile_moves_more_than_light_blink_and_head(person):
    smile = motion_energy(filmed(person, strengths={"12": 1.5 * RISE}))
    others = {
        "rest": filmed(person),
        "light": filmed(person, gain=1 + 0.05 * ONWARD),
        "blink": filmed(person, closed=np.clip(1.2 - np.abs(np.arange(16) - 8) / 5, 0, 1)),
        "shift": filmed(person, head=np.outer(ONWARD, [3.0, 3.0, 0.0])),
        "roll": filmed(person, head=np.outer(ONWARD, [0.0, 0.0, 1.5])),
    }
    assert {
        name: motion_energy(frames) < smile for name, frames in others.items()
    } == dict.fromkeys(others, True)


def test_energy_grows_with_the_movement():
    energies = [
        motion_energy(filmed(400_000, strengths={"4": size * RISE}))
        for size in (0.0, 1.0, 2.0, 4.0)
    ]
    assert np.all(np.diff(energies) > 0)


def test_energy_is_relative_to_the_picture():
    frames = filmed(400_001, strengths={"12": 2 * RISE})
    twice = frames.repeat(2, axis=1).repeat(2, axis=2)
    assert motion_energy(twice) == pytest.approx(motion_energy(frames), rel=0.1)


def test_energy_is_the_spread_of_a_known_shift():
    """A texture whose one cheek slides to and fro: place, and so its spread, are known."""
    rng = np.random.default_rng(0)
    side, count = 112, 16
    rough = np.kron(rng.uniform(40, 200, (28, 28)), np.ones((4, 4)))
    x = np.arange(side)
    place = 0.7 * np.cos(np.pi * (np.arange(count) + 0.5) / count)  # its spread: 0.7 / sqrt(2)
    rows, columns = slice(56, 84), slice(63, 98)
    frames = np.repeat(rough[None], count, axis=0)
    for frame, shift in zip(frames, place, strict=True):
        for row in range(rows.start, rows.stop):
            frame[row, columns] = np.interp(x - shift, x, rough[row])[columns]
    found = motion_energy(np.repeat(frames[..., None], 3, axis=3).round().astype(np.uint8))
    true = 0.7 / np.sqrt(2) * 224 / side
    assert 0.5 * true < found < 1.1 * true


@pytest.mark.parametrize("frames", [np.zeros((5, 32, 32, 3)), np.full((1, 32, 32, 3), 9)])
def test_nothing_to_see_has_no_energy(frames):
    assert motion_energy(frames.astype(np.uint8)) == 0


def bumps(*events, step=50.0, length=10_000.0, rest=0.12):
    """Times, and a motion that is `rest` but for events (middle, width, height)."""
    times = np.arange(0.0, length, step)
    motion = rest * np.exp(0.05 * np.random.default_rng(0).standard_normal(len(times)))
    for middle, width, height in events:
        motion += height * (np.abs(times - middle) < width / 2)
    return times, motion


def test_events_are_found_where_they_are():
    times, motion = bumps((2_000, 300, 0.8), (6_000, 400, 0.5))
    found = spot(times, motion)
    assert [round(event.apex_ms, -2) for event in found] == [2_000, 6_000]
    for event, (low, high) in zip(found, [(1_850, 2_150), (5_800, 6_200)], strict=True):
        assert event.onset_ms == pytest.approx(low, abs=60)
        assert event.offset_ms == pytest.approx(high, abs=60)
        assert event.onset_ms < event.apex_ms < event.offset_ms
    assert found[0].score > found[1].score


def test_rest_and_long_movement_are_no_events():
    assert spot(*bumps()) == []
    assert spot(*bumps((4_000, 1_500, 0.8))) == []
    assert spot(*bumps((4_000, 700, 0.8))) == []
    assert len(spot(*bumps((4_000, 700, 0.8)), longest_ms=1_000.0)) == 1


def test_what_comes_again_and_again_is_usual():
    """A bout of speech: each syllable alone would be an event."""
    syllables = [(middle, 240, 0.3) for middle in range(3_000, 6_000, 300)]
    assert len(spot(*bumps(syllables[0]))) == 1
    assert spot(*bumps(*syllables)) == []
    (event,) = spot(*bumps(*syllables, (8_000, 300, 0.4)))
    assert event.apex_ms == pytest.approx(8_000, abs=60)


def test_a_noisy_camera_is_no_lively_face():
    times, motion = bumps((3_000, 300, 0.9))
    (event,) = spot(times, motion)
    assert spot(times, motion + 10) == []
    (louder,) = spot(times, 7 * motion)
    assert louder.apex_ms == event.apex_ms


def test_motion_far_below_what_can_be_measured_is_no_event():
    times, motion = bumps((3_000, 300, 0.9))
    assert spot(times, motion / 100) == []


def test_no_event_crosses_a_gap():
    times, motion = bumps((3_000, 400, 0.9))
    lost = np.where((times > 2_950) & (times < 5_000), np.nan, motion)
    assert all(event.offset_ms <= 3_050 for event in spot(times, lost))
    kept = (times <= 2_950) | (times >= 5_000)
    assert all(event.offset_ms <= 3_050 for event in spot(times[kept], motion[kept]))


def test_years_without_windows_change_no_event():
    times, motion = bumps((2_000, 300, 0.8), (6_000, 400, 0.5))
    years = np.concatenate([times, times + 1e12])
    found = spot(years, np.concatenate([motion, motion]))
    apexes = [round(event.apex_ms % 1e12, -2) for event in found]
    assert apexes == [2_000, 6_000] * 2 and found[2].apex_ms > 1e12


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_windows_hold_no_event(count):
    assert spot(np.arange(count) * 50.0, np.ones(count)) == []


def test_nothing_seen_holds_no_event():
    assert spot(np.arange(9) * 50.0, np.zeros(9)) == []
    assert spot(np.arange(9) * 50.0, np.full(9, np.nan)) == []


def test_times_must_grow():
    with pytest.raises(DataError, match="do not grow"):
        spot(np.array([0.0, 50.0, 50.0, 100.0]), np.ones(4))


def table(*rows, emotions=None):
    made = pd.DataFrame(rows, columns=["video", "onset_ms", "offset_ms"])
    return made if emotions is None else made.assign(emotion=emotions)


def test_iou_by_hand():
    found = iou(np.array([[0.0, 100.0]]), np.array([[50.0, 150.0], [0.0, 50.0], [200.0, 300.0]]))
    np.testing.assert_allclose(found, [[50 / 150, 0.5, 0.0]])
    assert iou(np.array([[5.0, 5.0]]), np.array([[5.0, 5.0]])) == 0


def test_scores_by_hand():
    """Three events, one found exactly, one at IoU 0.5, one missed; one spot in the wrong video."""
    truth = table(("a", 0, 100), ("a", 200, 400), ("b", 0, 100), emotions=["x", "y", "x"])
    spots = table(("a", 0, 100), ("a", 200, 300), ("c", 0, 100), emotions=["x", "x", "x"])
    scores = megc_scores(truth, spots, ("x", "y"))
    assert (scores.tp, scores.fp, scores.fn) == (2, 1, 1)
    assert scores.precision == scores.recall == scores.f1 == pytest.approx(2 / 3)
    assert scores.recognition_f1 == pytest.approx(
        (2 / 3 + 0) / 2
    )  # x: 1 right, 1 too many; y: none
    assert scores.strs == pytest.approx(2 / 3 * 1 / 3)


def test_an_event_counts_once_and_so_does_a_spot():
    truth, spots = table(("a", 0, 100)), table(("a", 0, 100), ("a", 10, 110))
    assert (megc_scores(truth, spots).tp, megc_scores(truth, spots).fp) == (1, 1)
    assert (megc_scores(spots, truth).tp, megc_scores(spots, truth).fn) == (1, 1)
    np.testing.assert_array_equal(match(truth, spots), [[0, 0]])  # the better one


def test_as_many_pairs_as_can_be():
    """The best single pair (IoU 0.9) would leave the other event without its only spot."""
    truth, spots = table(("a", 0, 100), ("a", 40, 150)), table(("a", 10, 100), ("a", -40, 60))
    assert iou(*(t[["onset_ms", "offset_ms"]].to_numpy(float) for t in (truth, spots)))[0, 0] == 0.9
    loose = match(truth, spots, 0.4)
    np.testing.assert_array_equal(loose, [[0, 1], [1, 0]])


def test_nothing_at_all():
    empty, some = table(), table(("a", 0, 1))
    assert megc_scores(empty, empty).f1 == 0
    assert megc_scores(some, empty).fn == megc_scores(empty, some).fp == 1


def test_bad_tables_are_told():
    with pytest.raises(DataError, match="spots has no column 'offset_ms'"):
        megc_scores(table(), table().drop(columns="offset_ms"))
    with pytest.raises(DataError, match="row 1: offset 5.0 ms lies before onset 9.0 ms"):
        megc_scores(table(("a", 0, 1), ("a", 9, 5)), table())
    with pytest.raises(DataError, match="no column 'emotion'"):
        megc_scores(table(("a", 0, 1)), table(), ("x",))
    with pytest.raises(DataError, match="emotion 'z'"):
        megc_scores(table(emotions=[]), table(("a", 0, 1), emotions=["z"]), ("x",))


def test_false_alarms_per_minute():
    rate = spotting.false_alarms_per_minute
    np.testing.assert_allclose(rate(np.array([3, 0]), 90_000.0), [2, 0])
    with pytest.raises(DataError, match="some time"):
        rate(np.array([0]), 0.0)


intervals = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 50), st.integers(1, 20)).map(
        lambda row: (row[0], row[1] * 10, (row[1] + row[2]) * 10)
    ),
    max_size=8,
)


@settings(max_examples=50, deadline=None)
@given(intervals)
def test_perfect_spotting_is_one(rows):
    scores = megc_scores(table(*rows), table(*rows))
    assert (scores.tp, scores.fp, scores.fn) == (len(rows), 0, 0)
    assert scores.f1 == float(bool(rows))


@settings(max_examples=50, deadline=None)
@given(intervals, intervals, st.randoms())
def test_order_does_not_matter_and_roles_swap(truth, spots, random):
    scores = megc_scores(table(*truth), table(*spots))
    swapped = megc_scores(table(*spots), table(*truth))
    assert (scores.tp, scores.fp, scores.fn) == (swapped.tp, swapped.fn, swapped.fp)
    random.shuffle(truth)
    random.shuffle(spots)
    assert megc_scores(table(*truth), table(*spots)) == scores
    assert scores.tp + scores.fn == len(truth)
    assert scores.tp + scores.fp == len(spots)


def test_a_long_video_shows_its_events_and_nothing_else_of_them():
    told = long_videos.tell(CORPUS, 400_000, 0, seconds=6.0, events=3, fps=50.0)
    rig = clips.identity(CORPUS.seed, 400_000, 32)
    frames = list(long_videos.film(rig, told, CORPUS.noise))
    assert len(frames) == 300
    assert frames[0].shape == (32, 32, 3) and frames[0].dtype == np.uint8
    times = np.arange(300) * 20.0
    for event in told.events:
        assert event.onset_ms < event.apex_ms < event.offset_ms
        assert 130 <= event.offset_ms - event.onset_ms <= 520  # rounded to frames
        assert CORPUS.amplitude[0] <= event.amplitude <= CORPUS.amplitude[1]
    gaps = [b.onset_ms - a.offset_ms for a, b in zip(told.events, told.events[1:], strict=False)]
    assert min(gaps) >= 2 * 1000 * long_videos.APART - 20
    quiet = long_videos.tell(CORPUS, 400_000, 0, seconds=6.0, events=0, fps=50.0)
    assert quiet.events == ()
    event = told.events[0]
    form = event.aus.split("+")[0]
    strength = told.strengths[form]
    apex = strength[times == event.apex_ms][0]
    assert apex - strength[times == event.onset_ms][0] > 0.2 * event.amplitude


def test_a_long_video_is_the_same_every_time_and_needs_no_memory():
    def first_frames():
        told = long_videos.tell(CORPUS, 400_001, 2, seconds=4.0, events=1)
        made = long_videos.film(clips.identity(0, 400_001, 32), told, 1.5)
        return np.stack([next(made) for _ in range(3)])

    np.testing.assert_array_equal(first_frames(), first_frames())


def test_too_many_events_are_told():
    with pytest.raises(ConfigError, match="9 events do not fit in 10"):
        long_videos.tell(CORPUS, 0, 0, seconds=10.0, events=9)


def test_strong_events_are_found_among_everything_else():
    """End to end on arrays: half of the events at least, few false alarms."""
    strong = replace(CORPUS, amplitude=(2.0, 3.0), size=64)
    told = long_videos.tell(strong, 400_002, 0, seconds=12.0, events=4, fps=50.0)
    rig = clips.identity(strong.seed, 400_002, 64)
    frames = np.stack(list(long_videos.film(rig, told, strong.noise)))
    starts = np.arange(0, len(frames) - 15, 2)
    motion = np.array([motion_energy(frames[start : start + 15]) for start in starts])
    found = spot(starts * 20.0 + 150, motion)
    spots = table(*(("a", event.onset_ms, event.offset_ms) for event in found))
    truth = table(*(("a", event.onset_ms, event.offset_ms) for event in told.events))
    scores = megc_scores(truth, spots)
    assert scores.tp >= 2 and scores.fp <= 2
