import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from merclip_jax.scoring import metrics

GOLDEN = json.loads((Path(__file__).parents[1] / "goldens" / "small" / "uf1_uar.json").read_text())
SCORES = list(metrics.HEADLINE.values())


def pooled(metric, labels, predictions, n_classes):
    return float(metric(metrics.confusion(np.array(labels), np.array(predictions), n_classes)))


def test_hand_vector():
    # Truth 0,0,1,2 against 0,1,1,1: F1 is 2/3, 1/2 and 0; recall 1/2, 1 and 0.
    counts = metrics.confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert float(metrics.uf1(counts)) == pytest.approx((2 / 3 + 1 / 2) / 3, abs=1e-15)
    assert float(metrics.uar(counts)) == pytest.approx(0.5, abs=1e-15)
    assert float(metrics.accuracy(counts)) == 0.5
    assert float(metrics.weighted_f1(counts)) == pytest.approx((2 * 2 / 3 + 1 / 2) / 4, abs=1e-15)


def test_an_absent_class_counts_zero_and_stays_in_the_mean():
    assert pooled(metrics.uf1, [0, 1], [0, 1], 4) == 0.5
    assert pooled(metrics.uar, [0, 1], [0, 1], 4) == 0.5
    assert pooled(metrics.present_uf1, [0, 1], [0, 1], 4) == 1.0
    for metric in SCORES:
        assert metric(np.zeros((3, 3), np.int64)) == 0.0


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_released_scores(case):
    """The release skips absent classes; where all are shown it agrees with the pooled form."""
    n_classes = case["n_classes"]
    counts = metrics.confusion(np.array(case["labels"]), np.array(case["predictions"]), n_classes)
    # 1e-14: both are ratios of small whole numbers in float64.
    assert float(metrics.present_uf1(counts)) == pytest.approx(case["UF1"], abs=1e-14)
    assert float(metrics.accuracy(counts)) == pytest.approx(case["ACC"], abs=1e-14)
    if set(case["labels"]) == set(range(n_classes)):
        assert float(metrics.uf1(counts)) == pytest.approx(case["UF1"], abs=1e-14)
        assert float(metrics.uar(counts)) == pytest.approx(case["UAR"], abs=1e-14)


pairs = st.integers(2, 5).flatmap(
    lambda c: st.tuples(
        st.just(c),
        st.lists(st.tuples(st.integers(0, c - 1), st.integers(0, c - 1)), min_size=1, max_size=40),
    )
)


@given(pairs)
def test_scikit_learn_agrees(drawn):
    n_classes, rows = drawn
    labels, predictions = np.array(rows).T
    options = {"labels": np.arange(n_classes), "zero_division": 0.0}

    def f1(average):
        return sk.f1_score(labels, predictions, average=average, **options)

    recall = sk.recall_score(labels, predictions, average="macro", **options)
    assert pooled(metrics.uf1, labels, predictions, n_classes) == pytest.approx(f1("macro"))
    assert pooled(metrics.weighted_f1, labels, predictions, n_classes) == pytest.approx(
        f1("weighted")
    )
    assert pooled(metrics.uar, labels, predictions, n_classes) == pytest.approx(recall)
    assert pooled(metrics.accuracy, labels, predictions, n_classes) == pytest.approx(
        sk.accuracy_score(labels, predictions)
    )


@given(pairs, st.randoms(use_true_random=False))
def test_order_of_clips_and_names_of_classes_do_not_matter(drawn, random):
    n_classes, rows = drawn
    shuffled = random.sample(rows, len(rows))
    names = np.array(random.sample(range(n_classes), n_classes))
    for metric in SCORES:
        assert pooled(metric, *names[np.array(shuffled).T], n_classes) == pytest.approx(
            pooled(metric, *np.array(rows).T, n_classes)
        )


def test_scores_take_leading_axes():
    counts = np.random.default_rng(0).integers(0, 9, (3, 4, 5, 5))
    for metric in SCORES:
        together = metric(counts)
        assert together.shape == (3, 4)
        assert together[2, 1] == metric(counts[2, 1])


def test_per_class_table():
    table = metrics.per_class(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1]), ["a", "b", "c"])
    assert table.loc["b"].tolist() == [0.5, 1.0, pytest.approx(1 / 3), 1]
    assert table.loc["c"].tolist() == [0.0, 0.0, 0.0, 1]


def run(subjects=12, clips=10, right=0.7, seeds=1, seed=0, n_classes=3):
    """Labels, predictions [k, n] and subjects of a guesser whose skill differs by subject."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"s{i:02}" for i in range(subjects)], clips)
    labels = rng.integers(0, n_classes, len(names))
    skill = np.clip(np.repeat(rng.normal(right, 0.2, subjects), clips), 0, 1)
    guesses = rng.integers(0, n_classes, (seeds, len(names)))
    return labels, np.where(rng.random(guesses.shape) < skill, labels, guesses), names


def counts_of(*arguments, **options):
    labels, predictions, subjects = run(*arguments, **options)
    return metrics.subject_confusions(labels, predictions, subjects, 3)


def test_subject_confusions_sum_to_the_pooled_ones():
    labels, predictions, subjects = run(seeds=2)
    counts = metrics.subject_confusions(labels, predictions, subjects, 3)
    assert counts.shape == (2, 12, 3, 3)
    for total, row in zip(counts.sum(1), predictions, strict=True):
        assert (total == metrics.confusion(labels, row, 3)).all()
    own = subjects == "s04"
    assert (counts[1, 4] == metrics.confusion(labels[own], predictions[1, own], 3)).all()


def test_interval_of_accuracy_is_that_of_a_mean_over_subjects():
    # With equally many clips each, accuracy is the mean of the subjects' own accuracies, whose
    # bootstrap standard error is known: sd / sqrt(s). 5 %: Monte Carlo noise of 20,000 samples.
    counts = counts_of(subjects=40)
    low, high = metrics.bootstrap_interval(counts, metrics.accuracy, samples=20_000)
    own = np.trace(counts[0], axis1=1, axis2=2) / 10
    assert high - low == pytest.approx(2 * 1.96 * own.std() / np.sqrt(40), rel=0.05)
    assert (low + high) / 2 == pytest.approx(own.mean(), abs=0.01)


def test_interval_agrees_with_scipy():
    # scipy's BCa also accelerates; on this nearly symmetric statistic that moves little.
    counts = counts_of(subjects=30)
    reference = stats.bootstrap(
        (np.arange(30),),
        lambda index, axis: metrics.uf1(counts[0][index].sum(-3)),
        vectorized=True,
        n_resamples=5000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert metrics.bootstrap_interval(counts, metrics.uf1, 5000) == pytest.approx(
        (reference.low, reference.high), abs=0.012
    )


def test_interval_is_wider_over_subjects_than_over_clips():
    labels, predictions, subjects = run(subjects=12, clips=30)
    clips = np.array([f"{i:04}" for i in range(len(labels))])
    widths = [
        np.diff(
            metrics.bootstrap_interval(
                metrics.subject_confusions(labels, predictions, unit, 3), metrics.uf1
            )
        )[0]
        for unit in (subjects, clips)
    ]
    assert widths[0] > 1.3 * widths[1]


def test_interval_covers_the_truth():
    # Subjects answer right with probability p_s, mean 0.6, so accuracy is 0.6 in truth. 150
    # experiments of a 95 % interval: fewer than 130 hits would be 4 standard deviations off
    # even at the 93 % that percentile intervals reach with 30 subjects.
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(150):
        right = rng.binomial(20, rng.beta(6, 4, 30))
        counts = np.zeros((1, 30, 2, 2), np.int64)
        counts[0, :, 0, 0], counts[0, :, 0, 1] = right, 20 - right
        low, high = metrics.bootstrap_interval(counts, metrics.accuracy, 500)
        hits += low <= 0.6 <= high
    assert 130 <= hits < 150


def test_interval_is_repeatable_and_never_leaves_the_scale():
    counts = counts_of(subjects=3, clips=2)
    first = metrics.bootstrap_interval(counts, metrics.uf1)
    assert first == metrics.bootstrap_interval(counts, metrics.uf1)
    assert 0 <= first[0] <= first[1] <= 1
    perfect = np.eye(3, dtype=np.int64)[None, None].repeat(5, 1)
    assert metrics.bootstrap_interval(perfect, metrics.uf1) == (1.0, 1.0)


def test_score_beyond_all_its_samples_still_has_an_interval():
    # Each class belongs to one subject, so nearly every sample loses a class and scores lower.
    counts = np.zeros((1, 6, 6, 6), np.int64)
    for i in range(6):
        counts[0, i, i, i] = 5
    low, high = metrics.bootstrap_interval(counts, metrics.uf1, samples=50)
    assert np.isfinite([low, high]).all() and low <= high


def test_several_seeds_widen_the_interval():
    steady = np.repeat(counts_of(subjects=20), 3, axis=0)
    uneven = np.concatenate([counts_of(subjects=20, right=r) for r in (0.3, 0.6, 0.9)])
    assert np.diff(metrics.bootstrap_interval(uneven, metrics.uf1)) > 2 * np.diff(
        metrics.bootstrap_interval(steady, metrics.uf1)
    )


def test_comparison_with_itself_finds_nothing():
    counts = counts_of()
    outcome = metrics.compare(counts, counts, metrics.uf1)
    assert outcome == metrics.Comparison(0.0, (0.0, 0.0), 1.0)


def test_exact_permutation_by_hand():
    # Five subjects, one clip each; only the first run is right. Of the 32 swaps just "none" and
    # "all" are as extreme: p = 2 / 32.
    right = np.tile(np.array([[1, 0], [0, 0]]), (1, 5, 1, 1))
    wrong = np.tile(np.array([[0, 1], [0, 0]]), (1, 5, 1, 1))
    outcome = metrics.compare(right, wrong, metrics.accuracy)
    assert outcome.difference == 1.0
    assert outcome.p_value == 2 / 32


def test_permutation_agrees_with_scipy():
    first, second = counts_of(subjects=9, right=0.8), counts_of(subjects=9, right=0.6, seed=0)
    stacked = np.concatenate([first[0], second[0]])

    def statistic(a, b, axis):
        return metrics.uf1(stacked[a].sum(-3)) - metrics.uf1(stacked[b].sum(-3))

    reference = stats.permutation_test(
        (np.arange(9), np.arange(9) + 9),
        statistic,
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert metrics.compare(first, second, metrics.uf1).p_value == pytest.approx(reference.pvalue)


def test_sampled_permutation_approaches_the_exact_one():
    first, second = counts_of(subjects=10, right=0.75), counts_of(subjects=10, right=0.6)
    exact = metrics.compare(first, second, metrics.uf1, samples=1024).p_value
    sampled = metrics.compare(first, second, metrics.uf1, samples=1023).p_value
    assert sampled == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 1023))


@settings(max_examples=25)
@given(st.integers(0, 2**31))
def test_comparison_is_antisymmetric(seed):
    first, second = counts_of(subjects=6, seed=seed), counts_of(subjects=6, seed=seed, right=0.4)
    forth = metrics.compare(first, second, metrics.uar, 200)
    back = metrics.compare(second, first, metrics.uar, 200)
    assert forth.difference == pytest.approx(-back.difference)
    assert forth.p_value == back.p_value


def test_p_values_are_uniform_where_nothing_differs():
    rng = np.random.default_rng(5)
    values = []
    for _ in range(200):
        labels, _, subjects = run(subjects=8, seed=1)
        guesses = rng.integers(0, 3, (2, len(labels)))
        first, second = (
            metrics.subject_confusions(labels, row[None], subjects, 3) for row in guesses
        )
        values.append(metrics.compare(first, second, metrics.uf1, 256).p_value)
    assert stats.kstest(values, "uniform").pvalue > 0.01
