"""Losses of Micro-AU CLIP (arXiv 2603.16302), from its abstract; their form is ours.

MiAUCL aligns every action unit (AU) with its own text and sets it apart from the clips that do not
show it; GDLoss asks that units which move together be alike. Labels are 1, 0, and negative where
nobody knows: such cells take no part.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from merclip_jax.towers import similarity

VISUAL_TEMPERATURE = 0.1  # supervised contrastive learning (Khosla et al., arXiv 2004.11362)
INSTANCE_SCALE = 5.0  # of the cosine in GDLoss's instance form: +-1 becomes 0.99 and 0.01
FLOOR = 1e-3  # variance from which a column has a correlation: below it is noise of a fresh model
LEAST = jnp.finfo(jnp.float32).min


def directions(texts: Float[Array, "k 2 e"]) -> Float[Array, "k e"]:
    """Where each unit's decision points: from its sentence of stillness to that of movement.

    The two share most of their words, so their features are close; of length 1, a direction does
    not depend on how close.
    """
    moving, still = jnp.moveaxis(similarity.unit(texts), 1, 0)
    return similarity.unit(moving - still)


def told(features: Float[Array, "b k e"], texts: Float[Array, "k 2 e"]) -> Float[Array, "b k"]:
    """How far each unit is told to move: the cosine of its feature and its own direction."""
    return _paired("bke,ke->bk", features, directions(texts))


def unit_logits(
    features: Float[Array, "b k e"],
    texts: Float[Array, "k 2 e"],
    logit_scale: Float[Array, ""],
    bias: Float[Array, " k"],
) -> Float[Array, "b k"]:
    """Is a unit's feature nearer to its sentence of movement (0) or of stillness (1)?

    s (cos(g, t_moving) - cos(g, t_still)) / |t_moving - t_still| + b.
    """
    return jnp.exp(logit_scale) * told(features, texts) + bias


def text_loss(
    logits: Float[Array, "b k"], labels: Int[Array, "b k"], positive_weight: Float[Array, " k"]
) -> Float[Array, ""]:
    """MiAUCL, first term: binary cross-entropy, its positive cells weighted; mean over cells."""
    each = optax.sigmoid_binary_cross_entropy(logits, (labels == 1).astype(logits.dtype))
    weights = jnp.where(labels == 1, positive_weight, 1.0) * (labels >= 0)
    return (each * weights).sum() / jnp.maximum(weights.sum(), 1e-6)


def visual_loss(
    features: Float[Array, "b k e"],
    labels: Int[Array, "b k"],
    form: Literal["clips", "balanced"] = "clips",
) -> Float[Array, ""]:
    """MiAUCL, second term: per unit, clips in one state attract and those in the other repel.

    clips: every clip counts alike (Khosla et al.), so that still ones, nine of ten, make the loss.
    balanced: a unit's two states weigh the same, among those compared and in each comparison (as
    in balanced contrastive learning, Zhu et al., arXiv 2207.09052); features that tell nothing have
    a loss of log 2 however rare the unit. A clip without another in its state adds nothing.
    """
    of_unit = features.swapaxes(0, 1)
    scores = _paired("kbe,kce->kbc", of_unit, of_unit) / VISUAL_TEMPERATURE
    states = labels.T
    annotated = (states[:, :, None] >= 0) & (states[:, None, :] >= 0)
    others = annotated & ~jnp.eye(len(labels), dtype=bool)
    same = others & (states[:, :, None] == states[:, None, :])
    alike, unlike = same.sum(2, keepdims=True), (others & ~same).sum(2, keepdims=True)
    share, weight = others.astype(scores.dtype), (alike > 0).astype(scores.dtype)
    if form == "balanced":
        share = share / jnp.maximum(jnp.where(same, alike, unlike), 1)
        weight = weight / (alike + 1)
    # A finite score for those left out: the logarithm of a sum of nothing has no gradient.
    compared = jnp.where(others, scores + jnp.log(jnp.where(others, share, 1)), LEAST)
    log_p = scores - jax.nn.logsumexp(compared, axis=2, keepdims=True)
    each = -jnp.where(same, log_p, 0.0).sum(2, keepdims=True) / jnp.maximum(alike, 1)
    return (each * weight).sum() / jnp.maximum(weight.sum(), 1e-6)


def naming_loss(
    features: Float[Array, "b k e"],
    names: Float[Array, "k e"],
    labels: Int[Array, "b k"],
    logit_scale: Float[Array, ""],
) -> Float[Array, ""]:
    """MiAUCL, third term: a unit that moved is nearest to its own name of all units'.

    Named by `directions`, it is pulled where its decision points; its sentence of movement is
    nearly at right angles to that.
    """
    cosine = _paired("bke,je->bkj", features, names)
    own = jnp.broadcast_to(jnp.arange(labels.shape[1]), labels.shape)
    scores = jnp.exp(logit_scale) * cosine
    each = optax.softmax_cross_entropy_with_integer_labels(scores, own)
    return _mean(each, labels == 1)


def dependency_loss_centred(
    features: Float[Array, "b k e"], texts: Float[Array, "k 2 e"], labels: Int[Array, "b k"]
) -> Float[Array, ""]:
    """GDLoss, centred form: mean over pairs of (correlation as told - correlation of labels)^2.

    Both over the batch's clips, so that features which tell every state have no loss; as told:
    along each unit's own direction. Units of one state in the batch take no part.
    """
    annotated = labels >= 0
    truth, varies = _correlation((labels == 1).astype(features.dtype), annotated)
    as_told, _ = _correlation(told(features, texts), annotated)
    off = ~jnp.eye(labels.shape[1], dtype=bool)
    return _mean((as_told - truth) ** 2, off & varies[:, None] & varies)


def dependency_loss(
    features: Float[Array, "b k e"], correlation: Float[Array, "k k"]
) -> Float[Array, ""]:
    """GDLoss, correlation form: mean over pairs of (mean cosine of two units - correlation)^2."""
    alike = _alike(features).mean(0)
    off = ~jnp.eye(len(correlation), dtype=bool)
    return _mean((alike - correlation) ** 2, off)


def dependency_loss_by_instance(
    features: Float[Array, "b k e"], labels: Int[Array, "b k"]
) -> Float[Array, ""]:
    """GDLoss, instance form: two units are alike in the clips that show both, and in no other."""
    present = labels == 1
    together = (present[:, :, None] & present[:, None, :]).astype(jnp.float32)
    annotated = (labels[:, :, None] >= 0) & (labels[:, None, :] >= 0)
    off = annotated & ~jnp.eye(labels.shape[1], dtype=bool)
    each = optax.sigmoid_binary_cross_entropy(INSTANCE_SCALE * _alike(features), together)
    return _mean(each, off)


def _alike(features: Float[Array, "b k e"]) -> Float[Array, "b k k"]:
    return _paired("bke,bje->bkj", features, features)


def _paired(sum_of: str, features: Array, others: Array) -> Array:
    """Cosines of features, paired as an einsum says."""
    pair = similarity.unit(features), similarity.unit(others)
    return jnp.einsum(sum_of, *pair, precision=jax.lax.Precision.HIGHEST)


def _correlation(
    x: Float[Array, "b k"], annotated: Bool[Array, "b k"]
) -> tuple[Float[Array, "k k"], Bool[Array, " k"]]:
    """Pearson's coefficient of every two columns, and which columns vary.

    Each column is taken from the mean of its known cells; a pair is compared where both are known.
    """
    count = jnp.maximum(annotated.sum(0), 1)
    centred = jnp.where(annotated, x - jnp.where(annotated, x, 0).sum(0) / count, 0)
    squares = (centred**2).T @ annotated  # [a, b]: of a, where b is annotated
    spread = jnp.maximum(squares, FLOOR * annotated.astype(x.dtype).T @ annotated)
    scale = jax.lax.rsqrt(jnp.maximum(spread * spread.T, 1e-12))
    coefficient = centred.T @ centred * scale
    return coefficient, jnp.diag(squares) > 0


def _mean(x: Float[Array, "*n"], chosen: Bool[Array, "*n"]) -> Float[Array, ""]:
    return jnp.where(chosen, x, 0.0).sum() / jnp.maximum(chosen.sum(), 1)
