"""The published networks: their sizes by hand, and their formulas stated again in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from numpy.lib.stride_tricks import sliding_window_view
from scipy import special

from merclip_jax.baselines.networks import NETWORKS, HtNet, OffApexNet, StstNet

RNG = np.random.default_rng(3)
PICTURES = RNG.normal(size=(2, 28, 28, 3)).astype(np.float32)
SEEN = jnp.asarray(PICTURES)


def seeded(kind):
    """A network with fixed random weights; also its biases and statistics are not 0."""
    model = kind(3, rngs=nnx.Rngs(0))
    graph, state = nnx.split(model)
    rng = np.random.default_rng(7)

    def drawn(leaf):
        values = rng.normal(size=leaf.shape) / max(1, np.prod(leaf.shape[:-1])) ** 0.5
        return jnp.asarray(abs(values) if leaf.ndim == 1 else values, leaf.dtype)

    return nnx.merge(graph, jax.tree.map(drawn, state))


def conv(x, layer):
    """A convolution with stride 1 whose picture keeps its size."""
    kernel, bias = np.asarray(layer.kernel[...]), np.asarray(layer.bias[...])
    side = kernel.shape[0]
    edge = side // 2
    padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    windows = sliding_window_view(padded, (side, side), axis=(1, 2))
    return np.einsum("byxcij,ijco->byxo", windows, kernel) + bias


def pooled(x, side, stride, how, before=0, after=0):
    padded = (
        np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)), constant_values=-np.inf)
        if before + after
        else x
    )
    windows = sliding_window_view(padded, (side, side), axis=(1, 2))
    return how(windows[:, ::stride, ::stride], (-2, -1))


def linear(x, layer):
    return x @ np.asarray(layer.kernel[...]) + np.asarray(layer.bias[...])


def normed(x, layer):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * np.asarray(layer.scale[...]) + np.asarray(layer.bias[...])


def relu(x):
    return np.maximum(x, 0)


def off_apexnet(model, x):
    flat = []
    for i, stream in enumerate(model.streams):
        y = x[..., [i]]
        for layer in stream:
            y = pooled(relu(conv(y, layer)), 2, 2, np.max)
        flat.append(y.reshape(len(y), -1))
    y = np.concatenate(flat, 1)
    for layer in model.hidden:
        y = relu(linear(y, layer))
    return linear(y, model.out)


def ststnet(model, x):
    flat = []
    for layer, norm in zip(model.streams, model.norms, strict=True):
        y = relu(conv(x, layer))
        y = (y - np.asarray(norm.mean[...])) / np.sqrt(np.asarray(norm.var[...]) + 1e-5)
        y = y * np.asarray(norm.scale[...]) + np.asarray(norm.bias[...])
        flat.append(pooled(y, 3, 3, np.max, 1, 1))
    y = pooled(np.concatenate(flat, -1), 2, 2, np.mean)
    assert y.shape[1:] == (5, 5, 16)
    return linear(y.reshape(len(y), -1), model.out)


def attended(x, layer):
    n, width = x.shape[1:]
    q, k, v = np.split(linear(x, layer.qkv), 3, -1)
    heads = []
    for first in range(0, width, width // layer.heads):
        own = slice(first, first + width // layer.heads)
        scores = q[..., own] @ k[..., own].swapaxes(1, 2) / np.sqrt(width // layer.heads)
        heads.append(special.softmax(scores, -1) @ v[..., own])
    return linear(np.concatenate(heads, -1), layer.out)


def layers_of(x, blocks):
    for block in blocks:
        x = x + attended(normed(x, block.norms[0]), block.attend)
        y = linear(normed(x, block.norms[1]), block.widen)
        x = x + linear(y * special.ndtr(y), block.narrow)
    return x


def htnet(model, x):
    face = np.zeros((len(x), 4, 4, 64))
    for top in (0, 2):
        for left in (0, 2):
            corners = [(top + i, left + j) for i in (0, 1) for j in (0, 1)]
            patches = [x[:, 7 * i : 7 * i + 7, 7 * j : 7 * j + 7] for i, j in corners]
            tokens = np.stack([patch.reshape(len(x), -1) for patch in patches], 1)
            tokens = linear(tokens, model.embed) + np.asarray(model.positions[0][...])
            tokens = layers_of(tokens, model.levels[0])
            for at, (i, j) in enumerate(corners):
                face[:, i, j] = tokens[:, at]
    # four pixels, windows of three and stride two: one row of padding, below
    joined = pooled(normed(conv(face, model.join), model.norms[0]), 3, 2, np.max, 0, 1)
    tokens = joined.reshape(len(x), 4, -1) + np.asarray(model.positions[1][...])
    return linear(normed(layers_of(tokens, model.levels[1]), model.norms[1]).mean(1), model.out)


@pytest.mark.parametrize(
    ("kind", "formula"), [(OffApexNet, off_apexnet), (StstNet, ststnet), (HtNet, htnet)]
)
def test_outputs_are_those_of_the_formula(kind, formula):
    model = seeded(kind)
    found = np.asarray(model(SEEN))
    assert found.shape == (2, 3) and np.ptp(found) > 1e-2
    np.testing.assert_allclose(found, formula(model, PICTURES), rtol=2e-4, atol=2e-5)


def test_parameters_counted_by_hand():
    stream = (5 * 5 * 1 * 6 + 6) + (5 * 5 * 6 * 16 + 16)
    apex = 2 * stream + (1568 * 1024 + 1024) + (1024 * 1024 + 1024) + (1024 * 3 + 3)
    block = lambda c: 4 * c + (3 * c * c + 3 * c) + (c * c + c) + (8 * c * c + 5 * c)  # noqa: E731
    level = lambda c: 4 * c + 2 * block(c)  # noqa: E731
    ht = (147 * 64 + 64) + level(64) + level(128) + (9 * 64 * 128 + 128) + 2 * 256 + (128 * 3 + 3)
    assert apex == 2_664_475
    for kind, count in ((OffApexNet, apex), (StstNet, 1683), (HtNet, ht)):
        state = nnx.state(kind(3, rngs=nnx.Rngs(0)), nnx.Param)
        assert sum(leaf.size for leaf in jax.tree.leaves(state)) == count


def test_off_apexnet_does_not_see_strain():
    model, other = seeded(OffApexNet), PICTURES.copy()
    other[..., 2] = 5
    np.testing.assert_array_equal(model(SEEN), model(jnp.asarray(other)))


def test_ststnet_in_training_uses_the_batch_and_drops():
    model = seeded(StstNet)
    before = np.asarray(model.norms[0].mean[...])
    first, second = (model(SEEN, train=True, rngs=nnx.Rngs(seed)) for seed in (0, 1))
    assert np.abs(first - second).max() > 1e-3
    assert np.abs(np.asarray(model.norms[0].mean[...]) - before).max() > 1e-3


@pytest.mark.parametrize("kind", NETWORKS.values())
def test_what_is_saved_is_loaded(kind, tmp_path):
    model = seeded(kind)
    model.save_pretrained(tmp_path, None, {"classes": ["a", "b", "c"]})
    np.testing.assert_array_equal(kind.from_pretrained(tmp_path)(SEEN), model(SEEN))
    card = (tmp_path / "README.md").read_text()
    assert f"# {kind.title}, not fine-tuned" in card and "CLIP" not in card.split("##")[0]
