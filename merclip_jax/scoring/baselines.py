"""Guessers that need no model: majority, chance, and oracles that are told the action units.

Each gives a pair of pooled scores (UF1, UAR), from labels, subjects and action units alone.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from merclip_jax.errors import DataError
from merclip_jax.scoring import metrics

AuSets = Sequence[frozenset[Hashable]]


class Bound(NamedTuple):
    """The pooled scores of a trivial or an all-knowing guesser."""

    uf1: float
    uar: float


def majority(labels: Int[np.ndarray, " n"], n_classes: int) -> Bound:
    """Always the most frequent class."""
    frequent = np.bincount(labels, minlength=n_classes).argmax()
    return scored(metrics.confusion(labels, np.full_like(labels, frequent), n_classes))


def random_best_of_epochs(
    labels: Int[np.ndarray, " n"],
    subjects: Shaped[np.ndarray, " n"],
    n_classes: int,
    epochs: int,
    seed: int = 0,
    repetitions: int = 100,
) -> Bound:
    """A guesser that knows only the class frequencies, with its best 'epoch' kept per subject.

    Published code keeps the epoch that scores best on the test subject itself. Here an epoch is
    a fresh guess, which makes the leak visible. With `epochs` = 1 nothing is selected: plain
    guessing. Scores are means over `repetitions`.
    """
    rng = np.random.default_rng(seed)
    prior = np.bincount(labels, minlength=n_classes) / len(labels)
    pooled = np.zeros((repetitions, n_classes, n_classes), np.int64)
    for subject in np.unique(subjects):
        truth = np.bincount(labels[subjects == subject], minlength=n_classes)
        # Guesses for the clips of one class are a multinomial row of the confusion matrix.
        guesses = rng.multinomial(truth, prior, (repetitions, epochs, n_classes))
        best = metrics.present_uf1(guesses).argmax(1)  # the first best, as a checkpoint is kept
        pooled += guesses[np.arange(repetitions), best]
    return scored(pooled)


def au_oracle_loso(
    labels: Int[np.ndarray, " n"],
    subjects: Shaped[np.ndarray, " n"],
    au_sets: AuSets,
    n_classes: int,
) -> Bound:
    """Told the true AU set of a clip, answer what the other subjects mostly showed with it.

    A set that no other subject showed gets the answer of the nearest ones (Jaccard). Ties go to
    the class that is more frequent among the other subjects.
    """
    sets, members, row = _membership(au_sets)
    nearness = _jaccard(members)
    pooled = np.zeros((n_classes, n_classes), np.int64)
    everyone = _class_counts(row, labels, len(sets), n_classes)
    for subject in np.unique(subjects):
        mine = _class_counts(
            row[subjects == subject], labels[subjects == subject], len(sets), n_classes
        )
        others = everyone - mine
        if not others.any():
            raise DataError(f"all clips are of one subject ({subject}): none is left to learn from")
        reach = np.where(others.any(1), nearness, -1.0)
        votes = (reach == reach.max(1, keepdims=True)) @ others
        answer = (votes + others.sum(0) / (2 * others.sum())).argmax(1)
        np.add.at(pooled.T, answer, mine)
    return scored(pooled)


def au_oracle_ceiling(
    labels: Int[np.ndarray, " n"],
    au_sets: AuSets,
    n_classes: int,
    restarts: int = 100,
    seed: int = 0,
) -> Bound:
    """The best UF1 that any map from AU set to class reaches, fitted on all clips.

    Coordinate ascent from the majority map and from random maps, so in rare cases slightly
    below the true ceiling. Nothing that only reads AUs can be expected above it.
    """
    sets, _, row = _membership(au_sets)
    occurrences = _class_counts(row, labels, len(sets), n_classes)
    rng = np.random.default_rng(seed)
    # as if the classes were equally frequent
    likely = occurrences / np.maximum(occurrences.sum(0), 1)
    guesses = rng.integers(0, n_classes, (restarts, len(sets)))
    starts = np.concatenate([[occurrences.argmax(1)], [likely.argmax(1)], guesses])
    reached = _ascend(occurrences, starts, rng)
    return scored(reached[metrics.uf1(reached).argmax()])


def _ascend(
    occurrences: Int[np.ndarray, "u c"], answers: Int[np.ndarray, "r u"], rng: np.random.Generator
) -> Int[np.ndarray, "r c c"]:
    """Change one set's answer at a time while UF1 rises, in all r maps at once.

    Returns the confusion matrices that the maps end with.
    """
    n_classes, maps = occurrences.shape[1], np.arange(len(answers))
    every = np.arange(n_classes)
    answers = answers.copy()
    counts = np.einsum("ut,rup->rtp", occurrences, np.eye(n_classes, dtype=np.int64)[answers])
    improved = True
    while improved:
        improved = False
        for index in rng.permutation(len(occurrences)):
            old = answers[:, index]
            without = counts.copy()
            without[maps, :, old] -= occurrences[index]
            options = np.repeat(without[:, None], n_classes, axis=1)
            options[:, every, :, every] += occurrences[index]
            scores = metrics.uf1(options)
            better = scores.max(1) > scores[maps, old] + 1e-12  # rounding is no improvement
            new = np.where(better, scores.argmax(1), old)
            answers[:, index], counts = new, options[maps, new]
            improved |= bool(better.any())
    return counts


def _membership(
    au_sets: AuSets,
) -> tuple[list[frozenset], Bool[np.ndarray, "u a"], Int[np.ndarray, " n"]]:
    """The distinct AU sets in order of appearance, their AUs as 0/1, and each clip's set."""
    sets = list(dict.fromkeys(au_sets))
    place = {units: index for index, units in enumerate(sets)}
    units = list(dict.fromkeys(unit for members in sets for unit in members))
    members = np.array([[unit in group for unit in units] for group in sets], bool)
    row = np.array([place[group] for group in au_sets])
    return sets, members.reshape(len(sets), len(units)), row


def _jaccard(members: Bool[np.ndarray, "u a"]) -> Float[np.ndarray, "u u"]:
    """Intersection over union of every two sets; 1 for two empty ones."""
    both = members.astype(int) @ members.T.astype(int)
    size = members.sum(1)
    union = size[:, None] + size - both
    return np.where(union == 0, 1.0, both / np.maximum(union, 1))


def _class_counts(
    row: Int[np.ndarray, " m"], labels: Int[np.ndarray, " m"], n_sets: int, n_classes: int
) -> Int[np.ndarray, "u c"]:
    counts = np.zeros((n_sets, n_classes), np.int64)
    np.add.at(counts, (row, labels), 1)
    return counts


def scored(counts: Int[np.ndarray, "*batch c c"]) -> Bound:
    """UF1 and UAR of pooled counts of (truth, guess), their means over a batch."""
    return Bound(float(metrics.uf1(counts).mean()), float(metrics.uar(counts).mean()))
