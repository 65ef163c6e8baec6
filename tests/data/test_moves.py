from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from merclip_jax.configs import base
from merclip_jax.data import inputs, moves
from merclip_jax.data.inputs import Stored

KEY = jax.random.key(3)


def bump(row, column, side=28, breadth=20.0):
    y, x = np.mgrid[:side, :side] + 0.5
    return np.exp(-((y - row) ** 2 + (x - column) ** 2) / breadth)


def fields(*planes):
    """One clip of one frame, [1, 1, h, w, c]."""
    return jnp.asarray(np.stack(planes, -1)[None, None])


def test_what_is_left_in_its_place_stays_as_it_is():
    clip = fields(bump(10, 12), bump(18, 9))
    np.testing.assert_allclose(moves.place(clip, jnp.ones(1), jnp.zeros((1, 2))), clip, atol=1e-6)


@pytest.mark.parametrize("size, down, right", [(1.25, 0.0, 0.0), (0.8, 0.1, -0.05)])
def test_a_point_goes_where_its_size_and_shift_say(size, down, right):
    seen = moves.place(fields(bump(9, 17)), jnp.array([size]), jnp.array([[down, right]]))
    row = 14 + size * (9 - 14) + 28 * down
    column = 14 + size * (17 - 14) + 28 * right
    expected = bump(row, column, breadth=20 * size**2)
    np.testing.assert_allclose(seen[0, 0, ..., 0], expected, atol=0.03)


def test_edges_are_repeated_outwards():
    plane = np.tile(np.arange(28.0), (28, 1))
    seen = moves.place(fields(plane), jnp.array([0.5]), jnp.zeros((1, 2)))[0, 0, ..., 0]
    assert (seen[:, :7] == 0).all() and (seen[:, -7:] == 27).all()


def test_sizes_and_shifts_keep_their_limits_and_fill_them():
    sizes, shifts = moves.places(KEY, 4000, 0.25, 0.05)
    assert 0.8 <= sizes.min() < 0.801 and 1.249 < sizes.max() <= 1.25
    assert abs(float(jnp.log(sizes).mean())) < 0.01
    assert 0.0499 < jnp.abs(shifts).max() <= 0.05


def test_displacement_grows_with_the_picture_and_strain_does_not():
    clip = fields(np.ones((4, 4)), -np.ones((4, 4)), np.ones((4, 4)))
    np.testing.assert_array_equal(moves.grown(clip, jnp.array([1.5]))[0, 0, 0, 0], [1.5, -1.5, 1])


def test_errors_are_smooth_and_no_larger_than_asked():
    rng = np.random.default_rng(0)
    clips = jnp.asarray(rng.standard_normal((200, 1, 28, 28, 3)) * [2.0, 2.0, 0.1])
    errors = moves.disturb(KEY, clips, 0.5) - clips
    shares = jnp.sqrt(
        (errors[..., :2] ** 2).mean((1, 2, 3, 4)) / (clips[..., :2] ** 2).mean((1, 2, 3, 4))
    )
    assert 0 < shares.min() < 0.02 and 0.48 < shares.max() < 0.501
    of_strain = jnp.sqrt(
        (errors[..., 2] ** 2).mean((1, 2, 3)) / (clips[..., 2] ** 2).mean((1, 2, 3))
    )
    np.testing.assert_allclose(of_strain, shares, rtol=1e-3)
    neighbours = np.corrcoef(errors[:, 0, :, :-1, 0].ravel(), errors[:, 0, :, 1:, 0].ravel())[0, 1]
    assert neighbours > 0.8


def test_a_still_clip_is_not_disturbed():
    clips = jnp.zeros((2, 3, 28, 28, 2))
    assert jnp.abs(moves.disturb(KEY, clips, 1.0)).max() < 1e-5


def test_half_of_a_clip_is_that_of_another_that_shows_the_same():
    labels = jnp.arange(40) % 4
    alike = moves.same_shown(labels, jnp.zeros(40, int))
    clips = jnp.arange(40.0)[:, None, None, None, None] * jnp.ones((40, 2, 28, 28, 2))
    mixed = np.asarray(moves.mix_halves(KEY, clips, alike, 1.0))
    masks = np.asarray(moves.half_masks(28, 28))
    halves = set()
    for i, clip in enumerate(mixed):
        taken = clip != i
        if not taken.any():
            continue  # it took its own half
        assert (clip[taken] % 4 == i % 4).all() and len(np.unique(clip[taken])) == 1
        halves.add([np.array_equal(taken[0, ..., 0], mask) for mask in masks].index(True))
        np.testing.assert_array_equal(taken[0], taken[1])
    assert halves == {0, 1, 2, 3}


def test_nobody_alike_and_no_chance_change_nothing():
    clips = jax.random.normal(KEY, (6, 1, 28, 28, 2))
    alone, all_alike = jnp.eye(6, dtype=bool), jnp.ones((6, 6), bool)
    np.testing.assert_array_equal(moves.mix_halves(KEY, clips, alone, 1.0), clips)
    np.testing.assert_array_equal(moves.mix_halves(KEY, clips, all_alike, 0.0), clips)


def test_the_same_is_shown_by_clips_of_one_label_and_one_sentence():
    alike = moves.same_shown(jnp.array([[1, 0], [1, 0], [1, 1], [1, 0]]), jnp.array([5, 5, 5, 6]))
    expected = np.eye(4, dtype=bool)
    expected[0, 1] = expected[1, 0] = True
    np.testing.assert_array_equal(alike, expected)


def test_devices_that_share_a_batch_move_it_as_one():
    settings = base.get_config().augment.unlock()
    settings.update(flip=True, zoom=0.2, shift=0.1, half_mix=1.0, disturb=0.5)
    motion = jax.random.randint(KEY, (8, 2, 56, 56, 2), 0, 256, jnp.uint8)
    labels, sentences = jnp.arange(8) % 2, jnp.zeros(8, int)

    def augmented(key, motion, labels, sentences, axis_name=None):
        alike = moves.same_shown(labels, sentences, axis_name)
        return inputs.augmented(key, Stored(None, motion), settings, axis_name, alike)

    four = jax.shard_map(
        partial(augmented, axis_name="data"),
        mesh=jax.make_mesh((4,), ("data",), (AxisType.Auto,)),
        in_specs=(PartitionSpec(), *(PartitionSpec("data"),) * 3),
        out_specs=PartitionSpec("data"),
        check_vma=False,
    )
    one = jax.jit(augmented)(KEY, motion, labels, sentences)
    np.testing.assert_allclose(jax.jit(four)(KEY, motion, labels, sentences), one, atol=1e-4)
    plain = inputs.seen(Stored(None, motion))
    assert (jnp.abs(one - plain).max((1, 2, 3, 4)) > 0.5).all()
