import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from merclip_jax.towers import attention, clip, layers
from merclip_jax.towers.config import TextConfig

INIT = layers.BlockInit(*[nnx.initializers.normal(0.3)] * 4, fc_bias=layers.torch_bias)


def normal(seed: int, *shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture(scope="module")
def mha() -> attention.MultiHeadAttention:
    mha = attention.MultiHeadAttention(12, 3, init=INIT, dtype=None, rngs=nnx.Rngs(0))
    mha.qkv.bias[...] = normal(9, 36)
    return mha


@pytest.fixture(scope="module")
def block() -> clip.Block:
    return clip.Block(12, 3, 2.0, layers.exact_gelu, init=INIT, dtype=None, rngs=nnx.Rngs(0))


def test_activations_by_their_definitions():
    x = jnp.array([-1.0, 0.0, 2.0])
    np.testing.assert_allclose(
        layers.quick_gelu(x), [-1 / (1 + np.exp(1.702)), 0, 2 / (1 + np.exp(-3.404))], rtol=1e-6
    )
    # Phi(-1) and Phi(2) from tables; the tanh form would be 1.4e-4 off.
    np.testing.assert_allclose(layers.exact_gelu(x), [-0.15865525, 0, 2 * 0.97724987], atol=1e-6)


def test_attention_agrees_with_jax(mha):
    x = normal(1, 2, 7, 12)
    q, k, v = (part.reshape(2, 7, 3, 4) for part in jnp.split(mha.qkv(x), 3, -1))
    for causal in (False, True):
        expected = jax.nn.dot_product_attention(q, k, v, is_causal=causal).reshape(2, 7, 12)
        np.testing.assert_allclose(mha(x, causal), mha.out(expected), atol=1e-5)


def test_pooling_a_few_queries_is_ordinary_attention(mha):
    """The form without keys and values, against `__call__` read at the same queries."""
    x = normal(1, 2, 7, 12)
    np.testing.assert_allclose(mha.pool(x[:, :2], x), mha(x)[:, :2], atol=1e-5)


def test_first_token_is_that_of_the_whole_block(block):
    x = normal(1, 2, 7, 12)
    np.testing.assert_allclose(block.first_token(x)[:, 0], block(x)[:, 0], atol=1e-5)


def test_bfloat16_products_keep_float32_softmax():
    """Scores of 256 and 257 are one number in bfloat16; their softmax must still sum to 1."""
    scores = jnp.array([[300.0, 300.0, 0.0]], jnp.bfloat16)
    assert layers.softmax(scores).dtype == jnp.bfloat16
    np.testing.assert_array_equal(layers.softmax(scores), [[0.5, 0.5, 0.0]])


@pytest.fixture(scope="module")
def tower() -> clip.TextTower:
    return clip.TextTower(TextConfig.tiny(layers=1), rngs=nnx.Rngs(0))


def test_text_is_read_at_its_end_and_not_behind_it(tower):
    """511 is the highest id, hence the end of text."""
    text = jnp.array([[5, 6, 511, 0, 0]])
    padded = jnp.array([[5, 6, 511, 7, 8]])
    other = jnp.array([[5, 7, 511, 0, 0]])
    np.testing.assert_array_equal(tower(text), tower(padded))
    assert jnp.abs(tower(text) - tower(other)).max() > 1e-3
    np.testing.assert_allclose(tower(text), tower(text[:, :3]), atol=1e-6)


def test_text_is_causal(tower):
    features = tower.all_positions(jnp.array([[5, 6, 7, 8]]))
    changed = tower.all_positions(jnp.array([[5, 6, 7, 9]]))
    np.testing.assert_allclose(features[:, :3], changed[:, :3], atol=1e-6)
    assert jnp.abs(features[:, 3] - changed[:, 3]).max() > 1e-3


@pytest.mark.parametrize("masked", [False, True])
def test_attention_and_its_gradient_are_those_of_the_plain_form(masked):
    """In float64, so that nothing but the formula can differ."""
    with jax.enable_x64(True):
        q, k, v, out = (
            jax.random.normal(jax.random.key(i), (2, 3, 5, 4), jnp.float64) for i in range(4)
        )
        mask = jnp.tri(5, dtype=bool) if masked else None

        def plain(q, k, v):
            scores = jnp.einsum("bhqd,bhkd->bhqk", q, k)
            scores = scores if mask is None else jnp.where(mask, scores, -jnp.inf)
            return jnp.einsum("bhqk,bhkd->bhqd", jax.nn.softmax(scores), v)

        ours = jax.vjp(lambda *x: attention.attend(*x, mask), q, k, v)
        theirs = jax.vjp(plain, q, k, v)
        np.testing.assert_allclose(ours[0], theirs[0], atol=1e-14)
        for value, expected in zip(ours[1](out), theirs[1](out), strict=True):
            np.testing.assert_allclose(value, expected, atol=1e-13)
