"""Explanations from the aligned space: the sentences of known clips that lie nearest to a clip.

The published code trains clips towards sentences and never asks for them again. Here every
prediction comes with the nearest sentences among those of its fold's training side, and the report
tells how often these name what moved.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

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
    of_fold = np.unique(of_training[of_training >= 0])
    order = of_fold[np.argsort(-similarity[:, of_fold], axis=1, kind="stable")]
    named: dict[str, list] = {}
    for rank in range(min(NEAREST, len(of_fold))):
        named[f"nearest_{rank + 1}"] = [sentences[row] for row in order[:, rank]]
        named[f"similarity_{rank + 1}"] = list(
            np.take_along_axis(similarity, order[:, rank : rank + 1], axis=1)[:, 0]
        )
    return named
