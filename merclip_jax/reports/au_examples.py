"""The clips whose action units a run tells best and worst, and what it missed and added there."""

import numpy as np
from jaxtyping import Float, Int

from merclip_jax.reports.results import Results

EACH = 5


def best_and_worst(run: Results) -> dict[str, list[dict]]:
    """At most EACH clips with the highest and with the lowest F1 over their units, first seed.

    Of equal F1 come first, among the best, those with more units found, and among the worst those
    with more mistakes. Clips in which nothing moves and nothing is said have no F1 and are left
    out; no clip is in both lists.

    Returns:
      {'best': [...], 'worst': [...]} of {clip_id, subject, f1, found, missed, added}, the last
      three being names of units.
    """
    predictions = run.headline
    labels, predicted = predictions.au_labels, predictions.au_probabilities[0] > 0.5
    hit = (labels == 1) & predicted
    missed, added = (labels == 1) & ~predicted, (labels == 0) & predicted
    hits, mistakes = hit.sum(1), missed.sum(1) + added.sum(1)
    f1 = scores(hits, mistakes)
    rows = np.flatnonzero(hits + mistakes)
    best = rows[np.lexsort((-hits[rows], -f1[rows]))][: min(EACH, (len(rows) + 1) // 2)]
    rest = np.setdiff1d(rows, best)
    worst = rest[np.lexsort((-mistakes[rest], f1[rest]))][:EACH]

    def described(row: int) -> dict:
        names = {
            name: [unit for unit, yes in zip(predictions.units, which[row], strict=True) if yes]
            for name, which in (("found", hit), ("missed", missed), ("added", added))
        }
        clip = run.clips.iloc[row]
        facts = {"clip_id": clip["clip_id"], "subject": clip["subject"], "f1": float(f1[row])}
        return facts | names

    return {
        "best": [described(row) for row in best.tolist()],
        "worst": [described(row) for row in worst.tolist()],
    }


def scores(hits: Int[np.ndarray, " n"], mistakes: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """F1 of each clip over its units: 2 TP / (2 TP + FP + FN); 0 where all of them are 0."""
    return 2 * hits / np.maximum(2 * hits + mistakes, 1)
