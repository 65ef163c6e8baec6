import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merclip_jax.errors import DataError
from merclip_jax.scoring import baselines, metrics


def sets(*groups):
    return [frozenset(group) for group in groups]


def test_majority_by_hand():
    # Class 0 has 3 of 4 clips: F1 = 6/7, the other 0.
    bound = baselines.majority(np.array([0, 0, 0, 1]), 2)
    assert bound == (pytest.approx(3 / 7), 0.5)


def test_guessing_at_even_odds():
    # A fair coin on 2 x 2000 clips: UF1 and UAR are 1/2, up to Monte Carlo noise.
    labels = np.repeat([0, 1], 2000)
    bound = baselines.random_best_of_epochs(labels, np.repeat("s", 4000), 2, 1)
    assert bound == (pytest.approx(0.5, abs=0.002), pytest.approx(0.5, abs=0.002))


def test_guessing_has_the_prior_as_recall():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    subjects = np.arange(1000) % 10
    bound = baselines.random_best_of_epochs(labels, subjects, 3, 1, repetitions=200)
    # Each class is hit with its own frequency, which is F1 (in expectation, many clips) and recall.
    assert bound.uar == pytest.approx(1 / 3, abs=0.005)
    assert bound.uf1 == pytest.approx((0.6 + 0.3 + 0.1) / 3, abs=0.005)


def test_best_epoch_of_single_clip_subjects_by_hand():
    # One clip per subject, two even classes: a subject ends right unless all K guesses are
    # wrong, so accuracy (= UAR here) is 1 - 2^-K.
    labels = np.arange(400) % 2
    for epochs, expected in ((1, 0.5), (2, 0.75), (5, 1 - 2**-5)):
        bound = baselines.random_best_of_epochs(labels, np.arange(400), 2, epochs)
        assert bound.uar == pytest.approx(expected, abs=0.005)


def test_selection_on_the_test_subject_inflates_chance():
    rng = np.random.default_rng(0)
    labels, subjects = rng.choice(5, 249, p=[0.25, 0.13, 0.4, 0.11, 0.11]), rng.integers(0, 26, 249)
    scores = [baselines.random_best_of_epochs(labels, subjects, 5, k).uf1 for k in (1, 10, 55)]
    # As many clips, subjects and classes as CASME II (5): chance .20, best of 55 about .49.
    assert scores[0] == pytest.approx(0.2, abs=0.02)
    assert 0.30 < scores[1] < 0.45 < scores[2] < 0.60


def test_oracle_leaves_the_own_subject_out():
    # Subject b alone shows {12} as class 1; the others show it as class 0.
    labels = np.array([0, 0, 1, 1, 1])
    subjects = np.array(["a", "c", "b", "a", "b"])
    au_sets = sets({12}, {12}, {12}, {4}, {4})
    # a: {12} from c 0, b 1 -> tie -> the others' more frequent class (1, 2 of 3); {4} -> 1.
    # b: {12} -> 0 (wrong); {4} -> 1. c: {12} from a 0, b 1 -> tie -> 1 (3 of 4).
    expected = metrics.confusion(labels, np.array([1, 1, 0, 1, 1]), 2)
    assert baselines.au_oracle_loso(labels, subjects, au_sets, 2) == (
        metrics.uf1(expected),
        metrics.uar(expected),
    )


def test_unseen_set_is_answered_by_the_nearest():
    labels = np.array([0, 1, 1, 0])
    subjects = np.array(["a", "a", "b", "b"])
    # b's {6, 12} is nearest to {12} (1/2 against 0), its {1, 2, 4} to {1, 2} (2/3).
    au_sets = sets({1, 2}, {12}, {6, 12}, {1, 2, 4})
    assert baselines.au_oracle_loso(labels, subjects, au_sets, 2) == (1.0, 1.0)


def test_oracle_without_anything_to_go_by_is_the_majority():
    labels = np.array([0, 0, 0, 1, 0, 0])
    subjects = np.array(["a", "a", "b", "b", "c", "c"])
    assert baselines.au_oracle_loso(labels, subjects, sets(*[()] * 6), 2) == baselines.majority(
        labels, 2
    )


def test_one_subject_cannot_be_left_out():
    with pytest.raises(DataError, match="one subject"):
        baselines.au_oracle_loso(np.array([0, 1]), np.array(["a", "a"]), sets({1}, {2}), 2)


def test_ceiling_is_one_when_sets_tell_the_classes_apart():
    labels = np.arange(40) % 4
    assert baselines.au_oracle_ceiling(labels, [frozenset({i % 4}) for i in range(40)], 4) == (1, 1)


def test_ceiling_prefers_the_rare_class_where_uf1_does():
    # {1}: 6 of class 0; {2}: 3 of class 0, 2 of class 1. The majority map scores (18/20 + 0) / 2
    # = .45; answering 1 for {2} scores (12/15 + 4/7) / 2 = .686, the better map.
    labels = np.array([0] * 9 + [1] * 2)
    au_sets = sets(*[{1}] * 6, *[{2}] * 5)
    assert baselines.au_oracle_ceiling(labels, au_sets, 2).uf1 == pytest.approx(
        (12 / 15 + 4 / 7) / 2, abs=1e-15
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_ceiling_finds_the_best_of_all_maps(seed):
    rng = np.random.default_rng(seed)
    row, labels = rng.integers(0, 5, 30), rng.integers(0, 3, 30)
    maps = np.array(np.meshgrid(*[range(3)] * 5)).reshape(5, -1).T
    counts = np.zeros((len(maps), 3, 3), np.int64)
    np.add.at(counts, (np.arange(len(maps))[:, None], labels, maps[:, row]), 1)
    best = metrics.uf1(counts).max()
    ceiling = baselines.au_oracle_ceiling(labels, [frozenset({int(i)}) for i in row], 3)
    assert ceiling.uf1 == pytest.approx(float(best), abs=1e-12)
