"""Badly recorded clips: each condition does what it says; without any, clips keep their bytes."""

import hashlib
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest

from merclip_jax.errors import ConfigError
from merclip_jax.tfds_builders.synthetic_me import clips, story
from merclip_jax.tfds_builders.synthetic_me.conditions import Conditions, Recording
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.tfds_builders.synthetic_me.synthetic_me_dataset_builder import Builder

STILL = Corpus.tiny(
    size=112, amplitude=(0.0, 0.0), resting=0.0, drift=0.0, noise=0.0, distractors=0.0
)


def under(corpus, **given):
    """The corpus under some conditions."""
    return replace(corpus, conditions=Conditions(**given))


def drawn(**given):
    """A recording of 24 frames."""
    return Recording.draw(np.random.default_rng(3), Conditions(**given), 24)


def test_corpora_without_conditions_keep_their_bytes():
    """Digests of the first version; libraries may round otherwise on other machines."""
    frames, _ = clips.render_clip(Corpus.demo(), 0, 0)
    plain, _ = clips.render_clip(replace(Corpus.demo(), conditions=Conditions()), 0, 0)
    assert frames.tobytes() == plain.tobytes()
    told = story.tell(Corpus.demo(), 0, 0)
    numbers = np.concatenate([told.gain, told.closed, told.head.ravel(), [told.noise_seed]])
    assert told.recording is None
    assert hashlib.sha256(np.round(numbers, 6).tobytes()).hexdigest()[:16] == "37bad2b180c53703"


def test_conditions_change_no_label_and_no_story():
    here = [story.tell(under(Corpus.micro(), turn=2.0, cut=1.0), 7, i) for i in range(4)]
    there = [story.tell(Corpus.micro(), 7, i) for i in range(4)]
    for hard, plain in zip(here, there, strict=True):
        assert (hard.aus, hard.emotion, hard.onset) == (plain.aus, plain.emotion, plain.onset)
        np.testing.assert_array_equal(hard.head, plain.head)


def test_light_changes_all_pixels_and_moves_none():
    plain, _ = clips.render_clip(STILL, 0, 1)
    seen, _ = clips.render_clip(under(STILL, lamp=0.3), 0, 1)
    bright = seen.astype(float) / np.maximum(plain, 1)
    inside = (plain > 40) & (seen < 255)
    ratios = [bright[t][inside[t]] for t in range(len(seen))]
    assert 0.01 < max(abs(np.median(ratio) - 1) for ratio in ratios) <= 0.31
    assert max(np.ptp(np.percentile(ratio, (10, 90))) for ratio in ratios) > 0.01  # a gradient


def test_haze_is_added_to_dark_and_bright_alike():
    plain, _ = clips.render_clip(STILL, 0, 1)
    seen, _ = clips.render_clip(under(STILL, haze=20.0), 0, 1)
    added = seen.astype(int) - plain
    middle = (plain > 30) & (plain < 220)
    for frame, where in zip(added, middle, strict=True):
        assert np.ptp(frame[where]) <= 2  # rounding
    assert np.abs(added).max() > 2


def test_a_turned_head_moves_by_its_depth_and_not_affinely():
    rig = clips.identity(0, 0, 224)
    moved = rig.turned(2.0, 0.0)
    nose = np.rint(np.array(rig.face.anchors["nose_root"]) * 224 - 0.5).astype(int)
    assert moved[nose[1], nose[0], 0] > 1.0  # to the right, in pixels
    assert np.abs(moved[..., 1]).max() < 0.2
    assert np.abs(moved[:, :8]).max() < 1e-3  # the wall behind stays
    assert rig.turned(0.0, 2.0)[nose[1], nose[0], 1] > 1.0
    frames = rig.frames({"1": np.zeros(2)}, np.zeros(2), np.zeros((2, 3)), np.ones(2),
                        np.array([[0.0, 0.0], [2.0, 0.0]]))  # fmt: skip
    grey = [cv2.cvtColor(np.uint8(frame), cv2.COLOR_RGB2GRAY) for frame in frames]
    point = np.array([rig.face.anchors["eye_inner_r"]], np.float32) * 224 - 0.5
    found, _, _ = cv2.calcOpticalFlowPyrLK(*grey, point, None, winSize=(15, 15), maxLevel=1)
    x, y = np.rint(found[0]).astype(int)
    assert np.linalg.norm(found[0] - point[0] - moved[y, x]) < 0.5


def test_jpeg_loses_detail_more_at_a_low_quality():
    plain, _ = clips.render_clip(Corpus.tiny(size=112), 0, 0)
    lost = []
    for quality in (90, 20):
        corpus = under(Corpus.tiny(size=112), quality=(quality, quality))
        seen, _ = clips.render_clip(corpus, 0, 0)
        lost.append(np.abs(seen.astype(int) - plain).mean())
    assert 0 < lost[0] < lost[1]


def test_lost_frames_are_left_out_or_shown_once_more():
    ways = set()
    for index in range(12):
        corpus = under(Corpus.demo(size=32), lost=1.0)
        frames, truth = clips.render_clip(corpus, 0, index)
        plain, _ = clips.render_clip(Corpus.demo(size=32), 0, index)
        assert len(frames) == len(truth.frame_numbers)
        same = [
            (frame == plain[n - 1]).all()
            for n, frame in zip(truth.frame_numbers, frames, strict=True)
        ]
        ways |= {"left out"} if len(frames) < 24 else set()
        ways |= {"once more"} if not all(same) else set()
        assert same[0] and truth.frame_numbers == sorted(set(truth.frame_numbers))
        assert len(frames) == 24 or all(same)
    assert ways == {"left out", "once more"}


@pytest.mark.parametrize("late", [-9, 0, 9])
def test_annotated_frames_stay_in_order(late):
    loose = replace(drawn(), onset_late=late, apex_late=-late, ends_at_apex=False)
    assert loose.annotated(5, 12, 20) == {-9: (0, 19, 20), 0: (5, 12, 20), 9: (10, 11, 20)}[late]
    assert (
        replace(loose, ends_at_apex=True).annotated(5, 12, 20)[2] == loose.annotated(5, 12, 20)[1]
    )


def test_a_record_tells_the_annotated_frames():
    corpus = under(Corpus.demo(size=32), cut=1.0)
    _, truth = clips.render_clip(corpus, 0, 0)
    _, plain = clips.render_clip(Corpus.demo(size=32), 0, 0)
    assert (truth.onset, truth.apex, truth.offset) == (plain.onset, plain.apex, plain.apex)


def test_skin_differs_by_person_and_moves_with_it():
    plain = clips.identity(0, 4, 112).face
    other = clips.identity(0, 4, 112, 0.1).face
    assert other.anchors == plain.anchors
    assert np.abs(other.picture.astype(int) - plain.picture).mean() > 2


@pytest.mark.parametrize(
    "given", [{"lost": 1.5}, {"quality": (90, 20)}, {"quality": (0, 101)}, {"turn": -1.0}]
)
def test_impossible_conditions_are_refused(given):
    with pytest.raises(ConfigError, match="conditions"):
        under(Corpus.micro(), **given)


def test_hard_people_are_in_no_other_corpus():
    """What the model is trained on, what others are tested on, and `hard`: all apart."""
    used = [(c.first_subject, c.first_subject + c.subjects) for c in Corpus.college()]
    named = [Builder.builder_configs[name].corpus for name in ("demo", "micro", "unseen", "hard")]
    used += [(c.first_subject, c.first_subject + c.subjects) for c in named[1:]]
    ordered = sorted(used)
    assert all(a[1] <= b[0] for a, b in zip(ordered[:-1], ordered[1:], strict=True))
    assert Corpus.hard().conditions and not Corpus.micro().conditions
    assert all(getattr(Corpus.hard().conditions, field.name) for field in fields(Conditions))
