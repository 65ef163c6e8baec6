"""Cells of a grid over the face: those that a map highlights, and others to compare them with."""

import math
from typing import TypeVar

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from merclip_jax.towers.inputs import ModelInput

HIGHLIGHTED = 0.2  # largest share of the cells that is highlighted

Pixels = TypeVar("Pixels", np.ndarray, Array)


def highlight(weights: Float[np.ndarray, "t g g"]) -> Bool[np.ndarray, "g g"]:
    """The cells with most evidence over time: a fifth of all at most, and none without any."""
    over_time = weights.sum(0)
    count = math.ceil(HIGHLIGHTED * over_time.size)
    most = np.argsort(-over_time, axis=None, kind="stable")[:count]
    chosen = np.zeros(over_time.size, bool)
    chosen[most] = True
    return chosen.reshape(over_time.shape) & (over_time > 0)


def movement(clip: ModelInput, rest: ModelInput, grid: int) -> Float[np.ndarray, "g g"]:
    """How far each cell is from its rest in what a model sees, on average over time."""

    def away(
        part: Float[Array, "t s s 3"], still: Float[Array, "t s s 3"]
    ) -> Float[np.ndarray, "g g"]:
        moved = np.asarray(part, np.float64) - np.asarray(still, np.float64)
        return sums(np.abs(moved), grid).mean(0) / (part.shape[1] // grid) ** 2 / 3

    parts = zip(jax.tree.leaves(clip), jax.tree.leaves(rest), strict=True)
    return np.sum([away(*both) for both in parts], axis=0)


def elsewhere(
    cells: Bool[np.ndarray, "g g"], moved: Float[np.ndarray, "g g"], count: int, seed: int
) -> Bool[np.ndarray, "{count} g g"]:
    """The same cells at random other places: turned, mirrored and shifted around the edges.

    What hangs together stays together: scattered cells would be no fair comparison, since a
    movement that loses a cell here and there is still seen. Only the half of the places where most
    has `moved` is drawn from: to hold the wall behind a face still would prove nothing.
    """
    size = len(cells)
    turned = [np.rot90(form, turns) for form in (cells, cells[:, ::-1]) for turns in range(4)]
    shifted = [
        np.roll(form, (down, right), (0, 1))
        for form in turned
        for down in range(size)
        for right in range(size)
    ]
    places = np.unique(np.stack(shifted), axis=0)
    others = places[(places != cells).any((1, 2))]
    if not len(others):  # of no cells, or of all, there is but one place
        others = places
    content = (others * moved).sum((1, 2))
    others = others[np.argsort(-content, kind="stable")[: -(-len(others) // 2)]]
    rng = np.random.default_rng(seed)
    return others[rng.choice(len(others), count, replace=len(others) < count)]


def sums(pixels: Pixels, grid: int) -> Pixels:
    """Sums over the patches of a grid and the colours: [t, s, s, 3] -> [t, grid, grid]."""
    t, side = pixels.shape[:2]
    return pixels.reshape(t, grid, side // grid, grid, side // grid, 3).sum((2, 4, 5))
