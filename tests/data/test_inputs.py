import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from merclip_jax.configs import base
from merclip_jax.data import augment, inputs, motion, pack
from merclip_jax.data.inputs import Stored
from merclip_jax.towers.inputs import Both


@pytest.fixture(scope="module")
def clip():
    """Four frames of a smooth pattern whose middle moves to the right."""
    x, y = np.meshgrid(np.arange(56.0), np.arange(56.0))
    bump = np.exp(-((x - 28) ** 2 + (y - 28) ** 2) / 200)
    frames = [
        128 + 90 * np.sin((x - shift * bump) / 4) * np.cos(y / 5) for shift in (0, 0.3, 0.6, 1)
    ]
    return np.repeat(np.stack(frames)[..., None], 3, -1).astype(np.uint8)


def batch(clip, kind):
    stored = inputs.of_frames(clip, kind)
    return jax.tree.map(lambda part: jnp.asarray(part)[None].repeat(2, 0), stored)


def test_each_kind_stores_what_its_model_sees(clip):
    assert inputs.of_frames(clip, "rgb").motion is None
    assert inputs.of_frames(clip, "motion").frames is None
    both = inputs.of_frames(clip, "rgb+motion")
    np.testing.assert_array_equal(both.frames, clip)
    np.testing.assert_array_equal(both.motion, motion.encode(motion.motion(clip)))


def test_what_is_seen_of_each_kind(clip):
    frames, moved = (inputs.seen(batch(clip, kind)) for kind in ("rgb", "motion"))
    np.testing.assert_array_equal(frames, augment.normalize(jnp.asarray(clip)[None].repeat(2, 0)))
    assert moved.shape == (2, 4, motion.SEEN, motion.SEEN, 3)
    both = inputs.seen(batch(clip, "rgb+motion"))
    assert isinstance(both, Both)
    np.testing.assert_array_equal(both.frames, frames)
    assert both.motion.shape == (2, 4, motion.SIDE, motion.SIDE, 3)


def test_augmenting_the_look_leaves_motion_alone(clip):
    settings = base.get_config().augment
    seen = inputs.augmented(jax.random.key(0), batch(clip, "rgb+motion"), settings)
    np.testing.assert_array_equal(seen.motion, inputs.seen(batch(clip, "rgb+motion")).motion)
    assert np.abs(seen.frames - inputs.seen(batch(clip, "rgb"))).max() > 0.1


def test_a_mirrored_clip_moves_the_other_way(clip):
    settings = base.get_config().augment.unlock()
    settings.update(augmix=False, color=False, face_mix=0.0, flip=True)
    plain = inputs.seen(batch(clip, "rgb+motion"))
    mirrored = set()
    for seed in range(4):
        seen = inputs.augmented(jax.random.key(seed), batch(clip, "rgb+motion"), settings)
        for i in range(2):
            turned = not np.array_equal(seen.frames[i], plain.frames[i])
            mirrored.add(turned)
            sign = np.array([-1.0, 1.0, 1.0])
            expected = plain.motion[i][:, :, ::-1] * sign if turned else plain.motion[i]
            np.testing.assert_allclose(seen.motion[i], expected, atol=1e-4)
            if turned:
                np.testing.assert_array_equal(seen.frames[i], plain.frames[i][:, :, ::-1])
    assert mirrored == {True, False}


def test_face_and_motion_are_enlarged_and_shifted_as_one(clip):
    """Motion is grey where frames are; a larger picture has larger motion, too."""
    settings = base.get_config().augment.unlock()
    settings.update(augmix=False, color=False, face_mix=0.0, zoom=0.3, shift=0.1)
    stored = Stored(jnp.full((1, 2, 56, 56, 3), 100, jnp.uint8), jnp.full((1, 2, 56, 56, 2), 128))
    stored = Stored(
        stored.frames.at[..., 20:36, 24:40, :].set(200), stored.motion.astype(jnp.uint8)
    )
    stored = stored._replace(motion=stored.motion.at[..., 20:36, 24:40, :].set(220))
    seen = inputs.augmented(jax.random.key(5), stored, settings)
    bright = np.asarray(seen.frames[0, 0, ..., 0] > augment.normalize(jnp.uint8([150] * 3))[0])
    moves_most = np.asarray(seen.motion[0, 0, ..., 0] > seen.motion[0, 0, ..., 0].max() / 2)
    np.testing.assert_array_equal(bright, moves_most)
    assert bright.sum() != 16 * 16


def test_motion_is_disturbed_and_mixed_where_it_is_asked_for(clip):
    settings = base.get_config().augment.unlock()
    settings.update(disturb=0.5)
    plain = inputs.seen(batch(clip, "motion"))
    other = inputs.augmented(jax.random.key(0), batch(clip, "motion"), settings)
    assert 0.01 < float(jnp.abs(other - plain).mean()) < 0.5
    settings.update(disturb=0.0, half_mix=1.0)
    still = Stored(None, jnp.full((1, 4, 56, 56, 2), 128, jnp.uint8))
    two = jax.tree.map(
        lambda *parts: jnp.concatenate(parts), still, Stored(None, batch(clip, "motion").motion[:1])
    )
    mixed = inputs.augmented(jax.random.key(0), two, settings, alike=~jnp.eye(2, dtype=bool))
    assert jnp.abs(mixed[0]).max() > 0.5  # the still clip took a half that moves


def test_at_rest_nothing_moves_and_held_still_only_some_cells_do(clip):
    stored = jax.tree.map(lambda part: part[0], batch(clip, "rgb+motion"))
    late = stored.rows(np.array([1, 2, 3, 3]))  # it has moved in the first frame that is seen
    seen, rest = inputs.seen(late), inputs.at_rest(late, 0)
    np.testing.assert_allclose(rest.motion, 0, atol=1e-5)
    assert np.abs(seen.motion[0]).max() > 0.1
    np.testing.assert_array_equal(rest.frames[3], seen.frames[0])
    moving = np.zeros((7, 7), bool)
    moving[3, 3] = True
    part = inputs.held_still(seen, rest, jnp.asarray(moving))
    np.testing.assert_array_equal(part.motion[:, 24:32, 24:32], seen.motion[:, 24:32, 24:32])
    np.testing.assert_array_equal(part.frames[:, 24:32, 24:32], seen.frames[:, 24:32, 24:32])
    np.testing.assert_allclose(part.motion[:, :24], 0, atol=1e-5)


def test_rows_are_taken_of_all_that_is_stored():
    stored = Stored(np.arange(10)[:, None, None, None], None)
    assert stored.rows(np.array([7, 2])).frames.ravel().tolist() == [7, 2]
    assert stored.rows(np.array([7, 2])).motion is None


def test_a_pack_keeps_the_motion_since_each_clips_own_first_frame(tmp_path, monkeypatch):
    frames = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    table = pd.DataFrame({"dataset": "a", "pixels": "a", "start": [0, 3], "n_frames": [3, 2]})
    moved = pack._motion(tmp_path, frames, table, False, tmp_path / ".lock")
    np.testing.assert_array_equal(moved[3:], motion.encode(motion.motion(frames[3:])))
    assert (moved[[0, 3]] == 128).all()
    monkeypatch.setattr(motion, "motion", None)  # it is not computed again
    np.testing.assert_array_equal(
        pack._motion(tmp_path, frames, table, False, tmp_path / ".lock"), moved
    )


def test_clips_measured_side_by_side_stay_in_order(tmp_path):
    counts = np.array([3, 1, 5, 2, 4, 1, 6, 2])
    starts = np.concatenate([[0], counts.cumsum()[:-1]])
    frames = np.random.default_rng(1).integers(0, 256, (counts.sum(), 16, 16, 3), np.uint8)
    table = pd.DataFrame({"dataset": "a", "pixels": "a", "start": starts, "n_frames": counts})
    threads = cv2.getNumThreads()
    moved = pack._motion(tmp_path, frames, table, False, tmp_path / ".lock")
    assert cv2.getNumThreads() == threads
    for start, count in zip(starts, counts, strict=True):
        alone = motion.encode(motion.motion(frames[start : start + count]))
        np.testing.assert_array_equal(moved[start : start + count], alone)
