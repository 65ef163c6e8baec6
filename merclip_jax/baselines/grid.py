"""Optical flow on a grid, and linear models of it in closed form: numpy and scikit-learn.

A clip's features are the mean displacement (and strain, where its publisher gives it) in each of
k x k cells, divided by the norm of all of them to a power: 1 leaves the pattern alone, 0.5 also
tells strong movements from weak ones.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8
from scipy import special
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from merclip_jax.data import motion
from merclip_jax.training.batch import Predicted

FINEST = 14  # cells a side of what is kept of a clip
GRIDS, POWERS, STRENGTHS = (7, 14), (0.5, 1.0), (0.001, 0.01, 0.1)
INNER = 4  # parts of the training subjects, of which each in turn tells settings apart
STEPS = 500  # of the solver
SURE = 10.0  # log-odds of a unit or class that training clips always, or never, show

Grids = Float32[np.ndarray, "n g g c"]
Labels = Int[np.ndarray, "n *k"]


@dataclass(frozen=True)
class Setting:
    """What is chosen by inner subjects.

    Attributes:
      grid: cells a side.
      power: of the norm that features are divided by.
      strength: scikit-learn's C, the inverse of the penalty on coefficients.
    """

    grid: int
    power: float
    strength: float


SETTINGS = tuple(Setting(*values) for values in itertools.product(GRIDS, POWERS, STRENGTHS))


class Fitted(NamedTuple):
    """A linear model: logits are features @ kernel + bias."""

    kernel: Float[np.ndarray, "d k"]
    bias: Float[np.ndarray, " k"]


class Clips(NamedTuple):
    """Motion and labels of clips."""

    grids: Grids
    labels: Labels

    def at(self, rows: Int[np.ndarray, " m"]) -> "Clips":
        """Some of them."""
        return Clips(self.grids[rows], self.labels[rows])

    def and_also(self, others: "Clips") -> "Clips":
        """These, then the others, if there are any."""
        if not len(others.labels):
            return self
        return Clips(*(np.concatenate(parts) for parts in zip(self, others, strict=True)))


def grids(stored: UInt8[np.ndarray, "n m m c"]) -> Grids:
    """Mean motion in the finest cells, of packed motion; pixels of a picture 224 wide."""
    return _coarser(np.asarray(motion.decode(stored)), FINEST)


def _coarser(fields: Float32[np.ndarray, "n m m c"], side: int) -> Grids:
    cell = fields.shape[1] // side
    return fields.reshape(-1, side, cell, side, cell, fields.shape[-1]).mean((2, 4))


def features(fields: Grids, setting: Setting) -> Float[np.ndarray, "n d"]:
    """A clip's features; their size does not depend on the grid, and a still clip's are 0."""
    flat = _coarser(fields, setting.grid).reshape(len(fields), -1).astype(np.float64)
    size = np.sqrt(np.square(flat).mean(1, keepdims=True))
    return flat / np.maximum(size, 1e-6) ** setting.power


def fit_classes(
    x: Float[np.ndarray, "n d"],
    labels: Labels,
    count: int,
    c: float,
    start: Fitted | None = None,
) -> Fitted:
    """Logistic regression of `count` classes, each of the same weight in all.

    `start` is a solution for most of the same clips: it saves time alone.
    """
    present = np.unique(labels)
    kernel, bias = np.zeros((x.shape[1], count)), np.full(count, -SURE)
    if len(present) == 1:
        bias[present] = 0
        return Fitted(kernel, bias)
    solver = LogisticRegression(C=c, class_weight="balanced", max_iter=STEPS)
    if start is not None and len(present) == count > 2:
        x = x.astype(np.float32)  # finer than the solver's tolerance, and twice as quick
        solver.set_params(warm_start=True)
        solver.coef_, solver.intercept_ = start.kernel.T.copy(), start.bias.copy()
    fitted = solver.fit(x, labels)
    if len(present) == 2:  # scikit-learn gives the second's log-odds alone
        bias[present], kernel[:, present[1]] = (0, fitted.intercept_[0]), fitted.coef_[0]
    else:
        bias[present], kernel[:, present] = fitted.intercept_, fitted.coef_.T
    return Fitted(kernel, bias)


def fit_units(
    x: Float[np.ndarray, "n d"],
    labels: Labels,
    count: int,
    c: float,
    start: Fitted | None = None,
) -> Fitted:
    """One balanced logistic regression per action unit, from the clips whose state is known.

    Each is so quick that `start` is of no use.
    """
    alone = []
    for unit in range(count):
        annotated = labels[:, unit] >= 0
        states = labels[annotated, unit]
        if len(np.unique(states)) < 2:
            sign = 1 if states.any() else -1
            alone.append(Fitted(np.zeros((x.shape[1], 1)), np.array([sign * SURE])))
            continue
        two = fit_classes(x[annotated], states, 2, c)
        alone.append(Fitted(two.kernel[:, 1:], two.bias[1:]))
    return Fitted(*(np.concatenate(parts, -1) for parts in zip(*alone, strict=True)))


def predicted_classes(logits: Float[np.ndarray, "n c"]) -> Predicted:
    """Probabilities that sum to 1."""
    return Predicted(special.softmax(logits, 1), np.zeros((len(logits), 0)))


def predicted_units(logits: Float[np.ndarray, "n k"]) -> Predicted:
    """A probability and a logit per unit."""
    return Predicted(special.expit(logits), logits)


@dataclass(frozen=True)
class Head:
    """What is told: `count` classes, of which one holds, or action units, each by itself."""

    fit: Callable[[Float[np.ndarray, "n d"], Labels, int, float, Fitted | None], Fitted]
    predicted: Callable[[Float[np.ndarray, "n k"]], Predicted]
    count: int


def logits(clips: Grids, fitted: Fitted, setting: Setting) -> Float[np.ndarray, "n k"]:
    """What a fitted model says of clips."""
    return features(clips, setting) @ fitted.kernel + fitted.bias


def fit(head: Head, clips: Clips, setting: Setting, start: Fitted | None = None) -> Fitted:
    """The model of some clips; `start` is one of most of them."""
    x = features(clips.grids, setting)
    return head.fit(x, clips.labels, head.count, setting.strength, start)


def starts(head: Head, kept: Clips) -> dict[Setting, Fitted]:
    """The models of the clips kept, setting by setting: those of every fold lie nearby."""
    return {setting: fit(head, kept, setting) for setting in SETTINGS} if len(kept.labels) else {}


def choose(
    head: Head,
    clips: Clips,
    kept: Clips,
    subjects: Int[np.ndarray, " n"],
    score: Callable[[Predicted], float],
    near: Mapping[Setting, Fitted],
) -> tuple[Setting, Predicted]:
    """The setting that does best on inner subjects, and what is said of them with it.

    Every training subject is told by a model of the others, and of the clips kept from weights that
    the run starts from, which never take part in the choice. Of equals the first is taken.

    Args:
      head: what is told.
      clips: of a fold's training side.
      kept: of other people.
      subjects: a number per subject of `clips`.
      score: of predictions of all of `clips`.
      near: `starts` of the clips kept.
    """
    predictions = []
    for setting in SETTINGS:
        scores = np.zeros((len(clips.grids), head.count))
        for train, inner in _parts(subjects):
            fitted = fit(head, clips.at(train).and_also(kept), setting, near.get(setting))
            scores[inner] = logits(clips.grids[inner], fitted, setting)
        predictions.append((setting, head.predicted(scores)))
    return max(predictions, key=lambda pair: score(pair[1]))


def _parts(subjects: Int[np.ndarray, " n"]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training rows, inner rows) of each part; of a single subject both are all its clips."""
    count = min(INNER, len(np.unique(subjects)))
    every = np.arange(len(subjects))
    if count < 2:
        return [(every, every)]
    return list(GroupKFold(count).split(every, groups=subjects))
