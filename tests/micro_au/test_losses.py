"""Micro-AU CLIP's losses against plain float64 statements of their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import special

from merclip_jax.micro_au import losses as au_losses
from merclip_jax.towers import similarity

RNG = np.random.default_rng(0)
B, K, E = 6, 4, 8
FEATURES = RNG.standard_normal((B, K, E))
TEXTS = RNG.standard_normal((K, 2, E))
LABELS = np.array(
    [[1, 0, 0, -1], [1, 1, 0, 0], [0, 0, 0, 1], [0, 1, -1, 1], [0, 0, 1, 0], [1, 0, 0, 0]]
)
WEIGHT = np.array([1.0, 2.0, 5.0, 0.5])
SCALE = 1.3
BIAS = np.array([0.1, -0.2, 0.0, 0.3])


def f32(x):
    return jnp.asarray(x, jnp.float32)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def logits():
    z = np.zeros((B, K))
    for b in range(B):
        for k in range(K):
            moving, still = (unit(FEATURES[b, k]) @ unit(TEXTS[k, s]) for s in (0, 1))
            apart = np.linalg.norm(unit(TEXTS[k, 0]) - unit(TEXTS[k, 1]))
            z[b, k] = np.exp(SCALE) * (moving - still) / apart + BIAS[k]
    return z


def test_unit_logits():
    got = au_losses.unit_logits(f32(FEATURES), f32(TEXTS), f32(SCALE), f32(BIAS))
    np.testing.assert_allclose(got, logits(), rtol=1e-5, atol=1e-6)


def test_text_loss():
    z, total, weights = logits(), 0.0, 0.0
    for b in range(B):
        for k in range(K):
            if LABELS[b, k] < 0:
                continue
            weight = WEIGHT[k] if LABELS[b, k] else 1.0
            p = special.expit(z[b, k])
            total -= weight * np.log(p if LABELS[b, k] else 1 - p)
            weights += weight
    got = au_losses.text_loss(f32(z), jnp.asarray(LABELS), f32(WEIGHT))
    assert float(got) == pytest.approx(total / weights, rel=1e-5)


@pytest.mark.parametrize("form", ["balanced", "clips"])
def test_visual_loss(form):
    each, weights = [], []
    for k in range(K):
        alike = unit(FEATURES[:, k]) @ unit(FEATURES[:, k]).T / au_losses.VISUAL_TEMPERATURE
        known = [b for b in range(B) if LABELS[b, k] >= 0]
        for b in known:
            others = [j for j in known if j != b]
            same = [j for j in others if LABELS[j, k] == LABELS[b, k]]
            unlike = [j for j in others if j not in same]
            if same:
                share = [1 / len(same if j in same else unlike) for j in others]
                share = np.array(share) if form == "balanced" else np.ones(len(others))
                log_p = alike[b] - special.logsumexp(alike[b, others], b=share)
                each.append(-np.mean(log_p[same]))
                weights.append(1 / (len(same) + 1) if form == "balanced" else 1)
    got = au_losses.visual_loss(f32(FEATURES), jnp.asarray(LABELS), form)
    assert float(got) == pytest.approx(np.average(each, weights=weights), rel=1e-5)


def test_naming_loss():
    names, each = RNG.standard_normal((K, E)), []
    for b, k in zip(*np.nonzero(LABELS == 1), strict=True):
        scores = np.exp(SCALE) * unit(names) @ unit(FEATURES[b, k])
        each.append(special.logsumexp(scores) - scores[k])
    got = au_losses.naming_loss(f32(FEATURES), f32(names), jnp.asarray(LABELS), f32(SCALE))
    assert float(got) == pytest.approx(np.mean(each), rel=1e-5)


def test_dependency_loss():
    correlation = np.corrcoef(RNG.standard_normal((K, 20)))
    alike = np.mean([unit(f) @ unit(f).T for f in FEATURES], axis=0)
    off = ~np.eye(K, dtype=bool)
    expected = np.mean((alike - correlation)[off] ** 2)
    got = au_losses.dependency_loss(f32(FEATURES), f32(correlation))
    assert float(got) == pytest.approx(expected, rel=1e-5)


def test_dependency_loss_centred():
    z = np.einsum("bke,ke->bk", unit(FEATURES), unit(unit(TEXTS[:, 0]) - unit(TEXTS[:, 1])))
    each = []
    for i, j in zip(*np.nonzero(~np.eye(K, dtype=bool)), strict=True):
        both = (LABELS[:, i] >= 0) & (LABELS[:, j] >= 0)
        pair = []
        for x in (z, LABELS):
            x, y = (x[:, k] - x[LABELS[:, k] >= 0, k].mean() for k in (i, j))
            pair.append(x[both] @ y[both] / np.sqrt((x[both] @ x[both]) * (y[both] @ y[both])))
        each.append((pair[0] - pair[1]) ** 2)
    got = au_losses.dependency_loss_centred(f32(FEATURES), f32(TEXTS), jnp.asarray(LABELS))
    assert float(got) == pytest.approx(np.mean(each), rel=1e-5)


def test_dependency_loss_by_instance():
    each = []
    for b in range(B):
        for i in range(K):
            for j in range(K):
                if i != j and LABELS[b, i] >= 0 and LABELS[b, j] >= 0:
                    together = LABELS[b, i] == 1 and LABELS[b, j] == 1
                    z = au_losses.INSTANCE_SCALE * unit(FEATURES[b, i]) @ unit(FEATURES[b, j])
                    each.append(np.logaddexp(0, -z if together else z))
    got = au_losses.dependency_loss_by_instance(f32(FEATURES), jnp.asarray(LABELS))
    assert float(got) == pytest.approx(np.mean(each), rel=1e-5)


LOSSES = {
    "text": lambda f, y: au_losses.text_loss(
        au_losses.unit_logits(f, f32(TEXTS), f32(SCALE), f32(BIAS)), y, f32(WEIGHT)
    ),
    "visual": au_losses.visual_loss,
    "visual, balanced": lambda f, y: au_losses.visual_loss(f, y, "balanced"),
    "naming": lambda f, y: au_losses.naming_loss(f, f32(TEXTS[:, 0]), y, f32(SCALE)),
    "centred": lambda f, y: au_losses.dependency_loss_centred(f, f32(TEXTS), y),
    "instance": au_losses.dependency_loss_by_instance,
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_cell_that_nobody_knows_changes_nothing(name):
    loss, labels = LOSSES[name], jnp.asarray(LABELS)
    hidden = np.argwhere(LABELS < 0)
    changed = FEATURES.copy()
    for b, k in hidden:
        changed[b, k] += 1.0
    assert float(loss(f32(changed), labels)) == pytest.approx(
        float(loss(f32(FEATURES), labels)), rel=1e-6
    )


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("state", [0, 1, -1])
def test_labels_all_alike_give_finite_losses_and_gradients(name, state):
    labels = jnp.full((B, K), state)
    value, gradient = jax.value_and_grad(LOSSES[name])(f32(FEATURES), labels)
    assert np.isfinite(value) and np.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_agree_with_differences(name):
    labels = jnp.asarray(LABELS)

    def loss(features):
        return LOSSES[name](jnp.asarray(features), labels)

    check_grads(loss, (f32(FEATURES),), order=1, modes=["rev"], atol=2e-2, rtol=2e-2)


def ideal_and_uninformative():
    """Features of many clips: on their decision's direction, and each unit's the same for all."""
    rng = np.random.default_rng(1)
    texts = rng.standard_normal((15, 1, 64)) + 0.1 * rng.standard_normal((15, 2, 64))
    labels = rng.random((64, 15)) < 0.12
    labels[:, 1] |= labels[:, 0]  # two units that move together
    directions = np.asarray(au_losses.directions(f32(texts)))
    ideal = np.where(labels, 1, -1)[..., None] * directions
    blind = np.linalg.qr(rng.standard_normal((64, 15)))[0].T  # at right angles to each other
    return f32(texts), jnp.asarray(labels.astype(int)), f32(ideal), f32(ideal * 0 + blind)


@pytest.mark.parametrize("name", ["visual", "naming", "dependency"])
def test_features_that_tell_every_state_have_a_lower_loss_than_those_that_tell_none(name):
    texts, labels, ideal, blind = ideal_and_uninformative()
    loss = {
        "visual": lambda f: au_losses.visual_loss(f, labels, "balanced"),
        "naming": lambda f: au_losses.naming_loss(
            f, au_losses.directions(texts), labels, f32(np.log(1 / 0.07))
        ),
        "dependency": lambda f: au_losses.dependency_loss_centred(f, texts, labels),
    }[name]
    assert float(loss(ideal)) < 0.01
    assert float(loss(blind)) > {"visual": 0.69, "naming": 1.0, "dependency": 0.02}[name]


def test_the_abstracts_readings_rank_them_the_wrong_way_round():
    texts, labels, ideal, blind = ideal_and_uninformative()
    correlation = f32(np.corrcoef(np.asarray(labels).T))
    of_ideal, of_blind = (au_losses.dependency_loss(f, correlation) for f in (ideal, blind))
    assert of_ideal > of_blind
    own_sentence = np.asarray(similarity.unit(texts[:, 0]))
    along = np.einsum("ke,ke->k", own_sentence, np.asarray(au_losses.directions(texts)))
    assert np.abs(along).max() < 0.3  # naming by sentences pulls nearly at right angles


def test_the_loss_of_features_that_tell_nothing_does_not_depend_on_how_rare_a_unit_is():
    for moving in (2, 5, 30):
        labels = (jnp.arange(64) < moving).astype(int)[:, None]
        loss = au_losses.visual_loss(jnp.ones((64, 1, 8)), labels, "balanced")
        assert float(loss) == pytest.approx(np.log(2), abs=1e-5)
