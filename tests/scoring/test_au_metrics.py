import numpy as np
import pytest
from sklearn import metrics as sk

from merclip_jax.scoring import au_metrics, metrics

LABELS = np.array([[1, 0], [1, 1], [0, -1], [0, 1], [1, 0]])
SAID = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 1]], bool)


def test_scores_by_hand():
    found = au_metrics.counts(LABELS, SAID)
    assert found[0].tolist() == [[1, 1], [1, 2]]
    assert found[1].tolist() == [[1, 1], [1, 1]]  # the unknown clip counts nowhere
    np.testing.assert_allclose(au_metrics.binary_f1(found), [2 / 3, 1 / 2])
    np.testing.assert_allclose(au_metrics.macro_f1(found), [(2 / 3 + 1 / 2) / 2, 1 / 2])
    assert au_metrics.mean_f1(LABELS, SAID) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_agreement_with_scikit_learn():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, (50, 3)), rng.random((50, 3))
    table = au_metrics.table(labels, scores > 0.5, scores, ("1", "L2", "4"))
    assert list(table) == ["AU1", "AUL2", "AU4"]
    for k, row in enumerate(table.values()):
        assert row["f1"] == pytest.approx(sk.f1_score(labels[:, k], scores[:, k] > 0.5))
        macro = sk.f1_score(labels[:, k], scores[:, k] > 0.5, average="macro")
        assert row["f1_macro"] == pytest.approx(macro)
        assert row["auc"] == pytest.approx(sk.roc_auc_score(labels[:, k], scores[:, k]))
        assert row["support"] == labels[:, k].sum()


def test_a_unit_never_shown_has_no_area_and_does_not_count():
    labels = np.array([[1, 0], [0, 0]])
    table = au_metrics.table(labels, labels == 1, labels.astype(float), ("1", "2"))
    assert table["AU2"]["auc"] is None
    assert au_metrics.mean_f1(labels, labels == 1) == 1.0


def test_pooled_f1_of_subjects_is_that_of_all_clips():
    rng = np.random.default_rng(1)
    labels, said = rng.integers(-1, 2, (30, 4)), rng.integers(0, 2, (2, 30, 4)).astype(bool)
    subjects = rng.integers(0, 5, 30)
    counts = au_metrics.subject_counts(labels, said, subjects)
    metric = au_metrics.pooled_f1(au_metrics.binary_f1)
    for seed in range(2):
        expected = au_metrics.mean_f1(labels, said[seed])
        assert metric(counts[seed].sum(0)) == pytest.approx(expected)
    low, high = metrics.bootstrap_interval(counts, metric)
    assert low < metric(counts.sum(1)).mean() < high
