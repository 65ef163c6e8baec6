import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from merclip_jax.towers import conv


def normal(seed: int, *shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), shape)


def patch_embedding(temporal_downsample: bool) -> conv.PatchEmbedding:
    return conv.PatchEmbedding(
        4, 6, temporal_downsample=temporal_downsample, dtype=None, rngs=nnx.Rngs(0)
    )


@pytest.mark.parametrize("frames", [1, 2, 7, 8])
def test_tubelets_are_a_convolution_padded_by_one_on_both_sides(frames):
    embed = patch_embedding(temporal_downsample=True)
    x = normal(1, 2, frames, 8, 12, 3)
    kernel = embed.projection.kernel[...].reshape(3, 4, 4, 3, 6)
    expected = jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(2, 4, 4),
        padding=[(1, 1), (0, 0), (0, 0)],
        dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
    )
    assert expected.shape[1] == (frames + 1) // 2
    np.testing.assert_allclose(embed(x), expected, atol=1e-5)  # sums of 144 float32 products


def test_without_downsampling_every_frame_is_embedded_alone():
    embed = patch_embedding(temporal_downsample=False)
    x = normal(1, 2, 5, 8, 8, 3)
    np.testing.assert_array_equal(embed(x)[:, 3:4], embed(x[:, 3:4]))


def grouped_convolution(x, kernel):
    return jax.lax.conv_general_dilated(
        x,
        kernel[:, :, :, None],
        window_strides=(1, 1, 1),
        padding=[(size // 2, size // 2) for size in kernel.shape[:3]],
        dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
        feature_group_count=x.shape[-1],
    )


@pytest.mark.parametrize("size", [(3, 1, 1), (3, 3, 3)])
def test_depthwise_and_its_gradient_are_those_of_a_grouped_convolution(size):
    x, kernel, weight = normal(1, 2, 4, 5, 3, 6), normal(2, *size, 6), normal(3, 2, 4, 5, 3, 6)

    def both(function):
        value = function(x, kernel)
        return value, jax.grad(lambda x, k: (function(x, k) * weight).sum(), (0, 1))(x, kernel)

    for ours, expected in zip(
        jax.tree.leaves(both(conv.depthwise)),
        jax.tree.leaves(both(grouped_convolution)),
        strict=True,
    ):
        np.testing.assert_allclose(ours, expected, atol=2e-5)  # sums of 120 float32 products


def test_depthwise_gradient_by_differences(x64):
    x, kernel = normal(1, 1, 3, 3, 2, 2), normal(2, 3, 3, 3, 2)
    check_grads(jax.jit(conv.depthwise), (x, kernel), order=1, modes=["rev"])


def test_batch_norm_by_hand():
    """1, 2, 3, 6: mean 3, biased variance 3.5, unbiased 14/3."""
    norm = conv.BatchNorm(1)
    out = norm(jnp.array([[1.0], [2.0], [3.0], [6.0]]), train=True)
    deviations = np.array([[-2.0], [-1.0], [0.0], [3.0]])
    np.testing.assert_allclose(out, deviations / np.sqrt(3.5 + 1e-5), rtol=1e-6)
    np.testing.assert_allclose(norm.mean[...], 0.1 * 3, rtol=1e-6)
    np.testing.assert_allclose(norm.var[...], 0.9 + 0.1 * 14 / 3, rtol=1e-6)


def test_batch_norm_evaluates_with_running_statistics_and_leaves_them():
    norm = conv.BatchNorm(1)
    norm.mean[...], norm.var[...] = jnp.array([2.0]), jnp.array([4.0])
    np.testing.assert_allclose(norm(jnp.array([[6.0]])), 2.0, rtol=1e-5)
    assert (norm.mean[0], norm.var[0]) == (2.0, 4.0)


def test_batch_norm_keeps_float32_statistics_of_bfloat16():
    """256 and 257 are one number in bfloat16 sums, not in float32 ones."""
    norm = conv.BatchNorm(1)
    x = jnp.tile(jnp.array([[1.0], [1.0078125]], jnp.bfloat16), (512, 1))
    assert norm(x, train=True).dtype == jnp.bfloat16
    np.testing.assert_allclose(norm.mean[...], 0.1 * 1.00390625, rtol=1e-6)


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 4), st.floats(-3, 3))
def test_batch_norm_over_a_named_axis_is_that_of_the_whole_batch(devices, shift):
    x = normal(devices, 4 * devices, 3) + shift

    def run(x, axis_name=None):
        norm = conv.BatchNorm(3)
        out = norm(x, train=True, axis_name=axis_name)
        return out, norm.mean[...], norm.var[...]

    shares = x.reshape(devices, 4, 3)
    out, mean, var = jax.vmap(lambda x: run(x, "data"), axis_name="data")(shares)
    whole = run(x)
    np.testing.assert_allclose(out.reshape(x.shape), whole[0], atol=1e-5)
    np.testing.assert_allclose(mean, np.tile(whole[1], (devices, 1)), atol=1e-6)
    np.testing.assert_allclose(var, np.tile(whole[2], (devices, 1)), atol=1e-6)


def test_batch_norm_of_groups_is_that_of_devices_without_synchronisation():
    """Two devices of four clips, whose running statistics are averaged."""
    x, where = normal(0, 8, 2, 3, 5) + 1.0, jnp.arange(3)[:, None] > 0
    norm = conv.BatchNorm(5, clips=4)
    out = norm(x, train=True, where=where)
    alone = [conv.BatchNorm(5) for _ in range(2)]
    parts = [one(x[4 * i : 4 * i + 4], train=True, where=where) for i, one in enumerate(alone)]
    np.testing.assert_allclose(out, np.concatenate(parts), atol=1e-6)
    for name in ("mean", "var"):
        mean = np.mean([getattr(one, name)[...] for one in alone], axis=0)
        np.testing.assert_allclose(getattr(norm, name)[...], mean, atol=1e-6)


def test_a_new_local_block_adds_nothing():
    local = conv.LocalMHRA(6, 4, dtype=None, rngs=nnx.Rngs(0))
    assert not local(normal(1, 2, 4, 3, 6), train=True).any()


def test_a_local_block_sees_the_neighbouring_time_steps_and_nothing_else():
    local = conv.LocalMHRA(6, 4, dtype=None, rngs=nnx.Rngs(0))
    local.up.kernel[...] = normal(2, 4, 6)
    x = normal(1, 1, 6, 4, 6)
    moved = jnp.abs(local(x.at[0, 3, 2, 0].add(1.0)) - local(x)).max(-1)[0]
    assert set(zip(*map(np.ndarray.tolist, np.nonzero(np.asarray(moved))), strict=True)) == {
        (2, 2),
        (3, 2),
        (4, 2),
    }


def test_class_tokens_neither_enter_a_local_block_nor_leave_it():
    local = conv.LocalMHRA(6, 4, dtype=None, rngs=nnx.Rngs(0))
    local.up.kernel[...] = normal(2, 4, 6)
    x = normal(1, 2, 6, 4, 6)
    out = local(x, train=True)
    mean = np.asarray(local.norm.mean[...])
    assert not out[:, :, 0].any()
    np.testing.assert_array_equal(out, local(x.at[:, :, 0].set(9.0), train=True))
    np.testing.assert_allclose(mean, 0.1 * np.asarray(x[:, :, 1:]).mean((0, 1, 2)), atol=1e-6)
