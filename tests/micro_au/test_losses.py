"""Micro-AU CLIP's losses against plain float64 statements of their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import special

from merclip_jax.micro_au import losses as au_losses

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


def test_visual_loss():
    each = []
    for k in range(K):
        alike = unit(FEATURES[:, k]) @ unit(FEATURES[:, k]).T / au_losses.VISUAL_TEMPERATURE
        known = [b for b in range(B) if LABELS[b, k] >= 0]
        for b in known:
            others = [j for j in known if j != b]
            same = [j for j in others if LABELS[j, k] == LABELS[b, k]]
            if same:
                log_p = alike[b] - special.logsumexp(alike[b, others])
                each.append(-np.mean(log_p[same]))
    got = au_losses.visual_loss(f32(FEATURES), jnp.asarray(LABELS))
    assert float(got) == pytest.approx(np.mean(each), rel=1e-5)


def test_naming_loss():
    each = []
    for b, k in zip(*np.nonzero(LABELS == 1), strict=True):
        scores = np.exp(SCALE) * unit(TEXTS[:, 0]) @ unit(FEATURES[b, k])
        each.append(special.logsumexp(scores) - scores[k])
    got = au_losses.naming_loss(f32(FEATURES), f32(TEXTS), jnp.asarray(LABELS), f32(SCALE))
    assert float(got) == pytest.approx(np.mean(each), rel=1e-5)


def test_dependency_loss():
    correlation = np.corrcoef(RNG.standard_normal((K, 20)))
    alike = np.mean([unit(f) @ unit(f).T for f in FEATURES], axis=0)
    off = ~np.eye(K, dtype=bool)
    expected = np.mean((alike - correlation)[off] ** 2)
    got = au_losses.dependency_loss(f32(FEATURES), f32(correlation))
    assert float(got) == pytest.approx(expected, rel=1e-5)


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
    "naming": lambda f, y: au_losses.naming_loss(f, f32(TEXTS), y, f32(SCALE)),
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
