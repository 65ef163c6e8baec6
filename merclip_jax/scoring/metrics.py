"""Scores of pooled predictions, their intervals, and paired tests; numpy in, numbers out.

Every score is a function of confusion matrices with any leading axes, so that one formula serves
the pooled score, each bootstrap sample and each permutation. The number of classes is fixed by
the protocol; a class whose F1 or recall is undefined counts 0 (MEGC 2019 rule, pooled form).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Num, Shaped
from scipy.special import ndtr, ndtri
from sklearn import metrics as sk

Confusion = Num[np.ndarray, "*batch c c"]
Score = Float[np.ndarray, "*batch"]
Metric = Callable[[np.ndarray], np.ndarray]


def confusion(
    labels: Int[np.ndarray, " n"], predictions: Int[np.ndarray, " n"], n_classes: int
) -> Int[np.ndarray, "c c"]:
    """Counts of (truth, prediction); rows are the truth."""
    return sk.confusion_matrix(labels, predictions, labels=np.arange(n_classes))


def f1(counts: Confusion) -> Float[np.ndarray, "*batch c"]:
    """2 TP / (2 TP + FP + FN) of each class; 0 where it is neither shown nor predicted."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return _ratio(2 * hits, counts.sum(-1) + counts.sum(-2))


def recall(counts: Confusion) -> Float[np.ndarray, "*batch c"]:
    """TP / (TP + FN) of each class; 0 where the class is not shown."""
    return _ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1))


def uf1(counts: Confusion) -> Score:
    """Unweighted F1: the mean of F1 over all classes (MEGC 2019)."""
    return np.asarray(f1(counts).mean(-1))


def uar(counts: Confusion) -> Score:
    """Unweighted average recall: the mean of recall over all classes (MEGC 2019)."""
    return np.asarray(recall(counts).mean(-1))


def accuracy(counts: Confusion) -> Score:
    """The share of right predictions; 0 if there is no clip."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def weighted_f1(counts: Confusion) -> Score:
    """The mean of F1 weighted by each class's number of clips."""
    return _ratio((f1(counts) * counts.sum(-1)).sum(-1), counts.sum((-2, -1)))


def present_uf1(counts: Confusion) -> Score:
    """The mean of F1 over the classes that are shown or predicted.

    The MER-CLIP release (@31037e9) scores an epoch on its test subject this way. It is no
    headline score: the classes that count differ from fold to fold.
    """
    present = (counts.sum(-1) + counts.sum(-2)) > 0
    return _ratio((f1(counts) * present).sum(-1), present.sum(-1))


HEADLINE: dict[str, Metric] = {
    "uf1": uf1,
    "uar": uar,
    "accuracy": accuracy,
    "weighted_f1": weighted_f1,
}


def per_class(
    labels: Int[np.ndarray, " n"], predictions: Int[np.ndarray, " n"], classes: Sequence[str]
) -> pd.DataFrame:
    """One row per class with f1, recall, precision (0 where undefined) and support (clips)."""
    precision, recalls, f1s, support = sk.precision_recall_fscore_support(
        labels, predictions, labels=np.arange(len(classes)), zero_division=0.0
    )
    columns = {"f1": f1s, "recall": recalls, "precision": precision, "support": support}
    return pd.DataFrame(columns, index=pd.Index(classes, name="class"))


def subject_confusions(
    labels: Int[np.ndarray, " n"],
    predictions: Int[np.ndarray, "k n"],
    subjects: Shaped[np.ndarray, " n"],
    n_classes: int,
) -> Int[np.ndarray, "k s c c"]:
    """Confusion matrices per run seed (k rows of predictions) and subject, in sorted order."""
    names, subject = np.unique(subjects, return_inverse=True)
    counts = np.zeros((len(predictions), len(names), n_classes, n_classes), np.int64)
    for matrices, row in zip(counts, predictions, strict=True):
        np.add.at(matrices, (subject, labels, row), 1)
    return counts


def bootstrap_interval(
    counts: Int[np.ndarray, "k s r c"], metric: Metric, samples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the mean over seeds of a pooled metric.

    Subjects are drawn with replacement, because clips of one person are not independent; so are
    the seeds, if there are several. Bias-corrected percentiles (Efron 1981).

    Args:
      counts: per seed and subject, from `subject_confusions` or whatever the metric reads.
      metric: one of this module's scores.
      samples: bootstrap samples.
      seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    n_subjects = counts.shape[1]
    drawn = rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), samples)
    return _bias_corrected(_resampled(counts, metric, drawn, rng), _mean_score(counts, metric))


def pooled(counts: Int[np.ndarray, "k s r c"], scores: Mapping[str, Metric]) -> dict[str, dict]:
    """Scores as every report has them: {name: {value, ci95, seeds}}.

    `value` is the mean over the k seeds, `ci95` its interval over subjects (and seeds).
    """
    by_metric = {}
    for name, metric in scores.items():
        seeds = metric(counts.sum(1))
        by_metric[name] = {
            "value": float(seeds.mean()),
            "ci95": list(bootstrap_interval(counts, metric)),
            "seeds": seeds.tolist(),
        }
    return by_metric


@dataclass(frozen=True)
class Comparison:
    """One metric of two runs on the same clips: `difference` = first - second, with `ci95`.

    `p_value` is two-sided: how often swapping whole subjects between the runs gives a
    difference at least as large.
    """

    difference: float
    ci95: tuple[float, float]
    p_value: float


def compare(
    first: Int[np.ndarray, "k s r c"],
    second: Int[np.ndarray, "k s r c"],
    metric: Metric,
    samples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Paired comparison of two runs: bootstrap interval and permutation test, both over subjects.

    All 2^s swaps are tried where they are no more than `samples`, so the p value is then exact. The
    interval also draws seeds, each run's by themselves; the p value is given these seeds. So with
    few seeds that differ much the interval is the wider statement, and the one to believe.

    Args:
      first, second: confusion matrices per seed and subject, subjects in the same order.
      metric: one of this module's scores.
      samples: bootstrap samples, and at most so many permutations.
      seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    n_subjects = first.shape[1]
    difference = _mean_score(first, metric) - _mean_score(second, metric)
    drawn = rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), samples)
    resampled = _resampled(first, metric, drawn, rng) - _resampled(second, metric, drawn, rng)

    exact = 2**n_subjects <= samples
    if exact:
        swaps = np.arange(2**n_subjects)[:, None] >> np.arange(n_subjects) & 1
    else:
        swaps = rng.integers(0, 2, (samples, n_subjects))
    moved = np.einsum("ps,kscd->pkcd", swaps, second - first, optimize=True)
    swapped = metric(first.sum(1) + moved).mean(-1) - metric(second.sum(1) - moved).mean(-1)
    extreme = int((np.abs(swapped) >= abs(difference) - 1e-12).sum())  # 1e-12: ties are rounded
    # A random sample of swaps lacks the observed one, which is as extreme as itself.
    p_value = extreme / len(swaps) if exact else (extreme + 1) / (samples + 1)
    return Comparison(difference, _bias_corrected(resampled, difference), p_value)


def _ratio(part: np.ndarray | np.number, whole: np.ndarray | np.number) -> np.ndarray:
    """part / whole, 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)


def _mean_score(counts: Int[np.ndarray, "k s r c"], metric: Metric) -> float:
    return float(metric(counts.sum(1)).mean())


def _resampled(
    counts: Int[np.ndarray, "k s r c"],
    metric: Metric,
    drawn: Int[np.ndarray, "b s"],
    rng: np.random.Generator,
) -> Float[np.ndarray, " b"]:
    """The metric on each bootstrap sample of subjects, averaged over a sample of the seeds."""
    scores = metric(np.einsum("bs,kscd->bkcd", drawn, counts, optimize=True))
    seeds = len(counts)
    return (scores * rng.multinomial(seeds, np.full(seeds, 1 / seeds), len(drawn))).sum(1) / seeds


def _bias_corrected(values: Float[np.ndarray, " b"], observed: float) -> tuple[float, float]:
    """The 95 % interval whose percentiles are shifted by the bootstrap's median bias."""
    below = (values < observed).mean() + (values == observed).mean() / 2  # ties: half and half
    # The observed value may lie outside all samples: then the shift is as far as they can tell.
    shift = ndtri(np.clip(below, 0.5 / len(values), 1 - 0.5 / len(values)))
    low, high = np.quantile(values, ndtr(2 * shift + ndtri([0.025, 0.975])))
    return float(low), float(high)
