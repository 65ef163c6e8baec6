import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.models import MerClip
from merclip_jax.towers import card, leaves
from merclip_jax.towers.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig

VISION = VisionConfig.tiny(
    frames=4, image_size=16, width=16, layers=2, global_layers=(1,), output_dim=8, local_width=10
)
SMALL = MerClipConfig(
    VISION, TextConfig.tiny(width=8, layers=1, output_dim=8), EmotionConfig(3, heads=2)
)


@pytest.fixture(scope="module")
def model() -> MerClip:
    return MerClip(SMALL, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def frames() -> jax.Array:
    return jax.random.normal(jax.random.key(1), (8, 4, 16, 16, 3))


def evaluate(model: MerClip, frames: jax.Array):
    """(output, output of the pass that records its stages, stages), compiled as one."""
    graphdef, state = nnx.split(model)

    @jax.jit
    def run(state, frames):
        model, stages = nnx.merge(graphdef, state), {}
        return model(frames), model(frames, intermediates=stages), stages

    return run(state, frames)


@pytest.fixture(scope="module")
def evaluated(model, frames):
    return evaluate(model, frames)


def training(cfg: MerClipConfig, seed: int = 0):
    """(params, rest) of a new model and a pure training step with them."""
    graphdef, params, rest = nnx.split(MerClip(cfg, rngs=nnx.Rngs(seed)), nnx.Param, ...)

    def step(params, rest, frames, key, axis_name=None):
        def loss(params):
            model = nnx.merge(graphdef, params, rest, copy=True)
            out = model(frames, train=True, rngs=nnx.Rngs(key), axis_name=axis_name)
            value = jnp.square(out.logits).mean() + jnp.square(out.clip_embedding).mean()
            return value, nnx.state(model, nnx.Not(nnx.Param))

        (value, rest_), grads = jax.value_and_grad(loss, has_aux=True)(params)
        if axis_name is not None:
            value, grads = jax.lax.pmean((value, grads), axis_name)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, grads), rest_, value

    return params, rest, step


def assert_close(tree, expected, atol):
    for a, b in zip(jax.tree.leaves(tree), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=atol)


SHALLOW = replace(
    SMALL,
    vision=replace(VISION, layers=1, global_layers=(0,)),
    emotion=replace(SMALL.emotion, layers=1),
)
STILL = replace(
    SHALLOW,
    vision=replace(SHALLOW.vision, global_dropout=0.0),
    emotion=replace(SHALLOW.emotion, dropout=0.0),
)


@pytest.fixture(scope="module")
def one_device(frames):
    params, rest, step = training(STILL)
    return jax.jit(step)(params, rest, frames, jax.random.key(0))


def test_a_batch_spread_over_devices_gives_the_same_step(one_device, frames):
    """BatchNorm sees the whole batch by itself. Float32 sums in another order: 1e-5."""
    params, rest, step = training(STILL)
    mesh = jax.make_mesh((4,), ("data",), (AxisType.Auto,), devices=jax.devices()[:4])
    spread = jax.device_put(frames, NamedSharding(mesh, PartitionSpec("data")))
    same = jax.device_put((params, rest), NamedSharding(mesh, PartitionSpec()))
    assert_close(jax.jit(step)(*same, spread, jax.random.key(0)), one_device, 1e-5)


def test_pmap_with_its_axis_gives_the_same_step(one_device, frames):
    params, rest, step = training(STILL)
    shares = frames.reshape(4, 2, *frames.shape[1:])
    run = jax.pmap(
        lambda p, r, x, k: step(p, r, x, k, "data"),
        axis_name="data",
        in_axes=(None, None, 0, None),
        out_axes=None,
        devices=jax.devices()[:4],
    )
    assert_close(run(params, rest, shares, jax.random.key(0)), one_device, 1e-5)


def test_folds_side_by_side_give_what_each_gives_alone(frames):
    """Dropout included: each fold draws from its own key. Other fusions round elsewhere: 1e-5."""
    first, second = training(SHALLOW, 0), training(SHALLOW, 1)
    step, keys = first[2], jax.random.split(jax.random.key(3), 2)
    alone = jax.jit(step)
    expected = [
        alone(*fold[:2], frames[4 * i : 4 * i + 4], keys[i])
        for i, fold in enumerate((first, second))
    ]
    stack = lambda *trees: jax.tree.map(lambda *x: jnp.stack(x), *trees)  # noqa: E731
    together = jax.jit(jax.vmap(step))(
        *stack(first[:2], second[:2]), frames.reshape(2, 4, *frames.shape[1:]), keys
    )
    assert_close(together, stack(*expected), 1e-5)


def test_models_of_one_config_share_a_compiled_step():
    a, b = (nnx.graphdef(MerClip(SMALL, rngs=nnx.Rngs(seed))) for seed in (0, 1))
    assert a == b and hash(a) == hash(b)


def test_last_block_computes_one_token_only_with_the_same_logits(evaluated):
    np.testing.assert_allclose(evaluated[0].logits, evaluated[1].logits, atol=1e-5)


def test_logits_are_the_mean_over_the_blocks(model, evaluated):
    out, _, stages = evaluated
    votes = [model.emotion.fc(model.emotion.norm(stages[f"emotion{i}"][:, 0])) for i in range(2)]
    np.testing.assert_allclose(out.logits, (votes[0] + votes[1]) / 2, atol=1e-6)


def test_without_blocks_the_head_is_linear_in_the_normalised_video_token(frames):
    linear = replace(SMALL, emotion=replace(SMALL.emotion, layers=0))
    model = MerClip(linear, rngs=nnx.Rngs(0))
    out = model(frames[:2])
    first = model.emotion.norm(out.tokens[:, 0])
    np.testing.assert_allclose(out.logits, model.emotion.fc(first), atol=1e-6)


def test_without_adapters_a_new_model_says_what_it_said_and_can_be_saved(tmp_path, frames):
    """New adapters add nothing, so taking them away changes nothing: the video token was zero."""
    whole, bare = MerClip(SMALL, rngs=nnx.Rngs(0)), MerClip(SMALL, rngs=nnx.Rngs(0))
    bare.without_adapters()
    adapters = leaves.arrays(whole).keys() - leaves.arrays(bare).keys()
    assert {name.split(".")[1] for name in adapters} == {"blocks", "global_blocks"}
    assert all(".lmhra" in name for name in adapters if name.startswith("vision.blocks"))
    for value, expected in zip(bare(frames[:2]), whole(frames[:2]), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)
    bare.save_pretrained(tmp_path)
    loaded = MerClip.from_pretrained(tmp_path)
    np.testing.assert_array_equal(loaded(frames[:1]).logits, bare(frames[:1]).logits)


def test_rematerialisation_changes_no_step(frames):
    """Nor its random draws, whose keys are counted through; sums may be reordered."""
    deep = replace(VISION, drop_path=0.3, global_drop_path=0.3, global_dropout=0.5)
    steps = []
    for remat in (False, True):
        cfg = replace(SMALL, vision=replace(deep, remat=remat))
        params, rest, step = training(cfg)
        steps.append(jax.jit(step)(params, rest, frames, jax.random.key(2)))
    assert_close(*steps, 1e-5)


def test_dropout_needs_random_streams(model, frames):
    """Where its rates are 0 it needs none: the spread steps run without."""
    graphdef, state = nnx.split(model)
    with pytest.raises(ValueError, match="rngs"):
        jax.eval_shape(lambda state: nnx.merge(graphdef, state)(frames, train=True), state)


def test_bfloat16_computes_with_float32_parameters(model, frames, evaluated):
    """Outputs are float32; 2 ** -8 per product adds up to some percent over the depth."""
    cfg = MerClipConfig(
        replace(VISION, dtype="bfloat16"),
        replace(SMALL.text, dtype="bfloat16"),
        replace(SMALL.emotion, dtype="bfloat16"),
    )
    half = leaves.fill(MerClip(cfg, rngs=nnx.Rngs(0)), leaves.arrays(model), "model")
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(nnx.state(half)))
    for value, expected in zip(evaluate(half, frames)[0], evaluated[0], strict=True):
        assert value.dtype == jnp.float32
        assert 0 < jnp.abs(value - expected).max() < 0.05 * jnp.abs(expected).max()
    text = half.encode_text(jnp.array([[1, 511]]))
    assert text.dtype == jnp.float32


def test_save_and_load_is_exact(model, frames, tmp_path):
    trained = MerClip(SMALL, rngs=nnx.Rngs(5))
    for _, statistic in nnx.to_flat_state(nnx.state(trained, nnx.BatchStat)):
        statistic[...] = jax.random.uniform(jax.random.key(2), statistic.shape)
    nnx.update(trained, nnx.state(trained))
    tokenizer = Tokenizer(WordLevel({"a": 0}, unk_token="a"))
    trained.save_pretrained(tmp_path / "m", tokenizer, {"classes": ["x", "y", "z"]})
    loaded = MerClip.from_pretrained(tmp_path / "m")
    assert loaded.cfg == SMALL
    before, after = leaves.arrays(trained), leaves.arrays(loaded)
    assert before.keys() == after.keys()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)
    assert Tokenizer.from_file(str(tmp_path / "m/tokenizer.json")).token_to_id("a") == 0
    assert json.loads((tmp_path / "m/merclip.json").read_text())["classes"] == ["x", "y", "z"]
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "README.md",
        "config.json",
        "merclip.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_the_card_says_what_is_known_and_no_more():
    bare = card.model_card(SMALL, {"dataset": "a"})
    assert "trained on the corpus `a`\n" in bare
    whole = card.model_card(SMALL, {"dataset": "a", "protocol": "a/3", "seed": 0})
    assert "trained on the corpus `a`, protocol `a/3`, seed 0\n" in whole


@pytest.fixture
def saved(model, tmp_path):
    model.save_pretrained(tmp_path)
    return tmp_path


def test_missing_files_are_named(saved):
    (saved / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"holds none of model\.safetensors"):
        MerClip.from_pretrained(saved)


def test_damaged_files_are_named(saved):
    weights = saved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"model\.safetensors: unreadable"):
        MerClip.from_pretrained(saved)
    (saved / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json"):
        MerClip.from_pretrained(saved)


def test_weights_of_another_model_list_every_misfit(saved):
    config = json.loads((saved / "config.json").read_text())
    config["emotion"]["classes"] = 5
    config["emotion"]["layers"] = 1
    (saved / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError) as error:
        MerClip.from_pretrained(saved)
    faults = error.value.faults
    assert "emotion.fc.kernel: shape (8, 3), but the model has (8, 5)" in faults
    assert "emotion.blocks.1.ln_1.bias: not a part of this model" in faults
    assert len(faults) == 2 + 12
