"""Micro-AU CLIP's blocks against plain float64 statements of their formulas; their promises."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.test_util import check_grads
from scipy import special

from merclip_jax.micro_au.model import (
    GlobalDependencyAttention,
    MicroAu,
    MicroAuConfig,
    PatchTokenAttention,
)
from merclip_jax.towers.config import TextConfig, VisionConfig

UNITS = ("1", "L12", "R12", "17")
B, T, GRID, E = 3, 2, 8, 32


def config(**changes):
    vision = VisionConfig.tiny(
        frames=4, image_size=64, patch_size=8, width=32, layers=1, local_width=16,
        global_layers=(0,), output_dim=E, global_dropout=0.0,
    )  # fmt: skip
    text = TextConfig.tiny(vocab_size=32, context=8, width=32, layers=1, output_dim=E)
    return MicroAuConfig(vision, text, UNITS, **changes)


@pytest.fixture(scope="module")
def tokens():
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.standard_normal((B, T, GRID**2, E)), jnp.float32)


def shaken(module, seed=1):
    """Every parameter moved off its start, so that none is 0 or 1 by chance."""
    rng = np.random.default_rng(seed)
    state = nnx.state(module, nnx.Param)
    moved = jax.tree.map(
        lambda x: x + 0.3 * jnp.asarray(rng.standard_normal(x.shape), x.dtype), state
    )
    nnx.update(module, moved)
    return module


def plain(module):
    """A module's parameters in float64, by dotted name."""
    flat = nnx.to_flat_state(nnx.state(module))
    return {".".join(map(str, path)): np.asarray(leaf[...], np.float64) for path, leaf in flat}


def layer_norm(x, scale, bias, eps=1e-6):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * scale + bias


def gelu(x):
    return x * special.ndtr(x)


def test_patch_token_attention_is_its_formula(tokens):
    cfg = config()
    module = shaken(PatchTokenAttention(cfg, E, dtype=None, rngs=nnx.Rngs(0)))
    features, weights = module(tokens, cfg.regions())
    p, x = plain(module), np.asarray(tokens, np.float64)
    normed = layer_norm(x, p["ln_tokens.scale"], p["ln_tokens.bias"])
    both = normed @ p["key_value.kernel"] + p["key_value.bias"]
    keys, values = both[..., :E], both[..., E:]
    expected, looked = np.zeros((B, 4, E)), np.zeros((B, 4, T, GRID**2))
    for b in range(B):
        for k, region in enumerate(cfg.regions()):
            heads = []
            for h in range(4):
                part = slice(h * E // 4, (h + 1) * E // 4)
                scores = keys[b, :, :, part] @ p["query"][k, part] / math.sqrt(E // 4)
                scores[:, ~region] = -np.inf
                share = special.softmax(scores.reshape(-1)).reshape(scores.shape)
                looked[b, k] += share / 4
                heads.append(np.einsum("tn,tnd->d", share, values[b, :, :, part]))
            expected[b, k] = np.concatenate(heads)
    expected = expected @ p["out.kernel"] + p["out.bias"]
    inner = layer_norm(expected, p["ln_mlp.scale"], p["ln_mlp.bias"])
    inner = gelu(inner @ p["mlp.c_fc.kernel"] + p["mlp.c_fc.bias"])
    expected = expected + inner @ p["mlp.c_proj.kernel"] + p["mlp.c_proj.bias"]
    # float32 sums of 64 x 2 tokens: 2e-5 relative is what single precision gives.
    np.testing.assert_allclose(features, expected, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(weights, looked, atol=1e-6)


def test_global_dependency_attention_is_its_formula():
    cfg, rng = config(), np.random.default_rng(2)
    module = shaken(GlobalDependencyAttention(cfg, E, dtype=None, rngs=nnx.Rngs(0)))
    features = rng.standard_normal((B, 4, E)).astype(np.float32)
    got, weights = module(jnp.asarray(features))
    p, f = plain(module), features.astype(np.float64)
    x = layer_norm(f + p["embedding"], p["norm.scale"], p["norm.bias"])
    q, k, v = np.split(x @ p["qkv.kernel"] + p["qkv.bias"], 3, axis=-1)
    heads, shares = [], np.zeros((B, 4, 4))
    for h in range(4):
        part = slice(h * E // 4, (h + 1) * E // 4)
        scores = q[..., part] @ k[..., part].swapaxes(1, 2) / math.sqrt(E // 4) + p["bias"]
        share = special.softmax(scores, axis=-1)
        shares += share / 4
        heads.append(share @ v[..., part])
    expected = f + np.concatenate(heads, -1) @ p["out.kernel"] + p["out.bias"]
    np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(weights, shares, atol=1e-6)


def test_a_token_outside_its_region_cannot_reach_a_unit(tokens):
    cfg = config()
    module = shaken(PatchTokenAttention(cfg, E, dtype=None, rngs=nnx.Rngs(0)))
    before, weights = module(tokens, cfg.regions())
    for k, region in enumerate(cfg.regions()):
        assert 0 < region.sum() < GRID**2
        outside = jnp.where(jnp.asarray(region)[:, None], tokens, tokens + 100.0)
        inside = jnp.where(jnp.asarray(region)[:, None], tokens[::-1], tokens)
        np.testing.assert_array_equal(module(outside, cfg.regions())[0][:, k], before[:, k])
        assert np.abs(module(inside, cfg.regions())[0][:, k] - before[:, k]).max() > 1e-3
        assert not np.asarray(weights)[:, k][:, :, ~region].any()
        np.testing.assert_allclose(np.asarray(weights)[:, k].sum((1, 2)), 1, rtol=1e-5)


def test_each_unit_is_read_without_the_others_before_they_hear_of_each_other(tokens):
    """Local independence: another unit's query changes nothing; after GDA it does."""
    model = shaken(MicroAu(config(), rngs=nnx.Rngs(0)))
    video = jnp.zeros((B, 1, E))
    flat = jnp.concatenate([video, tokens.reshape(B, -1, E)], axis=1)
    before = model.read(flat)
    model.pta.query[...] = model.pta.query[...].at[3].add(1.0)
    after = model.read(flat)
    np.testing.assert_array_equal(before.local[:, :3], after.local[:, :3])
    assert np.abs(before.local[:, 3] - after.local[:, 3]).max() > 1e-3
    assert np.abs(before.features[:, :3] - after.features[:, :3]).max() > 1e-5


def test_a_new_model_hears_of_nothing_yet_and_without_dependency_never_will(tokens):
    video = jnp.zeros((B, 1, E))
    flat = jnp.concatenate([video, tokens.reshape(B, -1, E)], axis=1)
    new = MicroAu(config(), rngs=nnx.Rngs(0)).read(flat)
    np.testing.assert_array_equal(new.local, new.features)
    alone = shaken(MicroAu(config(dependency=False), rngs=nnx.Rngs(0))).read(flat)
    np.testing.assert_array_equal(alone.local, alone.features)
    np.testing.assert_array_equal(alone.unit_weights[0], np.eye(4))


def test_the_whole_face_is_seen_where_regions_are_off():
    assert config(local=False).regions().all()


@pytest.mark.parametrize("module", [PatchTokenAttention, GlobalDependencyAttention])
def test_gradients_agree_with_differences(module, tokens):
    cfg = config()
    block = shaken(module(cfg, E, dtype=None, rngs=nnx.Rngs(0)))
    graphdef, params = nnx.split(block)
    features = tokens[:, 0, : len(UNITS)]
    given = (tokens, cfg.regions()) if module is PatchTokenAttention else (features,)

    def value(params):
        params = jax.tree.map(jnp.asarray, params)
        return jnp.sin(nnx.merge(graphdef, params)(*given)[0]).sum()

    check_grads(value, (params,), order=1, modes=["rev"], atol=2e-2, rtol=2e-2)


def test_a_saved_model_comes_back_bit_by_bit(tmp_path):
    model = shaken(MicroAu(config(), rngs=nnx.Rngs(0)))
    model.correlation[...] = jnp.eye(4) * 0.5
    model.save_pretrained(tmp_path, None, {"units": list(UNITS)})
    back = MicroAu.from_pretrained(tmp_path)
    assert back.cfg == model.cfg
    ours, theirs = (dict(nnx.to_flat_state(nnx.state(m))) for m in (model, back))
    assert ours.keys() == theirs.keys()
    for path, leaf in ours.items():
        np.testing.assert_array_equal(leaf[...], theirs[path][...])
