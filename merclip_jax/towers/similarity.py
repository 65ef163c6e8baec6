"""How alike two embeddings are: unit vectors and their cosine, in float32 or better."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def cosine(queries: Float[Array, "b e"], keys: Float[Array, "n e"]) -> Float[Array, "b n"]:
    """Cosine similarity, in at least float32."""
    # Highest precision: TF32 or bfloat16 would shift the logits by up to scale * 1e-2.
    return jnp.matmul(unit(queries), unit(keys).T, precision=jax.lax.Precision.HIGHEST)


def unit(vectors: Float[Array, "*n e"]) -> Float[Array, "*n e"]:
    """Vectors of length 1, in at least float32; a zero vector stays."""
    vectors = vectors.astype(jnp.promote_types(vectors.dtype, jnp.float32))
    # The floor keeps the gradient of a zero vector finite; 1e-24 is the square of torch's 1e-12.
    return vectors * jax.lax.rsqrt(jnp.maximum(jnp.sum(vectors**2, -1, keepdims=True), 1e-24))
