"""Maps drawn over frames."""

import dataclasses

import numpy as np
import pytest

from merclip_jax.timeline import heat, maps


@pytest.fixture
def told():
    """Evidence in one cell (row 0, column 2) of frame 1 of 3; that cell is highlighted."""
    weights, cells = np.zeros((3, 3, 3)), np.zeros((3, 3), bool)
    weights[1, 0, 2], cells[0, 2] = 1, True
    return maps.Explanation("surprise", weights, cells, 1.0, -1.0, 1.0, 0.1, 0.1, 1.0)


@pytest.fixture
def nothing(told):
    empty = np.zeros((3, 3), bool)
    return dataclasses.replace(told, map=np.zeros((3, 3, 3)), highlighted=empty)


FRAMES = np.full((3, 30, 30, 3), (90, 100, 140), np.uint8)


def coloured(picture) -> np.ndarray:
    return (picture.max(-1) != picture.min(-1)) & (picture.min(-1) < 255)


def test_colour_stands_where_and_when_the_evidence_is(told):
    film = heat.film(FRAMES, told, (0, 1, 2), side=30)
    assert film.shape == (30, 3 * 30 + 2 * heat.GAP, 3)
    first, second = film[:, :30], film[:, 30 + heat.GAP : 60 + heat.GAP]
    inside = np.zeros((30, 30), bool)
    inside[1:9, 21:29] = True  # of the outline
    assert not coloured(first)[inside].any()
    assert coloured(second)[inside].all()
    assert not coloured(second)[18:].any()  # bilinear: colour ends in the next cell
    red, _, blue = second[5, 25].astype(int)
    assert red - blue > 100


def test_highlighted_cells_are_outlined_in_every_frame(told):
    film = heat.film(FRAMES, told, (0,), side=30)
    rows, columns = np.nonzero((film == heat.ORANGE).all(-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 9, 20, 29)
    assert len(rows) == 36  # a square of 10 x 10, one pixel wide


def test_without_evidence_nothing_is_coloured(nothing):
    assert not coloured(heat.film(FRAMES, nothing, (0, 1, 2))).any()
    assert heat.legend(nothing) == "No movement speaks for surprise, so nothing is coloured."
    assert heat.description(nothing, ("onset",)) == "The face at onset; nothing is coloured."


def test_words(told):
    assert "movement that speaks for surprise" in heat.legend(told)
    assert "11% of the picture" in heat.legend(told)
    assert heat.description(told, ("onset", "apex", "offset")) == (
        "The face at onset, apex, offset. Most evidence for surprise lies in the upper right of "
        "the picture, and in frame 2 of 3."
    )


@pytest.mark.parametrize(
    ("cell", "place"), [((3, 3), "centre"), ((6, 0), "lower left"), ((3, 6), "middle right")]
)
def test_places_in_words(told, cell, place):
    weights = np.zeros((1, 7, 7))
    weights[0, *cell] = 1
    told = dataclasses.replace(told, map=weights, highlighted=weights[0] > 0)
    assert f"in the {place} of" in heat.description(told, ("apex",))
