"""Building blocks of CLIP's transformers, and its text tower.

Source: Radford et al. 2021 (CLIP) and the text encoder of the MER-CLIP release @31037e9. Numerics
that differ between frameworks are written down here: LayerNorm eps 1e-5, QuickGELU in the towers,
exact (erf) GELU in the emotion head, softmax and statistics in at least float32.

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
from flax.nnx.nn.dtypes import promote_dtype
from jaxtyping import Array, Bool, Float, Int

from merclip_jax.models.config import TextConfig

Initializer = jax.nn.initializers.Initializer
zeros = nnx.initializers.zeros_init()
xavier_uniform = nnx.initializers.xavier_uniform()
# PyTorch's default for Linear and Conv: kaiming_uniform(a=sqrt 5), which is U(+-1/sqrt(fan_in)).
torch_kernel = nnx.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def torch_bias(fan_in: int) -> Initializer:
    """PyTorch's default bias: uniform in +-1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in)

    def init(key, shape, dtype=jnp.float32, out_sharding=None):
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


@jax.custom_vjp
def attend(
    q: Float[Array, "b h n d"],
    k: Float[Array, "b h m d"],
    v: Float[Array, "b h m d"],
    mask: Bool[Array, "n m"] | None = None,
) -> Float[Array, "b h n d"]:
    """softmax(q k^T) v, the softmax in at least float32; `mask` is true where k may be seen.

    The sum of the exponentials divides after the product with v, which is smaller than the weights,
    and the backward pass uses that each row of weights sums to 1: on CPU a third less time than
    what autodiff makes of the plain form.
    """
    return _attend_forward(q, k, v, mask)[0]


def _attend_forward(q, k, v, mask):
    wide = jnp.promote_types(q.dtype, jnp.float32)
    scores = jnp.matmul(q, jnp.swapaxes(k, 2, 3), preferred_element_type=wide)
    if mask is not None:
        scores = jnp.where(mask, scores, -jnp.inf)
    weights = jnp.exp(scores - scores.max(-1, keepdims=True))
    total = weights.sum(-1, keepdims=True)
    weights = weights.astype(v.dtype)
    out = (jnp.matmul(weights, v, preferred_element_type=wide) / total).astype(v.dtype)
    return out, (q, k, v, weights, total, out)


def _attend_backward(residuals, grad):
    q, k, v, weights, total, out = residuals
    share = (grad / total).astype(v.dtype)
    along = (share * out).sum(-1, keepdims=True, dtype=total.dtype)
    d_weights = jnp.matmul(share, jnp.swapaxes(v, 2, 3), preferred_element_type=total.dtype)
    d_scores = (weights * (d_weights - along)).astype(q.dtype)
    d_q, d_k = d_scores @ k, jnp.swapaxes(d_scores, 2, 3) @ q
    return d_q, d_k, jnp.swapaxes(weights, 2, 3) @ share, None


attend.defvjp(_attend_forward, _attend_backward)


class MultiHeadAttention(nnx.Module):
    """Multi-head attention with query, key and value packed in one projection, in this order."""

    def __init__(self, width: int, heads: int, *, init: BlockInit, dtype: Any, rngs: nnx.Rngs):
        self.heads = heads
        self.qkv = Linear(width, 3 * width, kernel_init=init.qkv, dtype=dtype, rngs=rngs)
        self.out = Linear(width, width, kernel_init=init.out, dtype=dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "b n c"], causal: bool = False) -> Float[Array, "b n c"]:
        """Self-attention; scores are divided by sqrt(c / heads), softmax in at least float32."""
        b, n, c = x.shape
        packed = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads)
        q, k, v = packed.transpose(2, 0, 3, 1, 4)
        mask = jnp.tri(n, dtype=bool) if causal else None
        heard = attend(q / math.sqrt(c // self.heads), k, v, mask)
        return self.out(heard.transpose(0, 2, 1, 3).reshape(b, n, c))

    def pool(
        self, queries: Float[Array, "b q c"], tokens: Float[Array, "b n c"]
    ) -> Float[Array, "b q c"]:
        """Cross-attention of a few queries to many tokens.

        Keys and values are never formed: (W_k y) . q = y . (W_k^T q), and the sum over tokens
        commutes with W_v. For one query this saves the whole key and value projection (3.7 GFLOP
        of each global block at B/16). The key bias shifts all scores of a query alike, so the
        softmax drops it.
        """
        assert self.qkv.bias is not None
        b, count, c = queries.shape
        queries, tokens, kernel, bias = promote_dtype(
            (queries, tokens, self.qkv.kernel[...], self.qkv.bias[...]), dtype=self.qkv.dtype
        )
        w_q, w_k, w_v = jnp.moveaxis(kernel.reshape(c, 3, self.heads, c // self.heads), 1, 0)
        b_q, _, b_v = bias.reshape(3, self.heads, c // self.heads)
        q = jnp.einsum("bqc,chd->bqhd", queries, w_q) + b_q
        folded = jnp.einsum("bqhd,chd->bqhc", q / math.sqrt(c // self.heads), w_k)
        weights = softmax(jnp.einsum("bqhc,bnc->bqhn", folded, tokens))
        pooled = jnp.einsum("bqhn,bnc->bqhc", weights, tokens)
        values = jnp.einsum("bqhc,chd->bqhd", pooled, w_v) + b_v
        return self.out(values.reshape(b, count, c))


class Mlp(nnx.Module):
    """Two layers with an activation and, in training, dropout between them."""

    def __init__(
        self,
        width: int,
        ratio: float,
        activation: Callable[[Array], Array],
        *,
        init: BlockInit,
        dropout: float = 0.0,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        hidden = int(width * ratio)
        self.activation = activation
        self.c_fc = Linear(
            width,
            hidden,
            kernel_init=init.c_fc,
            bias_init=init.fc_bias(width),
            dtype=dtype,
            rngs=rngs,
        )
        self.dropout = nnx.Dropout(dropout)
        self.c_proj = Linear(
            hidden,
            width,
            kernel_init=init.c_proj,
            bias_init=init.proj_bias(hidden),
            dtype=dtype,
            rngs=rngs,
        )

    def __call__(
        self, x: Float[Array, "*batch c"], train: bool = False, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "*batch c"]:
        """Apply the layers; `rngs` is needed in training where dropout is not 0."""
        x = self.activation(self.c_fc(x))
        return self.c_proj(self.dropout(x, deterministic=not train, rngs=rngs))


class Block(nnx.Module):
    """Pre-norm transformer block: x + attention(ln_1 x), then x + mlp(ln_2 x)."""

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_ratio: float,
        activation: Callable[[Array], Array],
        *,
        init: BlockInit,
        eps: float = 1e-5,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        self.ln_1 = layer_norm(width, eps=eps, dtype=dtype, rngs=rngs)
        self.attn = MultiHeadAttention(width, heads, init=init, dtype=dtype, rngs=rngs)
        self.ln_2 = layer_norm(width, eps=eps, dtype=dtype, rngs=rngs)
        self.mlp = Mlp(width, mlp_ratio, activation, init=init, dtype=dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "b n c"], causal: bool = False) -> Float[Array, "b n c"]:
        """Transform all tokens."""
        x = x + self.attn(self.ln_1(x), causal)
        return x + self.mlp(self.ln_2(x))

    def first_token(self, x: Float[Array, "b n c"]) -> Float[Array, "b 1 c"]:
        """Token 0 of `self(x)`, without computing the others."""
        normed = self.ln_1(x)
        first = x[:, :1] + self.attn.pool(normed[:, :1], normed)
        return first + self.mlp(self.ln_2(first))


class TextTower(nnx.Module):
    """CLIP's causal text transformer; a text's feature is read at its end-of-text token."""

    def __init__(self, cfg: TextConfig, *, rngs: nnx.Rngs):
        normal = nnx.initializers.normal
        deep = cfg.width**-0.5 * (2 * cfg.layers) ** -0.5
        init = BlockInit(  # CLIP's own
            qkv=normal(cfg.width**-0.5),
            out=normal(deep),
            c_fc=normal((2 * cfg.width) ** -0.5),
            c_proj=normal(deep),
        )

        def table(std: float, *shape: int) -> nnx.Param:
            return nnx.Param(normal(std)(rngs.params(), shape, jnp.float32))

        self.token_embedding = table(0.02, cfg.vocab_size, cfg.width)
        self.positional_embedding = table(0.01, cfg.context, cfg.width)
        self.blocks = nnx.List(
            Block(
                cfg.width,
                cfg.heads,
                cfg.mlp_ratio,
                quick_gelu,
                init=init,
                dtype=cfg.dtype,
                rngs=rngs,
            )
            for _ in range(cfg.layers)
        )
        self.ln_final = layer_norm(cfg.width, dtype=cfg.dtype, rngs=rngs)
        self.text_projection = table(cfg.width**-0.5, cfg.width, cfg.output_dim)

    def all_positions(self, token_ids: Int[Array, "n l"]) -> Float[Array, "n l e"]:
        """Project the feature of every position; shorter contexts than the tower's are allowed."""
        x = self.token_embedding[...][token_ids]
        x = x + self.positional_embedding[...][: token_ids.shape[1]]
        for block in self.blocks:
            x = block(x, causal=True)
        return self.ln_final(x) @ self.text_projection[...]

    def __call__(self, token_ids: Int[Array, "n l"]) -> Float[Array, "n e"]:
        """Features of sentences, before L2 normalisation.

        The end-of-text token has the highest id of the vocabulary, so its place is the argmax.
        """
        end = jnp.argmax(token_ids, axis=-1)
        return jnp.take_along_axis(self.all_positions(token_ids), end[:, None, None], axis=1)[:, 0]
