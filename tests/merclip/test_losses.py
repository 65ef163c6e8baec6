import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from merclip_jax.merclip import losses

GOLDENS = Path(__file__).parents[1] / "goldens"
FOCAL = json.loads((GOLDENS / "small" / "focal_loss.json").read_text())
SCHEDULES = json.loads((GOLDENS / "small" / "schedules.json").read_text())


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


class TestFocalLoss:
    @pytest.mark.parametrize("case", FOCAL)
    def test_equals_the_release(self, case):
        with jax.enable_x64(True):
            logits, labels = jnp.array(case["logits"], jnp.float64), jnp.array(case["labels"])
            ours = losses.focal_loss(logits, labels).mean()
            assert float(ours) == pytest.approx(case["focal_gamma2"], rel=1e-12)
            plain = losses.focal_loss(logits, labels, gamma=0.0).mean()
            assert float(plain) == pytest.approx(case["cross_entropy"], rel=1e-12)

    def test_by_hand(self):
        # p = 1/4 for the true class of each row: (3/4)^2 ln 4.
        loss = losses.focal_loss(jnp.log(jnp.array([[1.0, 3.0], [6.0, 2.0]])), jnp.array([0, 1]))
        np.testing.assert_allclose(loss, [0.5625 * np.log(4)] * 2, rtol=1e-6)

    @pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
    def test_gradient(self, gamma):
        labels = jnp.array([0, 2, 1])
        check_grads(
            lambda x: losses.focal_loss(jnp.asarray(x), labels, gamma),
            (normal(3, 4),),
            1,
            atol=1e-2,
            rtol=1e-2,
        )

    @pytest.mark.parametrize("gamma", [0.0, 2.0])
    def test_certain_answers_have_finite_gradients(self, gamma):
        logits = jnp.array([[200.0, -200.0], [-200.0, 200.0]])
        total = lambda x: losses.focal_loss(x, jnp.array([0, 0]), gamma).sum()  # noqa: E731
        value, gradient = jax.value_and_grad(total)(logits)
        assert float(value) == pytest.approx(400.0)
        np.testing.assert_allclose(gradient, [[0, 0], [-1, 1]], atol=1e-6)


class TestAlignmentTargets:
    def test_same_sentence_by_hand(self):
        ids = jnp.array([4, 7, 4, -1])
        nothing, half = [0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0]
        np.testing.assert_array_equal(
            losses.alignment_targets(ids, ids), [half, [0.0, 1.0, 0.0, 0.0], half, nothing]
        )

    def test_released_is_the_clip_itself_even_among_twins(self):
        everyone = jnp.array([4, 4, 4, -1])
        targets = losses.alignment_targets(everyone[2:], everyone, 2, form="released")
        np.testing.assert_array_equal(targets, [[0, 0, 1, 0], [0, 0, 0, 0]])

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(-1, 3), min_size=8, max_size=8))
    def test_rows_are_distributions_or_nothing(self, sentences):
        ids = jnp.array(sentences)
        targets = losses.alignment_targets(ids, ids)
        released = losses.alignment_targets(ids, ids, form="released")
        for rows in (targets.sum(1), released.sum(1)):
            np.testing.assert_allclose(rows, ids >= 0, rtol=1e-6)
        np.testing.assert_array_equal(targets, targets.T)  # so they serve both directions


class TestAlignmentLoss:
    def test_equals_the_release(self):
        golden = np.load(GOLDENS / "small" / "alignment.npz")
        with jax.enable_x64(True):
            videos, texts = jnp.asarray(golden["videos"]), jnp.asarray(golden["texts"])
            scale = jnp.asarray(golden["scale"])
            targets = losses.alignment_targets(
                jnp.zeros(4, int), jnp.zeros(4, int), form="released"
            )
            there = losses.DIRECTION_WEIGHT * losses.alignment_loss(videos, texts, targets, scale)
            back = losses.DIRECTION_WEIGHT * losses.alignment_loss(texts, videos, targets, scale)
            # The release runs its similarity in float64 here, but its norms' square root as ours.
            assert float(there.mean()) == pytest.approx(float(golden["video_to_text"]), rel=1e-9)
            assert float(back.mean()) == pytest.approx(float(golden["text_to_video"]), rel=1e-9)

    def test_two_by_two_by_hand(self):
        # Orthogonal keys, lengths that must not matter. Query 0 is key 0: logits (ln 3, 0), so
        # its probabilities are (3/4, 1/4). Query 1 stands between both: (1/2, 1/2).
        queries, keys = jnp.array([[5.0, 0.0], [1.0, 1.0]]), jnp.array([[2.0, 0.0], [0.0, 9.0]])
        loss = losses.alignment_loss(queries, keys, jnp.eye(2), jnp.log(3.0))
        np.testing.assert_allclose(loss, [np.log(4 / 3), np.log(2)], rtol=1e-6)
        both = losses.alignment_loss(queries, keys, jnp.full((2, 2), 0.5), jnp.log(3.0))
        expected = [0.5 * np.log(4 / 3) + 0.5 * np.log(4), np.log(2)]
        np.testing.assert_allclose(both, expected, rtol=1e-6)

    def test_left_out_clips_neither_pull_nor_push(self):
        """A clip without AUs: same losses and gradients as if it were not in the batch."""
        ids = jnp.array([3, -1, 5, 3, -1])
        used = np.flatnonzero(ids >= 0)
        queries, keys = normal(5, 6), normal(5, 6, seed=1)

        @jax.jit
        def gradients(queries, keys, ids, key_mask):
            targets = losses.alignment_targets(ids, ids)

            def total(q, k):
                return losses.alignment_loss(q, k, targets, 14.0, key_mask).sum()

            return jax.grad(total, (0, 1))(queries, keys)

        grads = gradients(queries, keys, ids, ids >= 0)
        fewer = gradients(queries[used], keys[used], ids[used], None)
        for whole, part in zip(grads, fewer, strict=True):
            np.testing.assert_allclose(whole[used], part, rtol=1e-4, atol=1e-6)
            assert (np.delete(np.asarray(whole), used, axis=0) == 0).all()

    def test_a_batch_without_sentences_costs_nothing(self):
        ids = jnp.full(3, -1)

        def total(queries):
            targets = losses.alignment_targets(ids, ids)
            return losses.alignment_loss(
                queries, normal(3, 4, seed=1), targets, 14.0, ids >= 0
            ).sum()

        value, gradient = jax.value_and_grad(total)(normal(3, 4))
        assert float(value) == 0.0
        np.testing.assert_array_equal(gradient, np.zeros((3, 4)))

    def test_zero_vectors_have_finite_gradients(self):
        total = lambda q: losses.alignment_loss(q, jnp.eye(2), jnp.eye(2), 14.0).sum()  # noqa: E731
        assert np.isfinite(jax.grad(total)(jnp.zeros((2, 2)))).all()

    def test_gradient(self):
        targets = losses.alignment_targets(jnp.array([1, 1, 2]), jnp.array([1, 1, 2]))
        check_grads(
            lambda *x: losses.alignment_loss(*map(jnp.asarray, x[:2]), targets, jnp.asarray(x[2])),
            (normal(3, 4), normal(3, 4, seed=1), jnp.float32(3.0)),
            order=1,
            atol=1e-2,
            rtol=1e-2,
        )

    @settings(max_examples=20, deadline=None)
    @given(st.permutations(range(6)), st.lists(st.integers(-1, 2), min_size=6, max_size=6))
    def test_order_of_the_batch_does_not_matter(self, order, sentences):
        ids, order = jnp.array(sentences), jnp.array(order)
        queries, keys = normal(6, 5), normal(6, 5, seed=1)

        @jax.jit
        def per_clip(queries, keys, ids):
            targets = losses.alignment_targets(ids, ids)
            return losses.alignment_loss(queries, keys, targets, 14.0, ids >= 0)

        np.testing.assert_allclose(
            per_clip(queries[order], keys[order], ids[order]),
            per_clip(queries, keys, ids)[order],
            rtol=2e-5,  # float32 sums in another order
            atol=1e-6,
        )

    def test_twins_no_longer_repel_each_other(self):
        """Two equal clips with one sentence rest between its texts; the release parts them."""
        ids = jnp.array([4, 4])
        keys = jnp.array([[1.0, 0.2], [1.0, -0.2]])  # texts of the twins, apart by their templates

        def pull(form):
            targets = losses.alignment_targets(ids, ids, form=form)
            loss = lambda q: losses.alignment_loss(q, keys, targets, 14.0).sum()  # noqa: E731
            return jax.grad(loss)(jnp.array([[1.0, 0.0], [1.0, 0.0]]))[:, 1]

        np.testing.assert_allclose(pull("same_sentence"), [0.0, 0.0], atol=1e-6)
        released = np.asarray(pull("released"))
        assert released[0] < -1.0 and released[1] > 1.0  # descent drives equal clips apart


class TestProgressiveWeights:
    @pytest.mark.parametrize("start, name", [(2.0, "weights_2_to_1"), (1.5, "weights_1.5_to_1")])
    def test_equals_the_release(self, start, name):
        weights = jax.vmap(lambda epoch: losses.progressive_weights(epoch, start=start))
        alignment, emotion = weights(jnp.arange(55))
        np.testing.assert_allclose(alignment, SCHEDULES[name], rtol=2e-7)  # float32
        np.testing.assert_allclose(emotion, 2.0 - np.array(SCHEDULES[name]), atol=3e-7)

    def test_the_last_value_stays(self):
        late = jax.jit(losses.progressive_weights)(jnp.array(70))
        last = losses.progressive_weights(54)
        np.testing.assert_allclose(late, last, rtol=1e-7)
        np.testing.assert_allclose(late, [1 + 1 / 55, 1 - 1 / 55], rtol=1e-6)

    def test_the_first_epoch_trains_no_emotion(self):
        np.testing.assert_array_equal(losses.progressive_weights(0, epochs=3), [2.0, 0.0])


def test_soft_targets_are_optax_s_cross_entropy():
    queries, keys = normal(4, 8), normal(4, 8, seed=1)
    targets = losses.alignment_targets(jnp.array([0, 1, 0, 2]), jnp.array([0, 1, 0, 2]))
    unit = lambda v: v / np.linalg.norm(v, axis=-1, keepdims=True)  # noqa: E731
    expected = optax.softmax_cross_entropy(10.0 * unit(queries) @ unit(keys).T, targets)
    ours = losses.alignment_loss(queries, keys, targets, 10.0)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
