"""What flows through a training step: state, batches, and what all folds share."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from merclip_jax.data.inputs import Stored
from merclip_jax.towers.inputs import ModelInput


class State(NamedTuple):
    """What a fold's training changes, and the key that its randomness comes from."""

    params: Any  # trained parameters
    model_state: Any  # all else of the model that is no parameter: BatchNorm, a fold's figures
    opt_state: Any
    step: Int[Array, ""]
    key: Any  # Key[Array, ""]; () in a checkpoint, as the seed and the fold give it again


class Batch(NamedTuple):
    """Clips of one step: `rows` point into the packed frames."""

    rows: Int[Array, "b t"] | Int[np.ndarray, "b t"]
    labels: Int[Array, "b ..."]  # class of each clip, or states of its action units
    sentences: Int[Array, " b"]  # row of the sentence table; negative: the clip has none
    mirrored: Int[Array, " b"]  # the same for the mirrored clip


class AugmentedBatch(NamedTuple):
    """A batch with its frames gathered and augmented, and its texts looked up."""

    frames: ModelInput
    labels: Int[Array, "b ..."]
    sentences: Int[Array, " b"]
    texts: Array  # [b, e] embeddings, or [b, l] token ids where the text tower is trained


class Shared(NamedTuple):
    """What all folds read and none changes."""

    stored: Stored  # packed frames and motion
    texts: Array  # [s, p, e] embeddings, or [s, p, l] token ids where the text tower is trained
    frozen: Any  # parameters that are not trained


class Predicted(NamedTuple):
    """Probabilities of classes or action units, and what else a task reports of each clip.

    MER-CLIP: `scores` is the cosine of clip and sentence for every sentence. Micro-AU CLIP: the
    logit of every action unit; `sums` is where it looked, summed over clips by `Task.aggregate`.
    """

    probabilities: Float[Array, "b c"] | Float[np.ndarray, "b c"]
    scores: Float[Array, "b s"] | Float[np.ndarray, "b s"]
    sums: Any = None  # a tree of arrays that add up over batches


def joined(batches: Sequence[Predicted]) -> Predicted:
    """Batches one after another; their sums added up."""
    return Predicted(
        np.concatenate([batch.probabilities for batch in batches]),
        np.concatenate([batch.scores for batch in batches]),
        jax.tree.map(lambda *parts: np.sum(parts, axis=0), *(batch.sums for batch in batches)),
    )
