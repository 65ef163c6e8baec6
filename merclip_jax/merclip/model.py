"""MER-CLIP: the two towers, the Emotion Inference Module, and the model's own directory format.

Source: arXiv 2505.05937 and the release @31037e9, where the module is a two-block transformer over
the video tower's tokens.
"""

import math
import os
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from merclip_jax.merclip import as_clip, foreign
from merclip_jax.merclip.foreign import Foreign
from merclip_jax.towers import clip, files, folder, layers, leaves, similarity
from merclip_jax.towers.config import EmotionConfig, MerClipConfig
from merclip_jax.towers.inputs import ModelInput
from merclip_jax.towers.video import VideoTower

MOTION_STEM = r"vision\.motion_embedding"  # starts at zero where weights have none
_normal = nnx.initializers.normal(0.02)  # released as truncated at +-2, a hundred sigma
EMOTION_INIT = layers.BlockInit(qkv=_normal, out=_normal, c_fc=_normal, c_proj=_normal)


class Output(NamedTuple):
    """What the model says about clips; embedding and tokens are before any L2 normalisation."""

    clip_embedding: Float[Array, "b e"]
    tokens: Float[Array, "b n e"]
    logits: Float[Array, "b classes"]


class EmotionInference(nnx.Module):
    """Emotion Inference Module: a transformer whose every block votes with its first token.

    Without blocks it is a linear classifier of the video token. LayerNorm eps 1e-6 and exact GELU,
    unlike the towers. No positional embedding.
    """

    def __init__(self, cfg: EmotionConfig, width: int, *, rngs: nnx.Rngs):
        self.blocks = nnx.List(
            clip.Block(
                width,
                cfg.heads,
                cfg.mlp_ratio,
                layers.exact_gelu,
                init=EMOTION_INIT,
                eps=1e-6,
                dtype=cfg.dtype,
                rngs=rngs,
            )
            for _ in range(cfg.layers)
        )
        self.norm = layers.layer_norm(width, eps=1e-6, dtype=cfg.dtype, rngs=rngs)
        self.dropout = nnx.Dropout(cfg.dropout)
        self.fc = layers.Linear(width, cfg.classes, kernel_init=_normal, dtype=cfg.dtype, rngs=rngs)

    def __call__(
        self,
        tokens: Float[Array, "b n e"],
        *,
        train: bool = False,
        rngs: nnx.Rngs | None = None,
        intermediates: dict[str, Any] | None = None,
    ) -> Float[Array, "b classes"]:
        """Mean over the blocks of the logits read at token 0, in at least float32.

        Of the last block nothing but token 0 is used, so nothing else is computed, unless
        `intermediates` (a dict, filled with every block's output) asks for it.
        """
        firsts = [] if self.blocks else [tokens[:, 0]]
        for index, block in enumerate(self.blocks):
            last = index == len(self.blocks) - 1
            tokens = block.first_token(tokens) if last and intermediates is None else block(tokens)
            firsts.append(tokens[:, 0])
            if intermediates is not None:
                intermediates[f"emotion{index}"] = tokens
        votes = self.norm(jnp.stack(firsts, axis=1))
        logits = self.fc(self.dropout(votes, deterministic=not train, rngs=rngs))
        return layers.at_least_float32(logits).mean(axis=1)


class MerClip(folder.Saveable):
    """Video and text towers with one output space, and emotion logits from the video tokens."""

    def __init__(self, cfg: MerClipConfig, *, rngs: nnx.Rngs):
        self.cfg = cfg
        self.vision = VideoTower(cfg.vision, rngs=rngs)
        self.text = clip.TextTower(cfg.text, rngs=rngs)
        self.start_head(cfg.emotion.classes, cfg.emotion.layers, rngs=rngs)

    def start_head(
        self, classes: int, layers: int = EmotionConfig.layers, *, rngs: nnx.Rngs
    ) -> None:
        """Give the towers a new emotion head and CLIP's initial temperature."""
        emotion = replace(self.cfg.emotion, classes=classes, layers=layers)
        self.cfg = replace(self.cfg, emotion=emotion)
        self.emotion = EmotionInference(self.cfg.emotion, self.cfg.vision.output_dim, rngs=rngs)
        self.logit_scale = nnx.Param(jnp.asarray(math.log(1 / 0.07), jnp.float32))

    def without_adapters(self) -> None:
        """Take the adapters away, as an ablation: the tower is CLIP's on single time steps."""
        self.cfg = replace(
            self.cfg, vision=replace(self.cfg.vision, local_width=0, global_layers=())
        )
        self.vision.without_adapters()

    def __call__(
        self,
        frames: ModelInput,
        *,
        train: bool = False,
        rngs: nnx.Rngs | None = None,
        axis_name: str | None = None,
        intermediates: dict[str, Any] | None = None,
    ) -> Output:
        """Embed and classify normalised clips; the arguments are those of `VideoTower`."""
        embedding, tokens = self.vision(
            frames, train=train, rngs=rngs, axis_name=axis_name, intermediates=intermediates
        )
        logits = self.emotion(tokens, train=train, rngs=rngs, intermediates=intermediates)
        return Output(embedding, tokens, logits)

    def window_scores(
        self, frames: ModelInput, texts: Float[Array, "n e"]
    ) -> tuple[Float[Array, "b c"], Float[Array, "b n"]]:
        """Logits of the classes, and the cosine with every text."""
        out = self(frames)
        return out.logits, similarity.cosine(out.clip_embedding, texts)

    def log_odds(self, frames: ModelInput, target: Int[Array, ""]) -> Float[Array, " b"]:
        """Log-odds of one class against all others.

        A class's logit alone would not do: softmax does not change when all logits rise together.
        """
        logits = self(frames).logits
        others = jnp.where(jnp.arange(logits.shape[1]) == target, -jnp.inf, logits)
        return logits[:, target] - jax.nn.logsumexp(others, axis=1)

    def encode_text(self, token_ids: Int[Array, "n l"]) -> Float[Array, "n e"]:
        """Sentence features before L2 normalisation; ids are padded behind the end of text."""
        return self.text(token_ids)

    def layout(self) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """In transformers' layout where the towers are a CLIP's, else in ours."""
        arrays = leaves.arrays(self)
        if not as_clip.is_clip(self.cfg, arrays):
            return arrays, {"config.json": self.cfg.to_json()}
        return as_clip.tensors(self.cfg, arrays), as_clip.config_files(self.cfg)

    @classmethod
    def from_pretrained(
        cls, directory: str | os.PathLike, dtype: str | None = None, **vision: Any
    ) -> "MerClip":
        """Load a model that `save_pretrained` wrote, or the towers of a plain CLIP.

        Args:
          directory: where it lies, or an id of the Hugging Face hub.
          dtype: compute dtype in place of the saved one; the parameters are those saved.
          vision: other fields of the VisionConfig that no parameter depends on, such as `remat`.

        Raises:
          ConfigError: the directory lacks a file, or its config.json cannot be used.
          DataError: the weights are damaged or do not fit the config; all misfits are listed.
        """
        directory = files.locate(directory)
        if files.config(directory).get("model_type") == "merclip":
            sizes = files.sizes(directory, MerClipConfig.from_json)
            arrays = as_clip.arrays(sizes, files.read(directory))
            weights = Foreign(str(directory), sizes, arrays)
        else:
            weights = foreign.towers(directory)
        cfg = replace(weights.cfg, vision=replace(weights.cfg.vision, **vision))
        if cfg.vision.input == "rgb+motion":
            lacks = "|".join(filter(None, (weights.lacks, MOTION_STEM)))
            weights = replace(weights, lacks=lacks)
        cfg = cfg.with_dtype(dtype) if dtype else cfg
        return cls.completed(replace(weights, cfg=cfg))

    @classmethod
    def completed(cls, weights: Foreign, seed: int = 0) -> "MerClip":
        """A model with a foreign checkpoint's weights; what it may lack starts anew from `seed`.

        Raises:
          DataError: tensors that do not fit, or leaves that nothing fills; all are listed.
        """
        shapes = folder.abstract(cls, weights.cfg)
        names = {leaves.dotted(path) for path, _ in nnx.to_flat_state(nnx.state(shapes))}
        new = {name for name in names - weights.arrays.keys() if weights.starts_anew(name)}
        arrays = dict(weights.arrays)
        if new:
            start = leaves.arrays(cls(weights.cfg, rngs=nnx.Rngs(seed)))
            arrays |= {name: start[name] for name in new}
        return leaves.fill(shapes, arrays, weights.source, weights.faults)
