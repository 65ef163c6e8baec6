import numpy as np
import pytest

from merclip_jax.scoring import sides

UNITS = ("4", "L12", "R12", "L14", "R14")
SUBJECTS = np.array(["a", "a", "b", "c"])
LABELS = np.array(
    [
        [1, 1, 0, 0, 0],  # left 12 alone
        [0, 0, 1, 1, 0],  # right 12, left 14
        [0, 1, 1, 0, 0],  # both: no side to tell
        [0, 1, -1, -1, 0],  # nobody knows of the other side
    ]
)


def test_pairs_are_the_units_with_both_sides():
    assert sides.pairs(UNITS) == [(1, 2), (3, 4)]
    assert sides.pairs(("R2", "4", "L2", "L6")) == [(2, 0)]


def test_share_by_hand():
    rows = [[0, 0.9, 0.1, 0, 0], [0, 0.7, 0.2, 0.5, 0.5], [0, 1, 0, 1, 0], [0, 0, 1, 1, 0]]
    said = np.array(rows)
    found = sides.told_apart(LABELS, said[None], UNITS, SUBJECTS)
    assert found is not None
    assert found["n"] == 3
    assert found["share"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert found["ci95"] == [found["share"]] * 2  # one subject has all of them


def test_seeds_are_averaged_and_the_interval_is_over_subjects():
    labels = np.tile([[1, 0]], (40, 1))
    subjects = np.repeat([f"s{i}" for i in range(8)], 5)
    right = np.where(np.arange(40)[:, None] < 30, [[0.8, 0.3]], [[0.3, 0.8]])
    always = np.tile([[0.8, 0.3]], (40, 1))
    found = sides.told_apart(labels, np.stack([right, always]), ("L2", "R2"), subjects)
    assert found is not None
    assert found["share"] == pytest.approx((0.75 + 1) / 2)
    assert found["ci95"][0] < found["share"] < found["ci95"][1] <= 1


@pytest.mark.parametrize("units", [UNITS, ("1", "4", "5", "6", "7")])
def test_no_share_without_a_one_sided_movement(units):
    labels = np.ones((4, 5), int) if units is UNITS else LABELS
    assert sides.told_apart(labels, np.zeros((1, 4, 5)), units, SUBJECTS) is None
