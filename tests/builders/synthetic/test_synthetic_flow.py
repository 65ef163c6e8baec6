"""Drawn people's flow in the form in which MEGC2019's is published."""

import numpy as np

from merclip_jax.data import datasets, pack
from merclip_jax.tfds_builders.synthetic_me import clips, flow, story
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.tfds_builders.synthetic_me.story import Story
from merclip_jax.tfds_builders.synthetic_me.synthetic_me_dataset_builder import Builder

CORPUS = Corpus(size=56, emotions={"happiness": 1.0}, distractors=0.0)
RIG = clips.identity(CORPUS.seed, 0, CORPUS.size)


def smile() -> Story:
    """A clip of both lip corners, and of nothing else that moves."""
    told = (story.tell(CORPUS, 0, index) for index in range(100))
    return next(one for one in told if one.aus == "12")


def test_a_picture_has_three_channels_that_fill_their_bytes():
    picture = flow.picture(RIG, smile())
    assert (picture.shape, picture.dtype) == ((28, 28, 3), np.uint8)
    assert picture.min((0, 1)).tolist() == [0, 0, 0]
    assert picture.max((0, 1)).tolist() == [255, 255, 255]
    np.testing.assert_array_equal(picture, flow.picture(RIG, smile()))


def test_lip_corners_go_up_and_outwards():
    """The person's left is on the right of the picture; v points down."""
    moved = flow.displacement(RIG, smile())
    head = np.median(moved, (0, 1))
    top, bottom, left, right = (round(edge * len(moved)) for edge in flow.CUT)
    mouth = moved[(top + bottom) // 2 : bottom, left:right] - head
    half = mouth.shape[1] // 2
    assert mouth[:, :half, 0].min() < -0.1 < 0.1 < mouth[:, half:, 0].max()
    assert mouth[..., 1].min() < -0.1
    assert -mouth[..., 1].min() > mouth[..., 1].max()


def test_strain_by_hand():
    """u = 3 x and v = 4 y stretch by 3 and 4; a rotation does not stretch."""
    y, x = np.mgrid[:5, :5].astype(np.float32)
    np.testing.assert_allclose(flow.strain(np.stack([3 * x, 4 * y], -1)), 5, rtol=1e-6)
    np.testing.assert_allclose(flow.strain(np.stack([-y, x], -1)), 0, atol=1e-6)


def test_it_is_packed_as_published_flow(tmp_path, monkeypatch):
    config = Builder.builder_configs["flow"]
    small = Corpus(size=56, subjects=2, clips_per_subject=2)
    monkeypatch.setattr(config, "corpus", small)
    monkeypatch.setattr(config, "more", ())
    builder = datasets.prepare("synthetic_me", "", tmp_path, "flow")
    packed = pack.load([builder], 28, tmp_path, "memmap", kind="motion")
    assert list(packed.table["clip_id"]) == [
        f"synthetic_me/s{subject:02d}/c{index:03d}" for subject in (0, 1) for index in (0, 1)
    ]
    assert packed.stored.motion.shape == (4, 56, 56, 3)
    assert packed.table["aus"].str.len().gt(0).all()
    picture = flow.picture(RIG, story.tell(small, 0, 0))
    np.testing.assert_array_equal(packed.frames[0], picture)
