"""Motion of the windows of a video: close to that of clips, with each frame measured seldom."""

import numpy as np
import pytest

from merclip_jax.data import motion
from merclip_jax.tfds_builders.synthetic_me import clips, long_videos
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.video.motion import Motions
from merclip_jax.video.patches import Patch

SIZE, COUNT, STEP = 112, 15, 3  # frames of a window, and from one to the next; 20 ms apart
WHOLE = np.eye(2, 3)


@pytest.fixture(scope="module")
def film():
    """Two seconds of a person with one expression."""
    told = long_videos.tell(Corpus.micro(), 400_003, 0, seconds=2.0, events=1, fps=50.0)
    made = long_videos.film(clips.identity(0, 400_003, SIZE), told, 1.5)
    return np.stack(list(made))


def windows(film, count=COUNT):
    """The frames of each window by their times."""
    for start in range(0, len(film) - count + 1, STEP):
        yield {20.0 * i: Patch(film[i], None) for i in range(start, start + count)}


def counted(monkeypatch):
    """The calls of the estimator."""
    calls, plain = [], motion.Template.motion_to

    def motion_to(template, picture):
        calls.append(1)
        return plain(template, picture)

    monkeypatch.setattr(motion.Template, "motion_to", motion_to)
    return calls


def test_windows_move_as_clips_of_their_frames_do(film):
    motions = Motions(SIZE, 300.0)
    for shown in windows(film):
        alone = motion.motion(np.stack([patch.image for patch in shown.values()]))
        together = motions.of(0, shown, WHOLE)
        assert together.shape == alone.shape
        np.testing.assert_array_equal(together[0], 0)
        # Pixels of a picture 224 wide.
        assert np.sqrt(((together - alone) ** 2).mean()) < 0.05


def test_a_frame_is_measured_twice_at_most_on_average(film, monkeypatch):
    calls, motions = counted(monkeypatch), Motions(SIZE, 300.0)
    held = sum(len(motions.of(0, shown, WHOLE)) for shown in windows(film))
    assert held > 4 * len(film)
    assert len(calls) <= 2 * len(film)


def test_another_cut_of_the_face_is_measured_anew(film, monkeypatch):
    calls, motions = counted(monkeypatch), Motions(SIZE, 300.0)
    (shown, *_) = windows(film)
    for shift, measured in ((0.0, 15), (0.5, 15), (2.0, 30)):  # pixels: 1 % of the side are 1.1
        motions.of(0, shown, WHOLE + [[0, 0, shift], [0, 0, 0]])
        assert len(calls) == measured


def test_people_do_not_share_a_reference(film, monkeypatch):
    calls, motions = counted(monkeypatch), Motions(SIZE, 300.0)
    (shown, *_) = windows(film)
    motions.of(0, shown, WHOLE)
    motions.of(1, shown, WHOLE)
    assert len(calls) == 30


def test_what_is_kept_does_not_grow(film):
    motions = Motions(SIZE, 300.0)
    for person, shown in enumerate(windows(film, 3)):
        motions.of(person, shown, WHOLE)
    assert len(motions._references) <= 2 * 300 / 20 / STEP + 1
    motions = Motions(SIZE, 5000.0)
    for shown in windows(film):
        motions.of(0, shown, WHOLE)
    assert [len(reference.fields) for reference in motions._references.values()] == [COUNT]
