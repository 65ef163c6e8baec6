"""What every part of the model is made of: initialisers, activations, LayerNorm, Linear.

Numerics that differ between frameworks are written down here: LayerNorm eps 1e-5 and QuickGELU in
the towers unless their weights' config says otherwise, exact (erf) GELU in the emotion head,
softmax and statistics in at least float32.

Compute dtype: `dtype=None` means that of the parameters and inputs (float32 as built, float64 if
both are cast to it); "bfloat16" runs the matrix products in bfloat16. Parameters are always made in
float32. On accelerators float32 products follow `jax.default_matmul_precision`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

Initializer = jax.nn.initializers.Initializer
zeros = nnx.initializers.zeros_init()
xavier_uniform = nnx.initializers.xavier_uniform()
# PyTorch's default for Linear and Conv: kaiming_uniform(a=sqrt 5), which is U(+-1/sqrt(fan_in)).
torch_kernel = nnx.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def torch_bias(fan_in: int) -> Initializer:
    """PyTorch's default bias: uniform in +-1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in)

    def init(key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


@dataclass(frozen=True)
class BlockInit:
    """Initialisers of one transformer block; a bias's is made from its layer's fan-in."""

    qkv: Initializer
    out: Initializer
    c_fc: Initializer
    c_proj: Initializer
    fc_bias: Callable[[int], Initializer] = lambda fan_in: zeros
    proj_bias: Callable[[int], Initializer] = lambda fan_in: zeros


def quick_gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """CLIP's activation, x * sigmoid(1.702 x); up to 2e-2 away from the exact GELU."""
    return x * jax.nn.sigmoid(1.702 * x)


def exact_gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """GELU with the error function; JAX's default is the tanh approximation."""
    return jax.nn.gelu(x, approximate=False)


ACTIVATIONS = {"quick_gelu": quick_gelu, "gelu": exact_gelu}  # by transformers' names


def at_least_float32(x: Array) -> Array:
    """Widen half precision; float64 stays."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def softmax(scores: Float[Array, "*batch n"]) -> Float[Array, "*batch n"]:
    """Softmax over the last axis in at least float32.

    `jax.nn.dot_product_attention` computes it in float32 whatever the inputs, so float64 would end
    there.
    """
    return jax.nn.softmax(at_least_float32(scores), axis=-1).astype(scores.dtype)


def layer_norm(width: int, *, dtype: Any, rngs: nnx.Rngs, eps: float = 1e-5) -> nnx.LayerNorm:
    """LayerNorm with PyTorch's eps (Flax's own default is 1e-6) and the two-pass variance."""
    return nnx.LayerNorm(width, epsilon=eps, use_fast_variance=False, dtype=dtype, rngs=rngs)


@jax.custom_vjp
def _product(x: Float[Array, "*batch c"], kernel: Float[Array, "c o"]) -> Float[Array, "*batch o"]:
    return x @ kernel


def _product_backward(residuals: tuple[Array, Array], grad: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    rows = x.reshape(-1, x.shape[-1]), grad.reshape(-1, grad.shape[-1])
    return grad @ kernel.T, rows[0].T @ rows[1]


_product.defvjp(lambda x, kernel: (_product(x, kernel), (x, kernel)), _product_backward)


def _dot_general(x: Array, kernel: Array, *_: Any, **__: Any) -> Array:
    """What nnx.Linear calls.

    Its kernel's gradient comes in the kernel's own layout; autodiff's is transposed, for which XLA
    copies every activation on CPU.
    """
    return _product(x, kernel)


Linear = partial(nnx.Linear, dot_general=_dot_general)
