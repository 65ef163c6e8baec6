"""How well events are spotted: the rules of the MEGC spotting challenges; tables in, numbers out.

A spot is right where it overlaps a true event of its video with IoU >= 0.5 (MEGC 2020: He et al.,
arXiv:1912.11985; MEGC 2021 to 2023 keep the rule). Counts are pooled over all videos. Spotting and
recognising in one score: STRS = F1 of spotting * macro F1 of the emotions of the right spots
(Liong, See, Chan, Signal Processing: Image Communication 110, 2023; a task of MEGC 2025).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from merclip_jax.errors import DataError
from merclip_jax.scoring import metrics

IOU = 0.5
COLUMNS = ("video", "onset_ms", "offset_ms")


@dataclass(frozen=True)
class SpottingScores:
    """Scores over all videos; ratios are 0 where undefined.

    Attributes:
      tp, fp, fn: right spots, false alarms, and events that were missed.
      precision, recall, f1: of these counts.
      recognition_f1: macro F1 of the emotions of right spots, over the classes that are shown or
        said there; None where no emotions were given.
      strs: f1 * recognition_f1; None likewise.
    """

    tp: int
    fp: int
    fn: int
    precision: float
    recall: float
    f1: float
    recognition_f1: float | None
    strs: float | None


def iou(
    first: Float[np.ndarray, "n 2"], second: Float[np.ndarray, "m 2"]
) -> Float[np.ndarray, "n m"]:
    """Intersection over union of intervals (start, end), of every pair; 0 for two empty ones."""
    low = np.maximum(first[:, None, 0], second[None, :, 0])
    high = np.minimum(first[:, None, 1], second[None, :, 1])
    shared = np.clip(high - low, 0, None)
    union = np.ptp(first, axis=1)[:, None] + np.ptp(second, axis=1)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def match(truth: pd.DataFrame, spots: pd.DataFrame, least: float = IOU) -> Int[np.ndarray, "k 2"]:
    """Pair events with spots: each at most once, as many pairs as can be.

    Args:
      truth: one row per event: video, onset_ms, offset_ms.
      spots: likewise one row per spot.
      least: the smallest IoU of a pair.

    Returns:
      Positions (not labels) of rows of `truth` and of `spots`, sorted by the first.

    Raises:
      DataError: a column is missing, or an interval ends before it starts.
    """
    _check(truth, "truth")
    _check(spots, "spots")
    pairs = []
    owners = spots["video"].to_numpy()
    for video, events in pd.Series(np.arange(len(truth))).groupby(truth["video"].to_numpy()):
        ours, theirs = events.to_numpy(), np.flatnonzero(owners == video)
        overlap = iou(_intervals(truth.iloc[ours]), _intervals(spots.iloc[theirs]))
        # Any pair is worth more than all overlaps together: first their number, then their IoU.
        worth = np.where(overlap >= least, overlap + len(ours), 0)
        rows, columns = linear_sum_assignment(worth, maximize=True)
        good = worth[rows, columns] > 0
        pairs += list(zip(ours[rows[good]], theirs[columns[good]], strict=True))
    return np.array(sorted(pairs), int).reshape(-1, 2)


def megc_scores(
    truth: pd.DataFrame,
    spots: pd.DataFrame,
    classes: Sequence[str] = (),
    least: float = IOU,
) -> SpottingScores:
    """Score spots against the events of any number of videos.

    Args:
      truth: one row per event: video, onset_ms, offset_ms and, with `classes`, emotion.
      spots: one row per spot, with the same columns; emotion is what was recognised.
      classes: the emotions; without them only spotting is scored. Events of other emotions are
        spotted like all and left out of recognition.
      least: the smallest IoU of a right spot.

    Raises:
      DataError: a column is missing, or an interval ends before it starts.
    """
    pairs = match(truth, spots, least)
    tp, fp, fn = len(pairs), len(spots) - len(pairs), len(truth) - len(pairs)
    counts = np.array([tp, fp, fn])
    recognised = strs = None
    if classes:
        confusion = recognition(truth, spots, pairs, classes)
        recognised = float(metrics.present_uf1(confusion))
        strs = float(f1(counts)) * recognised
    precision, recall = tp / max(tp + fp, 1), tp / max(tp + fn, 1)
    return SpottingScores(tp, fp, fn, precision, recall, float(f1(counts)), recognised, strs)


def recognition(
    truth: pd.DataFrame,
    spots: pd.DataFrame,
    pairs: Int[np.ndarray, "k 2"],
    classes: Sequence[str],
) -> Int[np.ndarray, "c c"]:
    """Emotions of matched pairs, counted; rows are the truth.

    Raises:
      DataError: a table has no emotions, or a spot's is not one of the classes.
    """
    for name, table in (("truth", truth), ("spots", spots)):
        if "emotion" not in table:
            raise DataError(f"{name} has no column 'emotion'; add it, or give no classes")
    strange = sorted(set(map(str, spots["emotion"])) - set(classes))
    if strange:
        raise DataError(f"spots name the emotion {strange[0]!r}; known are {', '.join(classes)}")
    labels = pd.Index(classes).get_indexer(truth["emotion"].to_numpy()[pairs[:, 0]])
    predicted = pd.Index(classes).get_indexer(spots["emotion"].to_numpy()[pairs[:, 1]])
    return metrics.confusion(labels[labels >= 0], predicted[labels >= 0], len(classes))


def f1(counts: Int[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch"]:
    """2 TP / (2 TP + FP + FN) of (TP, FP, FN); 0 where there is neither event nor spot."""
    tp, fp, fn = np.moveaxis(np.asarray(counts), -1, 0)
    return np.asarray(2 * tp / np.maximum(2 * tp + fp + fn, 1), float)


def false_alarms_per_minute(
    spots: Int[np.ndarray, "*batch"], duration_ms: float
) -> Float[np.ndarray, "*batch"]:
    """Numbers of spots in `duration_ms` of video that shows no event, per minute.

    Raises:
      DataError: the videos have no length.
    """
    if duration_ms <= 0:
        raise DataError(f"videos of {duration_ms} ms: false alarms need some time to occur in")
    return np.asarray(spots / (duration_ms / 60_000))


def _intervals(table: pd.DataFrame) -> Float[np.ndarray, "n 2"]:
    return table[["onset_ms", "offset_ms"]].to_numpy(float)


def _check(table: pd.DataFrame, name: str) -> None:
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise DataError(f"{name} has no column {missing[0]!r}; needed are {', '.join(COLUMNS)}")
    wrong = np.flatnonzero(~(table["offset_ms"].to_numpy() >= table["onset_ms"].to_numpy()))
    if len(wrong):
        onset, offset = _intervals(table)[wrong[0]]
        raise DataError(f"{name}, row {wrong[0]}: offset {offset} ms lies before onset {onset} ms")
