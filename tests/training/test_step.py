"""The step's own parts; what runs and devices make of it is tested in test_train."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from merclip_jax.configs import base
from merclip_jax.data import augment
from merclip_jax.data.inputs import Stored
from merclip_jax.merclip import task
from merclip_jax.merclip.sentences import SentenceTable
from merclip_jax.models import MerClip
from merclip_jax.towers.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig
from merclip_jax.training import step
from merclip_jax.training.batch import AugmentedBatch, Shared

NO_CLIPS = np.zeros(0, np.int32)
SIZES = MerClipConfig(
    VisionConfig.tiny(
        frames=4, image_size=16, width=16, layers=1, global_layers=(0,), output_dim=8,
        local_width=8, global_dropout=0.0,
    ),
    TextConfig.tiny(width=8, layers=1, output_dim=8),
    EmotionConfig(3, layers=1, heads=2, dropout=0.0),
)  # fmt: skip


@pytest.fixture
def config():
    config = base.get_config()
    config.recipe.batch_size = 4
    config.recipe.epochs = 4
    config.recipe.warmup_epochs = 1
    config.augment.augmix = config.augment.color = False
    config.augment.face_mix = 0.0
    return config


def learner_of(config, cfg=SIZES, steps_per_epoch=4):
    model = MerClip(cfg, rngs=nnx.Rngs(0))
    sentences = SentenceTable((), np.zeros((0, 7, 6), np.int32), NO_CLIPS, NO_CLIPS)
    own = task.Task(("a", "b", "c"), NO_CLIPS, sentences, config)
    learner, params, model_state, frozen = step.Learner.create(model, own, config, steps_per_epoch)
    return model, learner, learner.start(params, model_state, jax.random.key(0)), frozen


def test_of_an_apex_config_the_apex_alone_is_seen(config):
    config.data.update(frames=1, temporal="apex")
    _, learner, state, _ = learner_of(config)
    places = (jnp.array([0, 10, 30]), jnp.array([10, 20, 5]), jnp.array([3, 19, 0]))
    for train in (True, False):
        rows = learner.choose_rows(state, *places, train)
        np.testing.assert_array_equal(rows, [[3], [29], [30]])
    config.data.motion = "none"
    np.testing.assert_array_equal(learner.choose_rows(state, *places, True), [[0], [10], [30]])


def prepared(seed: int) -> AugmentedBatch:
    keys = jax.random.split(jax.random.key(seed), 2)
    return AugmentedBatch(
        jax.random.normal(keys[0], (4, 4, 16, 16, 3)),
        jnp.array([0, 1, 2, 0]),
        jnp.array([0, 1, 2, 3]),
        jax.random.normal(keys[1], (4, 8)),
    )


def test_accumulated_steps_update_once_by_their_mean_gradient(config):
    """Plain steps from the same parameters give the gradients; one AdamW step takes their mean."""
    config.recipe.accumulate = 2
    _, learner, state, frozen = learner_of(config)
    update = jax.jit(learner.update)
    first, _ = update(state, prepared(1), frozen)
    for before, after in zip(
        jax.tree.leaves(state.params), jax.tree.leaves(first.params), strict=True
    ):
        np.testing.assert_array_equal(before, after)
    second, _ = update(first, prepared(2), frozen)

    config.recipe.accumulate = 1
    config.recipe.lr_reference_batch = 0
    _, single, plain, _ = learner_of(config, steps_per_epoch=2)
    gradients = [_gradient(learner, plain, prepared(seed), frozen) for seed in (1, 2)]
    mean = jax.tree.map(lambda a, b: (a + b) / 2, *gradients)
    updates, _ = single.optimizer.update(mean, plain.opt_state, plain.params)
    expected = optax.apply_updates(plain.params, updates)
    for value, want in zip(jax.tree.leaves(second.params), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(value, want, atol=1e-7)


def _gradient(accumulating, state, batch, frozen):
    """What an accumulating step has stored after one batch: the mean of one gradient."""
    start = accumulating.start(state.params, state.model_state, state.key)
    stored, _ = jax.jit(accumulating.update)(start, batch, frozen)
    return stored.opt_state.acc_grads


def test_the_rate_is_that_of_the_update_a_step_belongs_to(config):
    config.recipe.accumulate = 2
    _, learner, _, _ = learner_of(config)
    rates = [learner.rate(index) for index in range(16)]
    assert rates[0::2] == rates[1::2]
    config.recipe.accumulate = 1
    _, plain, _, _ = learner_of(config, steps_per_epoch=2)
    np.testing.assert_allclose(rates[0::2], [plain.rate(index) for index in range(8)])


def test_a_frozen_image_tower_stays_bit_by_bit(config):
    config.model.freeze_image = True
    model, learner, state, frozen = learner_of(config)
    stepped, _ = jax.jit(learner.update)(state, prepared(1), frozen)
    trained = nnx.merge(learner.graphdef, stepped.params, frozen, stepped.model_state)
    kernel = lambda m: m.vision.blocks[0].attn.qkv.kernel[...]  # noqa: E731
    np.testing.assert_array_equal(kernel(trained), kernel(model))
    assert jnp.abs(trained.vision.proj[...] - model.vision.proj[...]).max() > 0


def test_similarities_are_cosines_with_the_mean_of_a_sentences_templates(config):
    model, learner, state, frozen = learner_of(config)
    pixels = jax.random.randint(jax.random.key(1), (8, 16, 16, 3), 0, 256).astype(jnp.uint8)
    texts = jax.random.normal(jax.random.key(2), (5, 7, 8))
    rows = jnp.arange(8).reshape(2, 4)
    said = jax.jit(learner.predict)(state, rows, Shared(Stored(pixels, None), texts, frozen))
    unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)  # noqa: E731
    clips = unit(np.asarray(model(augment.normalize(pixels[rows])).clip_embedding, np.float64))
    sentences = unit(unit(np.asarray(texts, np.float64)).mean(1))
    np.testing.assert_allclose(said.scores, clips @ sentences.T, atol=1e-5)
    assert said.probabilities.shape == (2, 3)


def test_sentences_of_a_trained_text_tower_are_encoded_when_asked_for(config):
    model, learner, state, frozen = learner_of(config)
    ids = jax.random.randint(jax.random.key(1), (3, 7, 6), 0, 500)
    rows, pixels = jnp.arange(4)[None], jnp.zeros((4, 16, 16, 3), jnp.uint8)
    texts = task.shared_texts(model, np.asarray(ids), trainable=False)
    expected = jax.jit(learner.predict)(
        state, rows, Shared(Stored(pixels, None), texts, frozen)
    ).scores
    config.text.trainable = True
    _, whole, state, frozen = learner_of(config)
    shared = Shared(Stored(pixels, None), task.shared_texts(model, np.asarray(ids), True), frozen)
    np.testing.assert_allclose(
        jax.jit(whole.predict)(state, rows, shared).scores, expected, atol=1e-5
    )


def test_clips_without_any_sentence_are_trained_and_predicted(config):
    model, learner, state, frozen = learner_of(config)
    texts = task.shared_texts(model, np.zeros((0, 7, 6), np.int32), trainable=False)
    pixels = jnp.zeros((4, 16, 16, 3), jnp.uint8)
    shared = Shared(Stored(pixels, None), texts, frozen)
    rows, none = jnp.arange(4)[None], jnp.array([-1])
    assert np.isfinite(jax.jit(learner.predict)(state, rows, shared).probabilities).all()
    _, scalars = jax.jit(learner.train)(state, step.Batch(rows, jnp.array([0]), none, none), shared)
    assert scalars["loss_alignment"] == 0


def test_a_mirrored_clip_is_trained_with_the_sentence_of_the_other_side(config):
    """The frames, and which clips are mirrored, come from one key."""
    config.augment.flip = True
    _, learner, state, frozen = learner_of(config)
    pixels = jnp.zeros((1, 16, 16, 3), jnp.uint8).at[:, :, 8:].set(255)
    shared = Shared(Stored(pixels, None), jnp.zeros((2, 7, 8)), frozen)
    rows, zeros = jnp.zeros((32, 1), jnp.int32), jnp.zeros(32, jnp.int32)
    seen = learner.prepare(state, step.Batch(rows, zeros, zeros, zeros + 1), shared)
    turned = seen.frames[:, 0, 0, 0, 0] > seen.frames[:, 0, 0, -1, 0]
    np.testing.assert_array_equal(seen.sentences, turned.astype(int))
    assert 4 < turned.sum() < 28


def test_some_clips_end_early_in_training_and_none_in_prediction(config):
    config.augment.cut = 1.0
    config.data.frames = 4
    _, learner, state, _ = learner_of(config)
    starts, lengths = jnp.zeros(64, jnp.int32), jnp.full(64, 41)
    apexes = jnp.full(64, 10)
    cut = learner.choose_rows(state, starts, lengths, apexes, True)
    assert 8 <= cut[:, -1].min() <= 12 and 30 < cut[:, -1].max() <= 40
    whole = learner.choose_rows(state, starts, lengths, apexes, False)
    np.testing.assert_array_equal(whole[0], [5, 15, 25, 35])


def test_the_loss_over_eight_shards_is_that_of_the_whole_batch(config):
    """Value and gradients: negatives, positives and clips without a sentence span all shards."""
    keys = jax.random.split(jax.random.key(3), 3)
    videos, texts = (jax.random.normal(key, (16, 8)) for key in keys[:2])
    logits = jax.random.normal(keys[2], (16, 3))
    sentences = jnp.array([0, 1, 0, -1, 2, 3, 2, 1, -1, -1, 4, 5, 6, 0, 7, 4])
    batch = AugmentedBatch(jnp.zeros((16, 1, 1, 1, 3)), jnp.arange(16) % 3, sentences, texts)

    def loss(videos, texts, logits, scale, batch, axis_name=None):
        value, _ = task.objective(
            videos, texts, logits, scale, batch, jnp.int32(1), config.recipe, axis_name
        )
        return value

    over = (0, 1, 2, 3)
    whole = jax.jit(jax.value_and_grad(loss, over))(videos, texts, logits, 2.0, batch)

    def shard(x):
        return x.reshape(8, 2, *x.shape[1:])

    def on_a_shard(scale, videos, texts, logits, batch):
        found = jax.value_and_grad(partial(loss, axis_name="data"), over)(
            videos, texts, logits, scale, batch
        )
        return jax.lax.pmean((found[0], found[1][3]), "data"), found[1][:3]

    (value, scale), grads = jax.pmap(on_a_shard, "data", in_axes=(None, 0, 0, 0, 0))(
        2.0, *jax.tree.map(shard, (videos, texts, logits, batch))
    )
    np.testing.assert_allclose(value, np.full(8, whole[0]), rtol=1e-6)
    np.testing.assert_allclose(scale, np.full(8, whole[1][3]), rtol=1e-5)
    for shared, expected in zip(grads, whole[1][:3], strict=True):
        # The gradient is averaged over the devices, so each holds eight times its share.
        np.testing.assert_allclose(shared.reshape(expected.shape) / 8, expected, atol=1e-6)
