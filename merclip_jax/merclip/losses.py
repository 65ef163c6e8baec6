"""Training losses, one value per example; the training step reduces, masks and weights them.

MER-CLIP (arXiv 2505.05937) trains with two: an alignment of clips with the sentences of their
action units, and the focal loss of the emotion. Over the epochs the weight moves from the first
to the second. All figures follow the release @31037e9 unless a docstring says otherwise.
"""

from typing import Literal

import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from merclip_jax.towers import similarity

# The release weights each direction of the alignment (clip to text, text to clip) by its
# cross-entropy class's default of 0.5: their sum is then the mean of the two.
DIRECTION_WEIGHT = 0.5


def focal_loss(
    logits: Float[Array, "b c"], labels: Int[Array, " b"], gamma: float = 2.0
) -> Float[Array, " b"]:
    """Softmax focal loss -(1 - p)^gamma log p of the true class (Lin et al., arXiv 1708.02002).

    No class weights: the release accepts them and ignores them. `gamma` 0 is the cross-entropy;
    between 0 and 1 the gradient is unbounded at p = 1.
    """
    log_p = -optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    if gamma == 0:
        return -log_p  # the power's derivative is 0 * inf at p = 1
    return -((-jnp.expm1(log_p)) ** gamma) * log_p


def alignment_targets(
    sentences: Int[Array, " b"],
    all_sentences: Int[Array, " n"],
    offset: int | Int[Array, ""] = 0,
    form: Literal["same_sentence", "released"] = "same_sentence",
) -> Float[Array, "b n"]:
    """Give the target distribution of each local clip over the keys of the whole batch.

    `sentences` are ids of AU sentences; local clip i is key `offset + i`. same_sentence: every key
    with the same sentence is an equal positive, since AU sentences recur in nearly every batch and
    must not repel each other. released: the clip itself alone, whoever else has its sentence.

    Rows sum to 1, but a clip without AUs (negative id; the release has none) gets a row of zeros,
    so no loss. It must also be kept out of the keys: pass `all_sentences >= 0` as `key_mask` to
    `alignment_loss`.
    """
    if form == "released":
        positive = (offset + jnp.arange(len(sentences)))[:, None] == jnp.arange(len(all_sentences))
    else:
        positive = sentences[:, None] == all_sentences
    positive &= sentences[:, None] >= 0
    return positive / jnp.maximum(positive.sum(1, keepdims=True), 1)


def alignment_loss(
    queries: Float[Array, "b e"],
    keys: Float[Array, "n e"],
    targets: Float[Array, "b n"],
    scale: Float[Array, ""] | float,
    key_mask: Bool[Array, " n"] | None = None,
) -> Float[Array, " b"]:
    """Cross-entropy of softmax(scale * cosine similarity) against soft targets (CLIP, InfoNCE).

    `scale` is the exponential of the model's logit_scale. Keys that `key_mask` leaves out do not
    enter the softmax and must have target 0. Rows of zero targets give 0, with zero gradient.
    """
    logits = scale * similarity.cosine(queries, keys)
    if key_mask is not None:
        # The smallest finite number, not -inf: 0 * -inf and an all-masked row would give NaN.
        logits = jnp.where(key_mask, logits, jnp.finfo(logits.dtype).min)
    return optax.softmax_cross_entropy(logits, targets)


def progressive_weights(
    epoch: int | Int[Array, ""],
    epochs: int = 55,
    start: float = 2.0,
    end: float = 1.0,
    total: float = 2.0,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Weights of the alignment and of the emotion loss in the 0-based `epoch`.

    The first falls linearly from `start` towards `end`, which it would reach in epoch `epochs`;
    the second is the rest of `total`. From epoch `epochs` on the last values stay.
    """
    passed = jnp.minimum(epoch, epochs - 1) / epochs
    alignment = start - (start - end) * passed
    return alignment, total - alignment
