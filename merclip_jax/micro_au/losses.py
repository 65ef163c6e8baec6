"""Losses of Micro-AU CLIP (arXiv 2603.16302), from its abstract; their form is ours.

MiAUCL aligns every action unit (AU) with its own text and sets it apart from the clips that do not
show it; GDLoss asks that units which move together be alike. Labels are 1, 0, and negative where
nobody knows: such cells take no part.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from merclip_jax.towers import similarity

VISUAL_TEMPERATURE = 0.1  # supervised contrastive learning (Khosla et al., arXiv 2004.11362)
INSTANCE_SCALE = 5.0  # of the cosine in GDLoss's instance form: +-1 becomes 0.99 and 0.01


def unit_logits(
    features: Float[Array, "b k e"],
    texts: Float[Array, "k 2 e"],
    logit_scale: Float[Array, ""],
    bias: Float[Array, " k"],
) -> Float[Array, "b k"]:
    """Is a unit's feature nearer to its sentence of movement (0) or of stillness (1)?

    s (cos(g, t_moving) - cos(g, t_still)) / |t_moving - t_still| + b. The two sentences of a unit
    share most of their words, so their features are close; divided by their distance, the logit
    does not depend on how close.
    """
    moving, still = jnp.moveaxis(similarity.unit(texts), 1, 0)
    direction = similarity.unit(moving - still)
    along = jnp.einsum(
        "bke,ke->bk", similarity.unit(features), direction, precision=jax.lax.Precision.HIGHEST
    )
    return jnp.exp(logit_scale) * along + bias


def text_loss(
    logits: Float[Array, "b k"], labels: Int[Array, "b k"], positive_weight: Float[Array, " k"]
) -> Float[Array, ""]:
    """MiAUCL, first term: binary cross-entropy, its positive cells weighted; mean over cells."""
    each = optax.sigmoid_binary_cross_entropy(logits, (labels == 1).astype(logits.dtype))
    weights = jnp.where(labels == 1, positive_weight, 1.0) * (labels >= 0)
    return (each * weights).sum() / jnp.maximum(weights.sum(), 1e-6)


def visual_loss(features: Float[Array, "b k e"], labels: Int[Array, "b k"]) -> Float[Array, ""]:
    """MiAUCL, second term: per unit, clips in one state attract and those in the other repel.

    A clip without another in its state has no positive and adds nothing.
    """
    unit = similarity.unit(features).swapaxes(0, 1)
    scores = jnp.matmul(unit, unit.swapaxes(1, 2), precision=jax.lax.Precision.HIGHEST)
    scores = scores / VISUAL_TEMPERATURE
    states = labels.T
    known = (states[:, :, None] >= 0) & (states[:, None, :] >= 0)
    others = known & ~jnp.eye(len(labels), dtype=bool)
    same = others & (states[:, :, None] == states[:, None, :])
    log_p = scores - jax.nn.logsumexp(
        jnp.where(others, scores, jnp.finfo(scores.dtype).min), axis=2, keepdims=True
    )
    positives = same.sum(2)
    each = -jnp.where(same, log_p, 0.0).sum(2) / jnp.maximum(positives, 1)
    return each.sum() / jnp.maximum((positives > 0).sum(), 1)


def naming_loss(
    features: Float[Array, "b k e"],
    texts: Float[Array, "k 2 e"],
    labels: Int[Array, "b k"],
    logit_scale: Float[Array, ""],
) -> Float[Array, ""]:
    """MiAUCL, third term: a unit that moved is nearest to its own sentence of all units'."""
    cosine = jnp.einsum(
        "bke,je->bkj",
        similarity.unit(features),
        similarity.unit(texts[:, 0]),
        precision=jax.lax.Precision.HIGHEST,
    )
    own = jnp.broadcast_to(jnp.arange(labels.shape[1]), labels.shape)
    scores = jnp.exp(logit_scale) * cosine
    each = optax.softmax_cross_entropy_with_integer_labels(scores, own)
    return _mean(each, labels == 1)


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
    shown = labels == 1
    together = (shown[:, :, None] & shown[:, None, :]).astype(jnp.float32)
    known = (labels[:, :, None] >= 0) & (labels[:, None, :] >= 0)
    off = known & ~jnp.eye(labels.shape[1], dtype=bool)
    each = optax.sigmoid_binary_cross_entropy(INSTANCE_SCALE * _alike(features), together)
    return _mean(each, off)


def _alike(features: Float[Array, "b k e"]) -> Float[Array, "b k k"]:
    unit = similarity.unit(features)
    return jnp.matmul(unit, unit.swapaxes(1, 2), precision=jax.lax.Precision.HIGHEST)


def _mean(x: Float[Array, "*n"], chosen: Bool[Array, "*n"]) -> Float[Array, ""]:
    return jnp.where(chosen, x, 0.0).sum() / jnp.maximum(chosen.sum(), 1)
