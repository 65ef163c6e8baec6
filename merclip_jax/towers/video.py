"""CLIP's image transformer armed for video, as MER-CLIP's vision encoder (after UniFormerV2).

Before each spatial attention and each MLP a local temporal block (LMHRA) mixes neighbouring time
steps; after chosen blocks a global block lets one video token attend to all tokens of all time
steps. Spec: MER-CLIP release @31037e9. Arrays are channels-last; tokens are kept as
[b, t, 1 + h*w, c] with one class token per time step.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from merclip_jax.errors import ConfigError
from merclip_jax.towers import attention, clip, layers
from merclip_jax.towers.config import VisionConfig
from merclip_jax.towers.conv import DepthwiseConv, LocalMHRA, PatchEmbedding
from merclip_jax.towers.inputs import Both, ModelInput, Normalisation

# As released: attention packs q, k and v in one Xavier matrix with zero biases; the MLP keeps
# PyTorch's defaults. A global block starts by adding nothing. (With no checkpoint at all the
# release's runner overwrites these zeros; that accident is not reproduced.)
BLOCK_INIT = layers.BlockInit(
    qkv=layers.xavier_uniform,
    out=layers.torch_kernel,
    c_fc=layers.torch_kernel,
    c_proj=layers.torch_kernel,
    fc_bias=layers.torch_bias,
    proj_bias=layers.torch_bias,
)
GLOBAL_INIT = layers.BlockInit(
    qkv=layers.xavier_uniform,
    out=layers.zeros,
    c_fc=layers.xavier_uniform,
    c_proj=layers.zeros,
    fc_bias=layers.torch_bias,
)


@dataclass(frozen=True)
class Mode:
    """How one pass runs.

    `rngs` feeds dropout and stochastic depth in training, `axis_name` is the axis BatchNorm
    averages over, and `intermediates`, if a dict, is filled with the value of every stage.
    """

    train: bool = False
    rngs: nnx.Rngs | None = None
    axis_name: str | None = None
    intermediates: dict[str, Any] | None = None

    def drop(self, dropout: nnx.Dropout, x: Array) -> Array:
        """Apply `dropout` in training only."""
        return dropout(x, deterministic=not self.train, rngs=self.rngs)

    def record(self, name: str, value: Array) -> Array:
        """Note a stage's value and pass it on."""
        if self.intermediates is not None:
            self.intermediates[name] = value
        return value


def stochastic_depth(rate: float, ndim: int, axis: int | None = 0) -> nnx.Dropout:
    """Drop a residual branch for whole samples, and scale the kept ones by 1 / (1 - rate).

    The release draws its masks over axis 0, which in its attention and MLP is the token position
    and in its global blocks the whole batch: `axis` 2 and None of ours.
    """
    return nnx.Dropout(rate, broadcast_dims=tuple(i for i in range(ndim) if i != axis))


class VideoBlock(nnx.Module):
    """CLIP's block with an LMHRA before its attention and another before its MLP.

    Attention is spatial, inside each time step; the class tokens bypass the LMHRAs.
    """

    def __init__(self, cfg: VisionConfig, drop_path: float, *, rngs: nnx.Rngs):
        width, dtype = cfg.width, cfg.dtype
        self.lmhra1 = _local(cfg, rngs)
        self.ln_1 = layers.layer_norm(width, eps=cfg.eps, dtype=dtype, rngs=rngs)
        self.attn = attention.MultiHeadAttention(
            width, cfg.heads, init=BLOCK_INIT, dtype=dtype, rngs=rngs
        )
        self.lmhra2 = _local(cfg, rngs)
        self.ln_2 = layers.layer_norm(width, eps=cfg.eps, dtype=dtype, rngs=rngs)
        activation = layers.ACTIVATIONS[cfg.activation]
        self.mlp = clip.Mlp(
            width, cfg.mlp_ratio, activation, init=BLOCK_INIT, dtype=dtype, rngs=rngs
        )
        released = cfg.drop_axis == "released"
        self.drop_path = stochastic_depth(drop_path, 4, axis=2 if released else 0)
        self.drop_local = stochastic_depth(drop_path, 4)

    def __call__(
        self, x: Float[Array, "b t n c"], mode: Mode, name: str
    ) -> Float[Array, "b t n c"]:
        """Transform the tokens of every time step; `name` prefixes what is recorded."""
        x = self._mixed(self.lmhra1, x, mode, f"{name}.lmhra1")
        normed = self.ln_1(x)
        attended = self.attn(normed.reshape(-1, *x.shape[2:])).reshape(x.shape)
        x = x + mode.drop(self.drop_path, mode.record(f"{name}.attn", attended))
        x = self._mixed(self.lmhra2, x, mode, f"{name}.lmhra2")
        return mode.record(name, x + mode.drop(self.drop_path, self.mlp(self.ln_2(x))))

    def _mixed(self, lmhra: LocalMHRA | None, x: Array, mode: Mode, name: str) -> Array:
        if lmhra is None:
            return x
        branch = mode.record(name, lmhra(x, mode.train, mode.axis_name))
        return x + mode.drop(self.drop_local, branch)


def _local(cfg: VisionConfig, rngs: nnx.Rngs) -> LocalMHRA | None:
    if not cfg.local_width:
        return None
    return LocalMHRA(cfg.width, cfg.local_width, cfg.norm_clips, dtype=cfg.dtype, rngs=rngs)


class GlobalBlock(nnx.Module):
    """One video token attends to all tokens of all time steps, class tokens included.

    A depthwise 3x3x3 convolution adds dynamic position to the patches it sees; the tower's own
    stream is left as it is.
    """

    def __init__(self, cfg: VisionConfig, drop_path: float, *, rngs: nnx.Rngs):
        width, dtype = cfg.width, cfg.dtype
        self.position = DepthwiseConv(
            (3, 3, 3), width, bias_init=layers.zeros, dtype=dtype, rngs=rngs
        )
        self.ln_1 = layers.layer_norm(width, dtype=dtype, rngs=rngs)
        self.ln_3 = layers.layer_norm(width, dtype=dtype, rngs=rngs)
        self.attn = attention.MultiHeadAttention(
            width, cfg.global_heads, init=GLOBAL_INIT, dtype=dtype, rngs=rngs
        )
        self.ln_2 = layers.layer_norm(width, dtype=dtype, rngs=rngs)
        self.mlp = clip.Mlp(
            width,
            cfg.global_mlp_ratio,
            layers.ACTIVATIONS[cfg.activation],
            init=GLOBAL_INIT,
            dropout=cfg.global_dropout,
            dtype=dtype,
            rngs=rngs,
        )
        released = cfg.drop_axis == "released"
        self.drop_path = stochastic_depth(drop_path, 3, axis=None if released else 0)

    def __call__(
        self, video: Float[Array, "b 1 c"], x: Float[Array, "b t n c"], mode: Mode, name: str
    ) -> Float[Array, "b 1 c"]:
        """Update the video token from the tokens `x` of a square grid."""
        b, t, n, c = x.shape
        grid = math.isqrt(n - 1)
        patches = x[:, :, 1:].reshape(b, t, grid, grid, c)
        position = mode.record(f"{name}.position", self.position(patches)).reshape(b, t, n - 1, c)
        y = (x + jnp.pad(position, ((0, 0), (0, 0), (1, 0), (0, 0)))).reshape(b, t * n, c)
        attended = self.attn.pool(self.ln_1(video), self.ln_3(y))
        video = video + mode.drop(self.drop_path, attended)
        branch = self.mlp(self.ln_2(video), mode.train, mode.rngs)
        return mode.record(name, video + mode.drop(self.drop_path, branch))


class VideoTower(nnx.Module):
    """MER-CLIP's vision encoder."""

    def __init__(self, cfg: VisionConfig, *, rngs: nnx.Rngs):
        width, dtype = cfg.width, cfg.dtype
        normal = nnx.initializers.normal(width**-0.5)
        self.image_size, self.remat = cfg.image_size, cfg.remat
        self.known = Normalisation.of(cfg) if cfg.input != "motion" else None
        self.patch_embedding = PatchEmbedding(
            cfg.patch_size,
            width,
            temporal_downsample=cfg.temporal_downsample,
            dtype=dtype,
            rngs=rngs,
        )
        if cfg.input == "rgb+motion":  # starts at zero: frames alone are seen
            self.motion_embedding = PatchEmbedding(
                cfg.motion_patch,
                width,
                temporal_downsample=cfg.temporal_downsample,
                kernel_init=layers.zeros,
                dtype=dtype,
                rngs=rngs,
            )
        self.class_embedding = nnx.Param(normal(rngs.params(), (width,), jnp.float32))
        self.positional_embedding = nnx.Param(
            normal(rngs.params(), (1 + cfg.grid**2, width), jnp.float32)
        )
        self.ln_pre = layers.layer_norm(width, eps=cfg.eps, dtype=dtype, rngs=rngs)
        self.blocks = nnx.List(
            VideoBlock(cfg, float(rate), rngs=rngs)
            for rate in np.linspace(0, cfg.drop_path, cfg.layers)
        )
        self.global_layers = cfg.global_layers
        self.global_blocks = nnx.List(
            GlobalBlock(cfg, float(rate), rngs=rngs)
            for rate in np.linspace(0, cfg.global_drop_path, len(cfg.global_layers))
        )
        self.video_embedding = nnx.Param(jnp.zeros((width,), jnp.float32))
        self.balance = nnx.Param(jnp.zeros((width,), jnp.float32))
        self.norm = layers.layer_norm(width, eps=cfg.eps, dtype=dtype, rngs=rngs)
        self.proj = nnx.Param(normal(rngs.params(), (width, cfg.output_dim), jnp.float32))
        self.ln_post = layers.layer_norm(cfg.output_dim, dtype=dtype, rngs=rngs)
        self.token_proj = layers.Linear(
            width,
            cfg.output_dim,
            use_bias=False,
            kernel_init=layers.torch_kernel,
            dtype=dtype,
            rngs=rngs,
        )
        self.ln_tokens = layers.layer_norm(cfg.output_dim, dtype=dtype, rngs=rngs)

    def __call__(
        self,
        frames: ModelInput,
        *,
        train: bool = False,
        rngs: nnx.Rngs | None = None,
        axis_name: str | None = None,
        intermediates: dict[str, Any] | None = None,
    ) -> tuple[Float[Array, "b e"], Float[Array, "b n e"]]:
        """Embed normalised clips.

        Args:
          frames: channels last, normalised, of the configured size; any number of frames. With
            input 'motion' pictures of motion (`data.motion.pictures`), with 'rgb+motion' both.
          train: use batch statistics and update the running ones; drop out with `rngs`.
          rngs: needed in training unless every dropout and stochastic depth rate is 0.
          axis_name: the pmap or shard_map axis that BatchNorm averages over.
          intermediates: a dict to be filled with the value of every stage.

        Raises:
          ConfigError: the frames are not of the configured size.

        Returns:
          The clip embedding before L2 normalisation, and the tokens [b, 1 + t2 * h2 * w2, e]: the
          video token, then patches in the order time, row, column. Both in at least float32.
        """
        mode = Mode(train, rngs, axis_name, intermediates)
        x = self._embed(frames, mode)
        video = jnp.broadcast_to(self.video_embedding[...], (x.shape[0], 1, x.shape[-1]))
        for index, block in enumerate(self.blocks):
            x = self._apply(block, (x,), mode, f"block{index}")
            if index in self.global_layers:
                number = self.global_layers.index(index)
                arm = self.global_blocks[number]
                video = self._apply(arm, (video, x), mode, f"global{number}")

        share = jax.nn.sigmoid(self.balance[...])
        frame_mean = x[:, :, 0].mean(axis=1, keepdims=True)
        fused = mode.record("fused", self.norm((1 - share) * video + share * frame_mean))
        patches = x[:, :, 1:].reshape(x.shape[0], -1, x.shape[-1])
        tokens = self.token_proj(jnp.concatenate([fused, patches], axis=1))
        tokens = self.ln_tokens(mode.record("token_proj", tokens))
        embedding = self.ln_post(fused[:, 0] @ self.proj[...])
        return layers.at_least_float32(embedding), layers.at_least_float32(tokens)

    def _apply(self, block: nnx.Module, inputs: tuple[Array, ...], mode: Mode, name: str) -> Array:
        """Run a block; with `remat`, training keeps nothing of its inside but recomputes it."""
        if not (self.remat and mode.train):
            return block(*inputs, mode, name)

        @nnx.remat
        def recomputed(block: Any, inputs: tuple[Array, ...], rngs: nnx.Rngs | None) -> Array:
            return block(*inputs, replace(mode, rngs=rngs), name)

        return recomputed(block, inputs, mode.rngs)

    def without_adapters(self) -> None:
        """Take away the local and global blocks: CLIP's own tower on single time steps is left."""
        for block in self.blocks:
            block.lmhra1 = block.lmhra2 = None
        self.global_layers, self.global_blocks = (), nnx.List([])

    def _embed(self, clips: ModelInput, mode: Mode) -> Float[Array, "b t2 n c"]:
        """Patch tokens with one class token per time step in front, and spatial positions added."""
        frames, motion = clips if isinstance(clips, Both) else (clips, None)
        if frames.shape[2:4] != (self.image_size, self.image_size):
            raise ConfigError(
                f"frames of {frames.shape[2]} x {frames.shape[3]} pixels do not fit this model: "
                f"resize and crop them to {self.image_size} x {self.image_size}"
            )
        frames = self.known(frames) if self.known else frames
        x = mode.record("patch_embedding", self.patch_embedding(frames))
        if motion is not None:
            x = x + self.motion_embedding(motion)
        b, t, h, w, c = x.shape
        class_token = jnp.broadcast_to(self.class_embedding[...], (b, t, 1, c))
        x = jnp.concatenate([class_token, x.reshape(b, t, h * w, c)], axis=2)
        return mode.record("ln_pre", self.ln_pre(x + self.positional_embedding[...]))
