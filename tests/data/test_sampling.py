import numpy as np

from merclip_jax.data import sampling
from merclip_jax.protocols.folds import Fold

LABELS = np.array([0] * 12 + [1] * 4 + [2] * 2)
FOLD = Fold("01", np.arange(2, 18), np.arange(2))


def draw(count: int, **changes) -> np.ndarray:
    settings = {"batch_size": 6, "balanced": True, "seed": 0} | changes
    iterator = sampling.iterate(sampling.batches(FOLD, LABELS, **settings))
    return np.stack([next(iterator) for _ in range(count)])


def test_batches_never_hold_a_test_clip():
    assert set(draw(50).ravel()) == set(FOLD.train)


def test_balanced_batches_hold_each_class_equally():
    counts = np.apply_along_axis(np.bincount, 1, LABELS[draw(30)], minlength=3)
    np.testing.assert_array_equal(counts, np.full((30, 3), 2))


def test_a_balanced_class_is_used_up_before_it_repeats():
    of_class = [i for i in draw(40).ravel() if LABELS[i] == 1]
    for start in range(0, 40, 4):
        assert sorted(of_class[start : start + 4]) == [12, 13, 14, 15]


def test_plain_shuffling_uses_every_clip_once_per_pass():
    drawn = draw(8, balanced=False).ravel()
    assert sorted(drawn[:16]) == sorted(drawn[16:32]) == list(FOLD.train)
    assert list(drawn[:16]) != list(drawn[16:32])


def test_the_same_seed_and_fold_give_the_same_batches_and_others_do_not():
    np.testing.assert_array_equal(draw(5), draw(5))
    assert (draw(5) != draw(5, seed=1)).any()


def test_a_position_resumes_exactly():
    dataset = sampling.batches(FOLD, LABELS, batch_size=6, balanced=True, seed=0)
    first = sampling.iterate(dataset)
    for _ in range(7):
        next(first)
    second = sampling.iterate(dataset)
    second.set_state(first.get_state())
    for _ in range(7):
        np.testing.assert_array_equal(next(first), next(second))


def test_a_growing_training_side_starts_small_and_ends_whole():
    many = Fold("01", np.arange(5, 400), np.arange(5))
    labels = np.zeros(400, int)
    dataset = sampling.batches(many, labels, batch_size=32, balanced=False, seed=0, curriculum=10)
    drawn = [set(np.concatenate([dataset[i] for i in range(j, j + 10)])) for j in (0, 20, 60)]
    assert len(drawn[0]) <= 128 < len(drawn[2])
    assert set().union(*drawn) <= set(many.train)
    np.testing.assert_array_equal(dataset[3], dataset[3])
