"""CLIP's transformer block and its text tower.

Source: Radford et al. 2021 (CLIP) and the text encoder of the MER-CLIP release @31037e9.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from merclip_jax.towers import attention, layers
from merclip_jax.towers.config import TextConfig


class Mlp(nnx.Module):
    """Two layers with an activation and, in training, dropout between them."""

    def __init__(
        self,
        width: int,
        ratio: float,
        activation: Callable[[Array], Array],
        *,
        init: layers.BlockInit,
        dropout: float = 0.0,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        hidden = int(width * ratio)
        self.activation = activation
        self.c_fc = layers.Linear(
            width,
            hidden,
            kernel_init=init.c_fc,
            bias_init=init.fc_bias(width),
            dtype=dtype,
            rngs=rngs,
        )
        self.dropout = nnx.Dropout(dropout)
        self.c_proj = layers.Linear(
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
        init: layers.BlockInit,
        eps: float = 1e-5,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        self.ln_1 = layers.layer_norm(width, eps=eps, dtype=dtype, rngs=rngs)
        self.attn = attention.MultiHeadAttention(width, heads, init=init, dtype=dtype, rngs=rngs)
        self.ln_2 = layers.layer_norm(width, eps=eps, dtype=dtype, rngs=rngs)
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
        init = layers.BlockInit(  # CLIP's own
            qkv=normal(cfg.width**-0.5),
            out=normal(deep),
            c_fc=normal((2 * cfg.width) ** -0.5),
            c_proj=normal(deep),
        )

        def table(std: float, *shape: int) -> nnx.Param:
            return nnx.Param(normal(std)(rngs.params(), shape, jnp.float32))

        self.end_token = cfg.end_token
        self.token_embedding = table(0.02, cfg.vocab_size, cfg.width)
        self.positional_embedding = table(0.01, cfg.context, cfg.width)
        self.blocks = nnx.List(
            Block(
                cfg.width,
                cfg.heads,
                cfg.mlp_ratio,
                layers.ACTIVATIONS[cfg.activation],
                init=init,
                eps=cfg.eps,
                dtype=cfg.dtype,
                rngs=rngs,
            )
            for _ in range(cfg.layers)
        )
        self.ln_final = layers.layer_norm(cfg.width, eps=cfg.eps, dtype=cfg.dtype, rngs=rngs)
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

        A text ends at its first end-of-text token. In CLIP's own vocabulary that has the highest
        id, so without a configured one the place is the argmax (as `transformers` has it).
        """
        ids = token_ids if self.end_token is None else token_ids == self.end_token
        end = jnp.argmax(ids, axis=-1)
        return jnp.take_along_axis(self.all_positions(token_ids), end[:, None, None], axis=1)[:, 0]
