"""Explanations from the aligned space: the sentences of known clips that lie nearest to a clip.

The published code trains clips towards sentences and never asks for them again. Here every
prediction comes with the nearest sentences among those of its fold's training side, and the report
tells how often these name what moved.
"""

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy import stats

from merclip_jax import facs
from merclip_jax.results import Results

NEAREST = 3  # sentences kept per clip


def columns(
    similarity: Float[np.ndarray, "n s"],
    sentences: Sequence[str],
    of_training: Int[np.ndarray, " k"],
) -> dict[str, list]:
    """Columns nearest_1, similarity_1, ... of predictions.csv.

    Args:
      similarity: cosine of each clip with each sentence.
      sentences: all sentences of the run.
      of_training: rows of the sentences of training clips, -1 for none; no other sentence may be
        named, since the held-out subject's would tell of its annotation.

    A fold with fewer than NEAREST sentences has fewer columns; joined with other folds' tables,
    what it lacks is blank.
    """
    known = np.unique(of_training[of_training >= 0])
    order = known[np.argsort(-similarity[:, known], axis=1, kind="stable")]
    named: dict[str, list] = {}
    for rank in range(min(NEAREST, len(known))):
        named[f"nearest_{rank + 1}"] = [sentences[row] for row in order[:, rank]]
        named[f"similarity_{rank + 1}"] = list(
            np.take_along_axis(similarity, order[:, rank : rank + 1], axis=1)[:, 0]
        )
    return named


def agreement(run: Results) -> dict | None:
    """How much of a clip's action units its nearest sentence names, beside chance.

    The measure is the Jaccard index of the two sets of AU numbers, sides merged, averaged over the
    clips that have any and whose fold knows a sentence. Chance takes the action units of any clip
    outside the clip's fold instead.

    Returns:
      {nearest, chance, difference, ci95}, the interval a percentile bootstrap over subjects of
      the difference; None if the run was not aligned with action units, or has too few subjects.
    """
    settings, nearest = run.run["config"].get("text", {}), run.headline.nearest
    if settings.get("content") != "action_units" or not nearest.size:
        return None
    style = cast(Literal["released", "ours"], settings["style"])
    clips = pd.concat([run.clips, run.only_trained])
    units = [facs.numbers(cell) for cell in clips["aus"]]
    of_sentence = {
        facs.sentence(facs.parse(cell), style): known
        for cell, known in zip(clips["aus"], units, strict=True)
    }
    folds = clips["fold"].to_numpy()
    shown = [i for i, known in enumerate(units) if known]
    tested = [i for i in shown if i < len(run.clips) and all(nearest[:, i, 0])]

    def nearest_share(i: int) -> float:
        return float(np.mean([_jaccard(units[i], of_sentence[name]) for name in nearest[:, i, 0]]))

    def chance(i: int) -> float:
        others = [_jaccard(units[i], units[j]) for j in shown if folds[j] != folds[i]]
        return float(np.mean(others))

    table = pd.DataFrame(
        {
            "subject": run.subjects[tested],
            "nearest": [nearest_share(i) for i in tested],
            "chance": [chance(i) for i in tested],
        }
    )
    gain = (table["nearest"] - table["chance"]).groupby(table["subject"]).mean().to_numpy()
    if len(gain) < 2 or np.isnan(gain).any():
        return None
    interval = stats.bootstrap((gain,), np.mean, n_resamples=2000, method="percentile", rng=0)
    return {
        "nearest": float(table["nearest"].mean()),
        "chance": float(table["chance"].mean()),
        "difference": float(gain.mean()),
        "ci95": [float(x) for x in interval.confidence_interval],
    }


def _jaccard(first: frozenset[int], second: frozenset[int]) -> float:
    return len(first & second) / len(first | second)
