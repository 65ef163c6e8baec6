import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from merclip_jax.facs import labels as au_labels
from merclip_jax.facs import notation


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("4+7", [1, 0, 0, 0, 0]),
        ("12", [0, 1, 1, 1, 0]),
        ("L12", [0, 1, 1, 0, 0]),
        ("A12", [0, 1, 1, 1, 0]),  # both sides, one stronger
        ("L12 or R12", [0, 1, -1, -1, 0]),
        ("R6 or R12", [0, -1, 0, -1, -1]),
        ("?", [-1, -1, -1, -1, -1]),
        ("4+?", [1, -1, -1, -1, -1]),
        ("4(k)", [0, 0, 0, 0, 0]),  # held, no movement of this clip
        ("ref(12)", [0, 1, 1, 1, 0]),
        ("", [0, 0, 0, 0, 0]),
    ],
)
def test_states_of_a_cell(cell, expected):
    found = au_labels.matrix([notation.parse(cell)], ("4", "12", "L12", "R12", "6"))
    assert found.tolist() == [expected]


def test_units_in_both_forms():
    assert au_labels.units((1, 12, 17), "merged") == ("1", "12", "17")
    assert au_labels.units((1, 12, 17), "kept") == ("L1", "R1", "L12", "R12", "17")


def test_statistics_by_hand():
    labels = np.array([[1, 1, 0], [1, 1, -1], [0, 0, 1], [0, 1, 0]], np.int8)
    found = au_labels.statistics(labels)
    phi = np.corrcoef(labels[:, 0], labels[:, 1])[0, 1]
    assert found.correlation[0, 1] == pytest.approx(phi * 4 / (4 + au_labels.SHRINKAGE))
    known = labels[[0, 2, 3]]
    phi = np.corrcoef(known[:, 0], known[:, 2])[0, 1]
    assert found.correlation[0, 2] == pytest.approx(phi * 3 / (3 + au_labels.SHRINKAGE))
    np.testing.assert_allclose(found.positive_weight**2, [1, 1 / 3, 2])
    np.testing.assert_array_equal(np.diag(found.correlation), 1)


SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 5))
LABELS = hnp.arrays(np.int8, SHAPES, elements=st.sampled_from([-1, 0, 1]))


@settings(max_examples=50, deadline=None)
@given(LABELS)
def test_statistics_are_always_usable(labels):
    found = au_labels.statistics(labels)
    assert (np.abs(found.correlation) <= 1 + 1e-9).all()
    np.testing.assert_allclose(found.correlation, found.correlation.T)
    assert (found.positive_weight > 0).all() and (found.positive_weight <= au_labels.HEAVIEST).all()


def test_a_clip_goes_with_its_rarest_unit_of_the_training_side():
    labels = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 1]], np.int8)
    train = np.array([0, 1, 2, 3])
    assert au_labels.rarest(labels, train).tolist()[:4] == [0, 0, 1, -1]
