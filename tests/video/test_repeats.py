"""Frames that show nothing new."""

import numpy as np
import pytest
from films import all_of, film

from merclip_jax.video.decode import Frame
from merclip_jax.video.repeats import Repeats


def new_fps(frames):
    repeats = Repeats()
    for frame in frames:
        repeats.see(frame)
    return repeats.new_fps()


def moving(count, noise=2.0, seed=0):
    """A square whose light changes on a noisy wall."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        picture = 90 + rng.normal(0, noise, (96, 128, 3))
        picture[30:60, 30:60] += 60 * np.sin(i / 9) + 10 * np.sin(i / 2)
        yield np.clip(picture, 0, 255).astype(np.uint8)


def stored_at(rate, pictures, of):
    """Pictures of a rate as a film of a higher one repeats them."""
    pictures = list(pictures)
    count = len(pictures) * of // rate
    return [Frame(i, 1000 * i / of, pictures[i * rate // of]) for i in range(count)]


@pytest.mark.parametrize(("rate", "of"), [(25, 100), (30, 100), (60, 100), (50, 200), (24, 240)])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_repeated_frames_are_not_counted(rate, of, noise):
    assert new_fps(stored_at(rate, moving(100, noise), of)) == pytest.approx(rate, rel=0.06)


@pytest.mark.parametrize(
    "codec", [{"crf": "10"}, {"codec": "mjpeg", "pix_fmt": "yuvj420p"}], ids=["h264", "mjpeg"]
)
def test_a_codec_hides_no_repeats(tmp_path, codec):
    frames = stored_at(25, moving(50), 100)
    path = film(tmp_path / "a.mov", range(0, 2000, 10), [frame.image for frame in frames], **codec)
    assert new_fps(all_of(path)) == pytest.approx(25, rel=0.06)


@pytest.mark.parametrize("crf", ["18", "28"])
def test_a_codec_makes_no_repeats(tmp_path, crf):
    assert (
        new_fps(all_of(film(tmp_path / "a.mp4", range(0, 1000, 10), moving(100), crf=crf))) is None
    )


def test_a_drawn_face_that_rests_is_no_repeat():
    """Nothing moves but for a while, and then in every frame."""
    still = list(moving(1, 0.0))
    pictures = still * 150 + list(moving(40, 0.0)) + still * 150
    assert new_fps(stored_at(100, pictures, 100)) is None
    assert new_fps(stored_at(100, still * 100, 100)) is None
    assert new_fps([]) is None
