"""Do the nearest sentences explain? How much of a clip's action units they name, beside chance."""

from typing import Literal, cast

import numpy as np
import pandas as pd
from scipy import stats

from merclip_jax.facs import wording
from merclip_jax.reports.results import Results


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
    units = [clip.numbers for clip in clips["action_units"]]
    of_sentence = {
        wording.sentence(clip, style): numbers
        for clip, numbers in zip(clips["action_units"], units, strict=True)
    }
    folds = clips["fold"].to_numpy()
    annotated = [i for i, numbers in enumerate(units) if numbers]
    tested = [i for i in annotated if i < len(run.clips) and all(nearest[:, i, 0])]

    def nearest_share(i: int) -> float:
        return float(np.mean([_jaccard(units[i], of_sentence[name]) for name in nearest[:, i, 0]]))

    def chance(i: int) -> float:
        others = [_jaccard(units[i], units[j]) for j in annotated if folds[j] != folds[i]]
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
