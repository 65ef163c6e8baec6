import numpy as np
import pytest

from merclip_jax.facs import emotion_rules
from merclip_jax.scoring import au_baselines

LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, -1, 0], [0, 1, 0], [1, 0, 0]])


def test_always_by_hand():
    marks = au_baselines.all_marks(LABELS, np.array(list("aabbb"), object))["always"]
    # 3 of 5 clips show the first unit, 2 of 4 known ones the second, none the third.
    first, second = 2 * 3 / (3 + 5), 2 * 2 / (2 + 4)
    assert marks["f1"] == pytest.approx((first + second) / 2)
    assert marks["f1_macro"] == pytest.approx((first + second) / 4)  # 'still' is never said


def test_rates_come_from_the_other_folds():
    """Where the one fold shows a unit always and the other never, guesses are always wrong."""
    labels = np.array([[1], [1], [0], [0]])
    folds = np.array(list("aabb"), object)
    assert au_baselines.all_marks(labels, folds)["base_rate"] == {"f1": 0, "f1_macro": 0}


def test_clips_that_are_only_trained_on_tell_rates_and_are_not_scored():
    labels = np.array([[1], [1], [1], [0], [0]])
    folds = np.array(["", "", "", "a", "a"], object)
    marks = au_baselines.all_marks(labels, folds)
    assert marks["always"] == marks["base_rate"] == {"f1": 0, "f1_macro": 0}
    marks = au_baselines.all_marks(np.array([[1], [1], [1], [1], [0]]), folds)
    assert marks["always"] == pytest.approx(marks["base_rate"])
    assert marks["always"]["f1"] == pytest.approx(2 / 3)


def test_guesses_at_the_base_rate_reach_the_base_rate():
    """Saying a unit of a share p of the clips gives precision p and recall p."""
    rng = np.random.default_rng(0)
    labels = (rng.random((20_000, 2)) < (0.1, 0.4)).astype(np.int8)
    folds = rng.choice(["a", "b", "c"], 20_000).astype(object)
    marks = au_baselines.all_marks(labels, folds)
    assert marks["base_rate"]["f1"] == pytest.approx(0.25, abs=0.005)
    assert marks["base_rate"]["f1_macro"] == pytest.approx((0.25 + 0.75) / 2, abs=0.005)
    assert marks["always"]["f1"] > marks["base_rate"]["f1"]
    assert marks == au_baselines.all_marks(labels, folds)


def test_told_the_truth_by_hand():
    """Shown are 1+2, 12, 4 and, by a clip that counts as negative, 12 beside an unknown 9."""
    rules = emotion_rules.read(
        ("negative", "positive", "surprise"), ("1", "2", "4", "6", "9", "12", "25")
    )
    moved = np.array([[1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0, 0],
                      [0, 0, 0, 0, -1, 1, 0]])  # fmt: skip
    found = au_baselines.told_the_truth(rules, moved, np.array([2, 1, 0, 0]))
    assert found == pytest.approx(((2 / 3 + 2 / 3 + 1) / 3, (1 / 2 + 1 + 1) / 3))
