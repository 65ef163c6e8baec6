import numpy as np
import pytest

from merclip_jax.scoring import abstention, metrics

LABELS = np.array([0, 0, 1, 1])
GUESSES = np.array([[0, 1, 1, 1]])
SUBJECTS = np.array(["a", "b", "a", "b"])


def test_an_undecided_clip_is_missed_and_claimed_by_no_class():
    undecided = np.array([[False, False, False, True]])
    found = abstention.uf1(LABELS, GUESSES, undecided, SUBJECTS, 2)
    # Class 0: 1 hit, 1 missed: 2/3. Class 1: 1 hit, 1 false alarm, 1 missed: 2/4.
    assert found["value"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["seeds"] == [found["value"]]


def test_a_wrong_guess_that_is_withheld_is_no_false_alarm():
    undecided = np.array([[False, True, False, False]])
    found = abstention.uf1(LABELS, GUESSES, undecided, SUBJECTS, 2)
    assert found["value"] == pytest.approx((2 / 3 + 1) / 2)


def test_without_undecided_clips_it_is_uf1():
    found = abstention.uf1(LABELS, GUESSES, np.zeros((1, 4), bool), SUBJECTS, 2)
    assert found["value"] == metrics.uf1(metrics.confusion(LABELS, GUESSES[0], 2))
    assert found["ci95"][0] <= found["value"] <= found["ci95"][1]
