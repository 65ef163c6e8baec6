import numpy as np
import pytest

from merclip_jax.scoring import calibration


def test_calibration_by_hand():
    # Two clips at 0.8 (one right), two at 0.6 (both right): |0.5 - 0.8| / 2 + |1 - 0.6| / 2.
    probabilities = np.array([[0.8, 0.2], [0.2, 0.8], [0.6, 0.4], [0.6, 0.4]])
    labels = np.array([0, 0, 0, 0])
    assert calibration.calibration_error(probabilities, labels) == pytest.approx(0.35)
    table = calibration.reliability(probabilities, labels)
    assert table.n.tolist() == [2, 2]
    assert table.accuracy.tolist() == [1.0, 0.5]


def test_calibrated_guesser_has_small_error():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 20_000)
    labels = (rng.random((20_000, 1)) > probabilities.cumsum(1)).sum(1)
    assert calibration.calibration_error(probabilities, labels) < 0.015


def test_a_temperature_undoes_what_made_the_probabilities_too_sure():
    """Labels are drawn from softmax(logits); a reader that triples the logits is too sure."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (4000, 3))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in true])
    sure = np.exp(3 * logits) / np.exp(3 * logits).sum(1, keepdims=True)
    assert calibration.temperature(sure, labels) == pytest.approx(3.0, rel=0.08)
    assert calibration.temperature(true, labels) == pytest.approx(1.0, rel=0.08)


def test_thresholds_and_temperature_by_hand():
    logits = np.array([[-2.0], [0.5], [1.0], [3.0], [4.0]])
    labels = np.array([[0], [0], [0], [1], [1]])
    fitted = calibration.fit(logits, labels, chosen=True)
    assert fitted.threshold == pytest.approx([2.0])  # between the last still and the first moved
    assert fitted.temperature < 0.5  # perfectly separated: as sharp as is allowed
    assert ((fitted.probabilities(logits) > 0.5) == (labels == 1)).all()
    plain = calibration.fit(logits, labels, chosen=False)
    np.testing.assert_allclose(plain.probabilities(logits), 1 / (1 + np.exp(-logits)))


def test_rates_by_hand():
    fitted = calibration.Fitted(np.zeros(1), 1.0)
    logits, labels = np.array([[1.0], [1.0], [-1.0], [1.0]]), np.array([[1], [0], [0], [-1]])
    # One of two still clips is said to move, one of one moving clip; half a clip each way.
    np.testing.assert_allclose(fitted.rates(logits, labels), [[1.5 / 3], [1.5 / 2]])


def test_units_never_shown_are_left_at_zero():
    fitted = calibration.fit(np.ones((3, 1)), np.zeros((3, 1), int), chosen=True)
    assert fitted.threshold == pytest.approx([0.0])
