"""Scores of action units: F1 of the unit, of both its states, and the area under the ROC curve.

Published tables mix three averages, so all are named: binary (F1 of 'moved'), macro (mean of F1
of both states), each over units; cells that nobody knows (-1) count nowhere.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn import metrics as sk

from merclip_jax.scoring import metrics

Counts = Int[np.ndarray, "*batch k 2 2"]


def counts(
    labels: Int[np.ndarray, "n k"], predicted: Bool[np.ndarray, "n k"]
) -> Int[np.ndarray, "k 2 2"]:
    """Of each unit, clips by (truth, prediction)."""
    table = np.zeros((labels.shape[1], 2, 2), np.int64)
    for truth in (0, 1):
        for guess in (0, 1):
            table[:, truth, guess] = ((labels == truth) & (predicted == bool(guess))).sum(0)
    return table


def binary_f1(table: Counts) -> Float[np.ndarray, "*batch k"]:
    """F1 of 'moved'; 0 where the unit is neither shown nor said."""
    hits = table[..., 1, 1]
    whole = 2 * hits + table[..., 0, 1] + table[..., 1, 0]
    return np.divide(2 * hits, whole, out=np.zeros(whole.shape), where=whole > 0)


def macro_f1(table: Counts) -> Float[np.ndarray, "*batch k"]:
    """Mean of F1 of 'moved' and of 'still'."""
    return (binary_f1(table) + binary_f1(table[..., ::-1, ::-1])) / 2


def mean_f1(labels: Int[np.ndarray, "n k"], predicted: Bool[np.ndarray, "n k"]) -> float:
    """Binary F1 averaged over the units that some clip shows; 0 if none is shown."""
    return float(pooled_f1(binary_f1)(counts(labels, predicted).reshape(-1, 2)))


def subject_counts(
    labels: Int[np.ndarray, "n k"], predicted: Bool[np.ndarray, "m n k"], subjects: np.ndarray
) -> Int[np.ndarray, "m s u 2"]:
    """Counts per seed and subject, units and truth in one axis, as `metrics` resamples them."""
    names, subject = np.unique(subjects, return_inverse=True)
    tables = [
        [counts(labels[subject == i], row[subject == i]) for i in range(len(names))]
        for row in predicted
    ]
    return np.array(tables).reshape(len(predicted), len(names), -1, 2)


def pooled_f1(form: Callable[[Counts], np.ndarray]) -> metrics.Metric:
    """The mean of `binary_f1` or `macro_f1` over the units that are shown, of `subject_counts`."""

    def metric(flat: np.ndarray) -> np.ndarray:
        confusions = flat.reshape(*flat.shape[:-2], -1, 2, 2)
        occurs = confusions[..., 1, :].sum(-1) > 0
        return np.asarray((form(confusions) * occurs).sum(-1) / np.maximum(occurs.sum(-1), 1))

    return metric


HEADLINE: dict[str, metrics.Metric] = {
    "f1": pooled_f1(binary_f1),
    "f1_macro": pooled_f1(macro_f1),
}


def auc(labels: Int[np.ndarray, "n k"], scores: Float[np.ndarray, "n k"]) -> list[float | None]:
    """Area under the ROC curve of each unit; None where only one state is shown."""
    areas: list[float | None] = []
    for truth, score in zip(labels.T, scores.T, strict=True):
        annotated = truth >= 0
        both = len(np.unique(truth[annotated])) == 2
        areas.append(float(sk.roc_auc_score(truth[annotated], score[annotated])) if both else None)
    return areas


def table(
    labels: Int[np.ndarray, "n k"],
    predicted: Bool[np.ndarray, "n k"],
    scores: Float[np.ndarray, "n k"],
    units: Sequence[str],
) -> dict[str, dict]:
    """{'AU12': {f1, f1_macro, auc, support}} of every unit."""
    tables = counts(labels, predicted)
    columns = (binary_f1(tables), macro_f1(tables), auc(labels, scores), tables[:, 1].sum(-1))
    return {
        f"AU{unit}": {
            "f1": float(f1),
            "f1_macro": float(macro),
            "auc": area,
            "support": int(support),
        }
        for unit, f1, macro, area, support in zip(units, *columns, strict=True)
    }
