"""Cells that a map highlights, and the places they are compared with."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from merclip_jax.timeline import cells as grid


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(bool, (5, 5)), st.integers(0, 99))
def test_other_places_have_the_same_size_and_are_other(cells, seed):
    places = grid.elsewhere(cells, np.ones((5, 5)), 6, seed)
    assert places.shape == (6, 5, 5)
    assert (places.sum((1, 2)) == cells.sum()).all()
    if 0 < cells.sum() < 25 and cells.sum() not in (
        5,
        10,
        15,
        20,
    ):  # stripes may fall on themselves
        assert (places != cells).any((1, 2)).all()
    np.testing.assert_array_equal(places, grid.elsewhere(cells, np.ones((5, 5)), 6, seed))


def test_what_hangs_together_stays_together():
    cells = np.zeros((6, 6), bool)
    cells[1, 1:4] = True
    for place in grid.elsewhere(cells, np.ones((6, 6)), 40, 0):
        rows, columns = place.any(1).sum(), place.any(0).sum()
        assert sorted((rows, columns)) == [1, 3]


def test_other_places_are_where_something_moves():
    cells, moved = np.zeros((2, 4, 4))
    cells[0, 0] = True
    moved[2:] = 1
    places = grid.elsewhere(cells.astype(bool), moved, 8, 0)
    assert len(np.unique(places, axis=0)) == 8  # of 16 places 8 are still
    assert not places[:, :2].any()


def test_movement_is_the_mean_distance_from_the_onset_frame():
    frames = np.full((4, 6, 6, 3), 100, np.float32)
    frames[2, :3, 3:] = 108
    np.testing.assert_allclose(
        grid.movement(jnp.asarray(frames), jnp.asarray(frames[:1]).repeat(len(frames), 0), 2),
        [[0, 2], [0, 0]],
    )
    np.testing.assert_allclose(
        grid.movement(jnp.asarray(frames), jnp.asarray(frames[2:3]).repeat(len(frames), 0), 2),
        [[0, 6], [0, 0]],
    )


def test_a_fifth_at_most_is_highlighted_and_nothing_without_evidence():
    weights = np.zeros((2, 5, 5))
    weights[0, 0] = (5, 4, 3, 2, 1)
    weights[1, 0, 4] = 9  # over time the corner has most
    weights[1, 1] = 0.5
    chosen = np.argwhere(grid.highlight(weights)).tolist()
    assert chosen == [[0, column] for column in range(5)]
    weights[:, 0, 1:] = weights[:, 1] = 0
    assert np.argwhere(grid.highlight(weights)).tolist() == [[0, 0]]
