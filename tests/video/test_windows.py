import itertools
import tracemalloc

import cv2
import numpy as np
import pytest
from faces_on_film import SIZE, filmed, larger, nobody, person
from hypothesis import given, settings
from hypothesis import strategies as st

from merclip_jax.data import motion
from merclip_jax.errors import ConfigError
from merclip_jax.faces import crops, face
from merclip_jax.tfds_builders.synthetic_me import clips
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.video import gaps, quality, tracks
from merclip_jax.video.decode import Frame
from merclip_jax.video.motion import energy
from merclip_jax.video.quality import BLINKS, BLURRED, LOST, MOVES, Sight
from merclip_jax.video.windows import windows


def cut(
    frames,
    window_ms=400.0,
    stride_ms=200.0,
    count=4,
    size=16,
    crop="none",
    temporal="uniform",
    **given,
):
    given.setdefault("face", "largest")
    return list(
        windows(
            frames,
            window_ms=float(window_ms),
            stride_ms=float(stride_ms),
            count=count,
            temporal=temporal,
            size=size,
            crop=crop,
            **given,
        )
    )


def aligned(pictures, fps=25.0, window_ms=400, stride_ms=200, size=64, **given):
    return cut(filmed(pictures, fps), window_ms, stride_ms, size=size, crop="aligned", **given)


def plain(times):
    """Frames of one value each: their number."""
    for i, time in enumerate(times):
        yield Frame(i, float(time), np.full((8, 8, 3), i % 256, np.uint8))


def spans(found):
    return [(window.start_ms, window.end_ms) for window in found]


# Time.


def test_windows_stand_where_they_should():
    found = cut(plain(range(0, 1000, 100)))
    assert spans(found) == [(0, 400), (200, 600), (400, 800), (600, 1000)]
    # The middles of four parts of 0 to 300 ms are 37.5, 112.5, 187.5 and 262.5.
    assert found[0].times_ms.tolist() == [0, 100, 200, 300]
    assert found[1].times_ms.tolist() == [200, 300, 400, 500]
    assert found[3].frames[:, 0, 0, 0].tolist() == [6, 7, 8, 9]
    assert {window.person for window in found} == {0}


def test_frames_are_the_nearest_in_time_not_by_number():
    shown = [0, 10, 20, 30, 80, 130]
    (window,) = cut(plain(shown), window_ms=131)
    # The middles are 16.25, 48.75, 81.25 and 113.75 ms.
    assert window.times_ms.tolist() == [20, 30, 80, 130]
    assert window.frames[:, 0, 0, 0].tolist() == [2, 3, 4, 5]


def test_of_many_frames_few_are_taken_and_of_few_some_twice():
    many = cut(plain(range(0, 400, 4)), count=4)  # 0 to 396 ms: 49.5, 148.5, 247.5, 346.5
    assert many[0].times_ms.tolist() == [48, 148, 248, 348]
    few = cut(plain([0, 200]), count=4)[0]
    assert few.times_ms.tolist() == [0, 0, 200, 200]


def test_a_model_that_learnt_from_the_ends_of_segments_sees_them():
    (window,) = cut(plain(range(0, 400, 4)), window_ms=401, temporal="ends")
    assert window.times_ms.tolist() == [100, 196, 296, 396]  # nearest to 99, 198, 297 and 396


def test_a_video_shorter_than_a_window_is_one_window():
    (window,) = cut(plain([0, 40, 80]))
    assert (window.start_ms, window.end_ms) == (0, 120)
    assert cut(plain([])) == []


def test_no_window_lies_over_a_gap_or_in_it():
    found = cut(plain([*range(0, 600, 50), *range(1500, 2000, 50)]))
    assert spans(found) == [(0, 400), (200, 600), (1500, 1900), (1600, 2000)]
    assert found[1].times_ms.tolist() == [250, 350, 400, 500]
    assert found[2].times_ms.min() == 1550


def test_a_clock_that_jumps_years_makes_no_windows_between():
    year = 365 * 24 * 3_600_000
    found = cut(plain([*range(0, 600, 50), *range(9 * year, 9 * year + 600, 50)]))
    assert len(found) == 4 and found[2].start_ms == 9 * year


def test_one_frame_alone_is_no_window():
    assert cut(plain([0])) == []
    found = cut(plain([*range(0, 600, 50), 5000, *range(9000, 9600, 50)]))
    assert [window.start_ms for window in found] == [0, 200, 9000, 9200]


def test_frames_farther_apart_than_a_window_are_none():
    assert cut(plain(range(0, 10_000, 500))) == []


def test_with_a_long_stride_what_lies_between_is_left_out():
    found = cut(plain(range(0, 1000, 100)), window_ms=200, stride_ms=600)
    assert spans(found) == [(0, 200), (600, 800)]


STEPS = st.one_of(st.integers(1, 60), st.integers(1, 60), st.integers(60, 10**13))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(STEPS, min_size=1, max_size=60),
    st.integers(50, 600),
    st.floats(0.1, 1),
    st.integers(1, 8),
)
def test_windows_are_made_of_the_frames_between_gaps(steps, window_ms, share, count):
    shown = np.cumsum([0, *steps]).astype(float)
    stride = float(window_ms * share)
    found = cut(plain(shown), window_ms, stride, count)
    starts = [window.start_ms for window in found]
    assert starts == sorted(starts)
    assert len(found) <= len(shown) * (1 + window_ms / stride)
    behind = [mark for mark, _ in gaps.marked(plain(shown), float(window_ms))]
    number = np.cumsum(behind)
    for window in found:
        assert 0 < window.end_ms - window.start_ms <= window_ms * (1 + 1e-6)
        assert window.times_ms.shape == (count,) and (np.diff(window.times_ms) >= 0).all()
        assert set(window.times_ms) <= set(shown)
        inside = (shown >= window.start_ms) & (shown < window.end_ms)
        assert inside.sum() >= 2 and len(set(number[inside])) == 1
        assert shown[inside].min() <= window.times_ms.min()
        assert window.times_ms.max() <= shown[inside].max()
        assert window.end_ms - shown[inside].max() < window_ms
    within = np.diff(shown)[~np.array(behind)[1:]]
    if share <= 0.5 and within.max(initial=0) <= window_ms / 3:
        for time in shown[np.bincount(number)[number] > 1]:
            assert any(w.start_ms - 1e-9 * time <= time < w.end_ms for w in found), time


def test_an_endless_stream_is_cut_as_it_comes():
    first = itertools.islice(
        windows(
            plain(itertools.count(0, 100)),
            window_ms=400.0,
            stride_ms=200.0,
            count=4,
            temporal="uniform",
            size=8,
            crop="none",
            face="largest",
        ),
        50,
    )
    assert [window.start_ms for window in first] == list(range(0, 10_000, 200))


def test_memory_does_not_grow_with_the_video():
    def peak(seconds):
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        frames = (Frame(i, i * 10.0, noise + np.uint8(i % 7)) for i in range(100 * seconds))
        tracemalloc.start()
        for _ in windows(
            frames,
            window_ms=400.0,
            stride_ms=400.0,
            count=4,
            temporal="uniform",
            size=64,
            crop="none",
            face="all",
        ):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(8) < 1.2 * peak(2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"window_ms": 0}, "window of 0.0 ms"),
        ({"stride_ms": -5}, "every -5.0 ms"),
        ({"count": 0}, "0 frames"),
        ({"crop": "half"}, "'half' is unknown; give one of owner, aligned, none"),
        ({"face": "left"}, "'left' is unknown; give one of largest, all"),
    ],
)
def test_what_cannot_be_is_said(wrong, message):
    with pytest.raises(ConfigError, match=message):
        cut(plain([0, 40]), **wrong)


def test_motion_is_that_of_all_frames_since_the_windows_first():
    frames, _ = clips.render_clip(Corpus.micro(), 7, 0)
    shown = [Frame(i, 10.0 * i, picture) for i, picture in enumerate(frames[:20])]
    (window,) = cut(shown, window_ms=200, stride_ms=200, size=112, count=4)
    moved = motion.motion(frames[:20])
    away = np.asarray(motion.decode(window.moved)) - moved[[2, 7, 12, 17]]
    assert np.sqrt((away**2).mean()) < 0.1 * np.sqrt((moved**2).mean())
    assert window.motion == pytest.approx(energy(moved), rel=0.1)
    both = window.seen("rgb+motion")
    np.testing.assert_array_equal(both.frames, frames[[2, 7, 12, 17]])
    assert window.seen("rgb").motion is None and window.seen("motion").frames is None


# Faces.


@pytest.mark.parametrize("crop", ["owner", "none"])
def test_unaligned_frames_are_those_of_training(crop):
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    (window,) = cut([Frame(i, 40.0 * i, picture) for i in range(2)], crop=crop, size=32, count=2)
    expected, _ = crops.squares([picture] * 2, 32, crop)
    np.testing.assert_array_equal(window.frames, expected)
    assert window.matrix is None and window.quality.flags == ()
    assert np.isnan(window.quality.face)


def test_aligned_frames_are_those_of_training():
    pictures = person(10)
    (window,) = aligned(pictures, size=112, count=10)
    expected, _ = crops.squares(pictures, 112, "aligned")
    corners = np.array([[0, 0, 1], [SIZE, 0, 1], [0, SIZE, 1], [SIZE, SIZE, 1]])
    whole = face.alignment([face.landmarks(picture) for picture in pictures], 112)
    # A mesh that was followed fits a little better than one from the detector's box.
    assert np.abs(corners @ (window.matrix - whole).T).max() < 1.5
    assert np.abs(window.frames.astype(int) - expected).mean() < 3
    assert window.quality.face == 1 and window.quality.flags == ()
    assert window.end_ms == pytest.approx(400)


def test_what_is_kept_of_a_frame_gives_the_crop_of_the_whole_frame():
    wide = [np.pad(picture, ((40, 60), (200, 10), (0, 0)), "edge") for picture in person(10)]
    (window,) = aligned(wide, size=112, count=10)
    for seen, picture in zip(window.frames, wide, strict=True):
        np.testing.assert_array_equal(seen, face.crop(picture, window.matrix, 112))


def test_a_large_face_is_kept_smaller_with_little_loss():
    pictures = [larger(picture, 4) for picture in person(2)]
    (window,) = aligned(pictures, size=48, count=2)
    expected = face.crop(pictures[0], window.matrix, 48)
    assert np.abs(window.frames[0].astype(int) - expected).mean() < 1.5


def test_a_lost_face_leaves_blank_windows_and_comes_back_as_the_same_person():
    found = aligned(person(10) + nobody(20) + person(10))
    flags = [window.quality.flags for window in found]
    assert spans(found)[0] == (0, 400) and found[-1].end_ms == pytest.approx(1600)
    np.testing.assert_allclose(np.diff([window.start_ms for window in found]), 200)
    assert flags[0] == flags[-1] == () and flags[2] == flags[4] == (LOST,)
    assert {window.person for window in found} == {0}
    blank = found[3]
    assert not blank.frames.any() and blank.matrix is None and blank.motion == 0
    assert (blank.moved == 128).all()
    assert blank.quality.face == 0 and np.isnan(blank.quality.head_motion)
    assert blank.times_ms.shape == (4,)
    assert found[1].quality.face == pytest.approx(0.5)  # 200 to 600 ms: five of ten frames


def test_who_comes_late_is_sampled_over_the_own_frames():
    (window,) = aligned(nobody(1) + person(9), window_ms=401, count=3, temporal="ends")
    assert window.quality.flags == ()
    assert window.times_ms.tolist() == [160, 240, 360]  # 40 ms to 360 ms, in thirds


def test_who_is_gone_for_long_keeps_the_number_and_another_gets_one():
    away = nobody(int(tracks.MEMORY_MS / 1000 * 25) + 5)
    film = person(5) + away + person(10, 1) + away + person(10) + away + person(10, 1)
    found = aligned(film, window_ms=200, stride_ms=200, face="all")
    seen = [window.person for window in found if LOST not in window.quality.flags]
    assert [who for who, _ in itertools.groupby(seen)] == [0, 1, 0, 1]


def test_looks_that_are_remembered_lie_apart_while_another_is_sought():
    tracker, here = tracks.Tracker(largest=False), person(1, 1)[0]
    both, alone = np.hstack([here, person(1, 2)[0]]), np.hstack([here, nobody(1)[0]])
    for i in range(40):  # from 200 to 1600 ms the second one is missing, and sought at each look
        tracker.look(both if i < 5 else alone, 40.0 * i)
    (followed,) = [track for track in tracker._tracks if track.found]
    assert len(followed.looks) == 2


def test_who_changes_places_keeps_the_number():
    def scene(left, right):
        return np.hstack([left, right])

    here, there = person(10, 1), person(10, 2)
    film = list(map(scene, here, there)) + nobody(60) + list(map(scene, there, here))
    film = [cv2.resize(picture, (2 * SIZE, SIZE)) for picture in film]
    found = aligned(film, window_ms=200, stride_ms=200, face="all")
    middle = {
        (window.person, window.start_ms > 2000): np.linalg.inv(window.matrix[:, :2])
        @ (31.5 - window.matrix[:, 2])
        for window in found
        if window.matrix is not None
    }
    assert {person for person, _ in middle} == {0, 1}
    for who in (0, 1):
        assert abs(middle[who, True][0] - middle[who, False][0]) > 0.7 * SIZE


def test_of_two_people_the_larger_or_both():
    small, large = person(10, 1), [larger(picture, 1.5) for picture in person(10, 2)]
    both = []
    for one, other in zip(small, large, strict=True):
        scene = np.full((288, 288 + SIZE, 3), 128, np.uint8)
        scene[50 : 50 + SIZE, :SIZE], scene[:, SIZE:] = one, other
        both.append(scene)
    (largest,) = aligned(both)
    assert largest.person == 0
    apart = sorted(aligned(both, face="all"), key=lambda window: window.person)
    assert [window.person for window in apart] == [0, 1]
    np.testing.assert_array_equal(apart[0].frames, largest.frames)  # the larger is numbered first
    middles = [
        np.linalg.inv(window.matrix[:, :2]) @ (31.5 - window.matrix[:, 2]) for window in apart
    ]
    assert middles[0][0] > SIZE > middles[1][0]


def test_the_face_is_detected_seldom_and_looked_at_thirty_times_a_second(monkeypatch):
    calls = {"detect": 0, "follow": 0}
    for name in calls:
        plain_call = getattr(face, name)

        def counted(*given, name=name, plain_call=plain_call):
            calls[name] += 1
            return plain_call(*given)

        monkeypatch.setattr(face, name, counted)
    found = aligned(itertools.repeat(person(1)[0], 300), fps=200.0)  # 1.5 s
    assert len(found) == 7
    assert calls["detect"] == 2  # at once, and after a second
    assert 1.5 * 25 <= calls["follow"] <= 1.5 * 34


def test_a_much_larger_face_takes_over_and_a_like_one_does_not():
    left, right = person(1, 1)[0], person(1, 2)[0]

    def scene(times):
        picture = np.full((300, 520, 3), 128, np.uint8)
        picture[:SIZE, :SIZE] = left
        side = round(SIZE * times)
        picture[:side, -side:] = cv2.resize(right, (side, side))
        return picture

    tracker = tracks.Tracker(largest=True)
    alone = scene(1)
    alone[:, SIZE:] = 128
    assert list(tracker.look(alone, 0.0)) == [0]
    assert list(tracker.look(scene(1.05), 1100.0)) == [0]
    assert list(tracker.look(scene(1.5), 2200.0)) == [1]


# Quality.


def cloud(seed=0):
    """A mesh whose eye centres are at (50, 50) and (110, 50)."""
    mesh = np.random.default_rng(seed).uniform(20, 140, (face.MESH_POINTS, 3))
    for point, x in zip((*face.RIGHT_EYE, *face.LEFT_EYE), (40, 60, 100, 120), strict=True):
        mesh[point, :2] = x, 50
    return mesh


def sights(shifts, openings=None):
    openings = [0.3] * len(shifts) if openings is None else openings
    return [
        Sight(cloud() + [shift, 0, 0], opening)
        for shift, opening in zip(shifts, openings, strict=True)
    ]


def test_head_motion_is_in_percent_of_the_distance_between_the_eyes():
    # Two of four looks are 6 pixels beside the median place of the others, at 60 between the eyes.
    moved = quality.of_face(sights([0, 0, 0, 6, -6]))
    assert moved.head_motion == pytest.approx(100 * np.sqrt(2 / 5 * 36) / 60)
    assert moved.flags == (MOVES,)
    assert quality.of_face(sights([0, 0, 0, 0, 3])).flags == ()  # 100 * sqrt(9 / 5) / 60 = 2.2


@pytest.mark.parametrize(
    ("openings", "blink"),
    [([0.3, 0.3, 0.1, 0.3], True), ([0.3, 0.3, 0.2, 0.3], False), ([0.1, 0.1, 0.1, 0.1], False)],
)
def test_a_blink_is_open_and_closed_in_one_window(openings, blink):
    judged = quality.of_face(sights([0] * 4, openings))
    assert judged.blink is blink and judged.flags == (BLINKS,) * blink


def test_four_looks_of_five_must_find_the_face():
    four = sights([0] * 4)
    assert quality.of_face([*four, None]).face == 0.8
    lost = quality.of_face([*four, None, None])
    assert lost.flags == (LOST,) and lost.face == pytest.approx(2 / 3)


def test_a_blink_and_a_moving_head_are_flagged_on_film():
    closed = np.zeros(10)
    closed[4:6] = 1
    (blinking,) = aligned(person(10, closed=closed))
    assert blinking.quality.flags == (BLINKS,)
    head = np.zeros((10, 3))
    head[:, 0] = np.linspace(0, 12, 10)
    (moving,) = aligned(person(10, head=head))
    assert moving.quality.flags == (MOVES,) and moving.quality.head_motion > 5
    (still,) = aligned(person(10))
    assert still.quality.flags == () and still.quality.head_motion < 1


def test_blur_is_flagged_whatever_the_models_size():
    sharp = person(2)
    soft = [cv2.GaussianBlur(picture, (0, 0), 4) for picture in sharp]
    for size in (48, 112, 224):
        (clear,), (dim,) = aligned(sharp, size=size), aligned(soft, size=size)
        assert clear.quality.flags == () and dim.quality.flags == (BLURRED,)
        assert dim.quality.blur < quality.SHARP < clear.quality.blur


def test_sharpness_is_the_laplacians_variance():
    stripes = np.zeros((112, 112, 3), np.uint8)
    stripes[:, ::2] = 10
    # Beside a stripe the Laplacian is 20, on it -20; at the border pixels are mirrored alike.
    assert quality.sharpness(stripes[None]) == pytest.approx(400)
    assert quality.sharpness(np.full((3, 50, 50, 3), 77, np.uint8)) == 0
