"""Action units (AUs) as a matrix of labels, and what a fold learns of them before training.

Cells are read by `facs`. 1: the unit moved; 0: it did not; -1: nobody knows, so that the cell takes
part in no loss and no score ('?', and units of which the annotator named only alternatives).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Int8

from merclip_jax.facs import notation
from merclip_jax.facs.notation import UNKNOWN

SHRINKAGE = 10  # clips' worth of no correlation that every measured one is mixed with
HEAVIEST = 10.0  # positive weight: a unit shown once must not outweigh all the others

Labels = Int8[np.ndarray, "n k"]


class Statistics(NamedTuple):
    """Of the training side of one fold.

    Attributes:
      correlation: phi coefficient of every two units, shrunk towards 0; 1 on the diagonal.
      positive_weight: root of clips without a unit over those with it, at most HEAVIEST. The root,
        since AU-stratified batches show rare units more often already.
    """

    correlation: Float[np.ndarray, "k k"]
    positive_weight: Float[np.ndarray, " k"]


def units(numbers: Sequence[int], sides: str) -> tuple[str, ...]:
    """Names of the units of a run: '12', or with `sides` 'kept' 'L12' and 'R12'.

    Units of the midline, which are seldom one-sided, stay whole.
    """
    if sides == "merged":
        return tuple(map(str, numbers))
    return tuple(
        form
        for number in numbers
        for form in ((str(number),) if number in notation.MIDLINE else (f"L{number}", f"R{number}"))
    )


def matrix(clips: Iterable[notation.ActionUnits], units: Sequence[str]) -> Labels:
    """The label of every clip and unit.

    A unit named with its side ('L12') is shown by a cell that names that side or both ('12'); one
    without a side by any.
    """
    named = [notation.number_and_side(unit) for unit in units]
    rows = [[clip.state(number, side) for number, side in named] for clip in clips]
    return np.array(rows, np.int8).reshape(len(rows), len(units))


def statistics(labels: Labels) -> Statistics:
    """Correlation and weights of the units over clips that must be a fold's training side."""
    annotated = (labels != UNKNOWN).astype(float)
    present = (labels == 1).astype(float)
    n = annotated.T @ annotated  # clips where both are annotated
    both, one = present.T @ present, present.T @ annotated  # one[a, b]: a is present, b annotated
    covariance = n * both - one * one.T
    spread = one * (n - one)
    scale = np.sqrt(spread * spread.T)
    phi = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
    correlation = phi * n / (n + SHRINKAGE)
    np.fill_diagonal(correlation, 1.0)
    with_it = present.sum(0)
    without = annotated.sum(0) - with_it
    weight = np.clip(np.sqrt(without / np.maximum(with_it, 1)), 1 / HEAVIEST, HEAVIEST)
    return Statistics(correlation, np.where(with_it > 0, weight, 1.0))


def rarest(labels: Labels, train: Int[np.ndarray, " m"]) -> Int[np.ndarray, " n"]:
    """A group for each clip, by the unit of its that the training side shows least; -1 for none.

    Batches that take the groups in turn show every unit (AU-stratified).
    """
    frequency = (labels[train] == 1).sum(0)
    frequency = np.where(frequency > 0, frequency, len(labels) + 1)
    rank = np.where(labels == 1, frequency, len(labels) + 2)
    rarest = rank.argmin(1)
    return np.where((labels == 1).any(1), rarest, -1)
