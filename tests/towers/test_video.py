import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from merclip_jax.errors import ConfigError
from merclip_jax.towers import video
from merclip_jax.towers.config import VisionConfig

SMALL = dict(frames=4, image_size=16, width=16, layers=2, global_layers=(1,), output_dim=8)


def tower(**changes) -> video.VideoTower:
    cfg = VisionConfig.tiny(**SMALL | changes)
    return video.VideoTower(cfg, rngs=nnx.Rngs(0))


def frames(seed: int, *shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), (*shape, 16, 16, 3))


def compiled(model: video.VideoTower):
    graphdef, state = nnx.split(model)
    run = jax.jit(lambda state, frames: nnx.merge(graphdef, state)(frames))
    return lambda frames: run(state, frames)


@pytest.fixture(scope="module")
def small():
    """A tower in which no branch is zero any more, as a compiled function."""
    model = tower()
    keys = nnx.Rngs(1)
    for _, module in nnx.iter_modules(model):
        for name in ("up", "c_proj", "out"):
            if hasattr(module, name):
                linear = getattr(module, name)
                linear.kernel[...] = 0.3 * jax.random.normal(keys(), linear.kernel.shape)
    return compiled(model)


@pytest.mark.parametrize("count", [1, 7])
def test_any_number_of_frames(small, count):
    embedding, tokens = small(frames(2, 2, count))
    assert embedding.shape == (2, 8)
    assert tokens.shape == (2, 1 + (count + 1) // 2 * 4, 8)


def test_clips_do_not_mix_in_evaluation(small):
    x = frames(2, 3, 4)
    changed = small(x.at[0].set(0.0))
    for a, b in zip(small(x), changed, strict=True):
        np.testing.assert_array_equal(a[1:], b[1:])
        assert jnp.abs(a[0] - b[0]).max() > 1e-2


def test_the_order_of_frames_matters(small):
    x = frames(2, 3, 4)
    assert jnp.abs(small(x)[0] - small(x[:, ::-1])[0]).max() > 1e-2


def test_a_new_tower_is_clip_on_single_time_steps():
    """Local and global blocks start at zero, so two equal halves give the same patch tokens."""
    model = compiled(tower(temporal_downsample=False))
    still = jnp.repeat(frames(2, 1, 1), 4, axis=1)
    patches = model(still)[1][0, 1:].reshape(4, 4, 8)
    np.testing.assert_allclose(patches, jnp.broadcast_to(patches[:1], patches.shape), atol=1e-6)
    moved = model(still.at[:, 3].add(1.0))[1][0, 1:].reshape(4, 4, 8)
    np.testing.assert_allclose(moved[:3], patches[:3], atol=1e-6)


def test_training_updates_every_running_statistic():
    graphdef, state = nnx.split(tower(layers=1, global_layers=()))

    @jax.jit
    def train(state, frames):
        model = nnx.merge(graphdef, state)
        model(frames, train=True)
        return nnx.state(model)

    trained = train(state, frames(2, 2, 4))
    before, after = (jax.tree.leaves(nnx.filter_state(s, nnx.BatchStat)) for s in (state, trained))
    assert len(before) == 4
    assert all(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_stochastic_depth_drops_whole_samples():
    branch = jnp.ones((64, 2, 3, 4))
    kept = video.Mode(train=True, rngs=nnx.Rngs(0)).drop(video.stochastic_depth(0.25, 4), branch)
    per_sample = np.asarray(kept).reshape(64, -1)
    assert set(np.unique(per_sample)) == {0, np.float32(1 / 0.75)}
    assert (per_sample.min(1) == per_sample.max(1)).all()
    assert 0.5 < (per_sample[:, 0] > 0).mean() < 0.95


def test_released_depth_drops_token_positions_and_whole_batches():
    """As a mask over axis 0 of the release's (tokens, clips x steps, c) and (1, clips, c)."""
    model = tower(layers=1, global_layers=(0,), drop_axis="released", drop_path=0.5,
                  global_drop_path=0.5)  # fmt: skip
    mode = video.Mode(train=True, rngs=nnx.Rngs(0))
    block, arm = model.blocks[0], model.global_blocks[0]
    kept = np.asarray(mode.drop(block.drop_path, jnp.ones((3, 2, 64, 4))))
    assert (kept == kept[:1, :1, :, :1]).all() and len(np.unique(kept)) in (1, 2)
    assert {
        float(np.asarray(mode.drop(arm.drop_path, jnp.ones((8, 1, 4)))).std()) for _ in "abc"
    } == {0.0}
    local = np.asarray(mode.drop(block.drop_local, jnp.ones((64, 2, 3, 4)))).reshape(64, -1)
    assert (local.min(1) == local.max(1)).all()


def test_rates_grow_linearly_with_depth():
    model = tower(layers=3, global_layers=(1, 2), drop_path=0.2, global_drop_path=0.4)
    assert [block.drop_path.rate for block in model.blocks] == pytest.approx([0, 0.1, 0.2])
    assert [block.drop_path.rate for block in model.global_blocks] == pytest.approx([0, 0.4])


def test_frames_of_another_size_are_refused(small):
    with pytest.raises(ConfigError, match="24 x 16 .* to 16 x 16"):
        small(jnp.zeros((1, 4, 24, 16, 3)))
