"""Micro-AU CLIP (arXiv 2603.16302): each action unit from its own region, then from all others.

We worked from the paper's abstract. It names the parts; their form here is ours:

  Patch Token Attention (PTA): one query per action unit pools the video tower's patch tokens of
    its own region, over all time steps, through projections that all units share. What lies
    outside a unit's region cannot reach its feature.
  Global Dependency Attention (GDA): attention among the units' features, with an additive bias
    for every two units, which a fold starts at the correlation of its training side.

A unit's logit says whether its feature is nearer to the sentence of the moving unit than to that of
the still one.
"""

import math
import os
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from merclip_jax.errors import ConfigError
from merclip_jax.facs import notation, regions
from merclip_jax.merclip.model import EMOTION_INIT, MerClip
from merclip_jax.micro_au import losses
from merclip_jax.towers import clip, files, folder, layers, leaves
from merclip_jax.towers.config import TextConfig, VisionConfig
from merclip_jax.towers.inputs import ModelInput
from merclip_jax.towers.video import VideoTower

_normal = EMOTION_INIT.out


class FoldStat(nnx.Variable):
    """A figure of one fold's training side: kept with the fold's state, never trained."""


class UnitTexts(nnx.Variable):
    """Text features of every unit, moving and still: computed once, never trained."""


@dataclass(frozen=True)
class MicroAuConfig:
    """Two towers and the two attentions over them.

    Attributes:
      vision, text: the towers; their output_dim is the width of both attentions.
      units: names of the action units, '12' or 'L12', in the order of every axis called k.
      heads: of both attentions.
      mlp_ratio: of the MLP behind the first.
      eye_distance, eye_height: where the eyes are in a picture, over its side (see regions.Frame).
      local: whether a unit sees its region alone; False: the whole face (an ablation).
      dependency: whether units hear of each other; False leaves GDA out (an ablation).
      aligned: whether units are told by sentences; False: by learnt vectors (an ablation).
    """

    vision: VisionConfig
    text: TextConfig
    units: tuple[str, ...]
    heads: int = 4
    mlp_ratio: float = 2.0
    eye_distance: float = 0.31
    eye_height: float = 0.39
    local: bool = True
    dependency: bool = True
    aligned: bool = True

    def regions(self) -> Bool[np.ndarray, "k n"]:
        """The tokens that each unit may look at, over the grid of patches."""
        grid = self.vision.grid
        if not self.local:
            return np.ones((len(self.units), grid**2), bool)
        frame = regions.Frame(self.eye_distance, self.eye_height)
        return regions.masks([notation.number_and_side(unit) for unit in self.units], grid, frame)

    def to_json(self) -> dict[str, Any]:
        """A dict that `json` can write."""
        return {"model_type": "micro_au", **asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "MicroAuConfig":
        """Rebuild from `to_json`'s dict.

        Raises:
          ConfigError: a part or a field is missing, unknown or impossible.
        """
        try:
            own = {name: value for name, value in values.items() if name != "model_type"}
            towers = VisionConfig.from_json(own.pop("vision")), TextConfig(**own.pop("text"))
            return cls(*towers, **own | {"units": tuple(own["units"])})
        except (KeyError, TypeError) as error:
            raise ConfigError(f"a field is missing or unknown: {error}") from error


class AuOutput(NamedTuple):
    """What the model says of the action units of clips.

    Attributes:
      local: features from each unit's own region.
      features: the same after the units have heard of each other; before L2 normalisation.
      region_weights: where in its region, and when, each unit looked; a distribution per unit.
      unit_weights: how much each unit (row) took from each other.
    """

    local: Float[Array, "b k e"]
    features: Float[Array, "b k e"]
    region_weights: Float[Array, "b k t n"]
    unit_weights: Float[Array, "b k k"]


class PatchTokenAttention(nnx.Module):
    """One query per unit over the tokens of its region; then an MLP that all units share.

    LayerNorm eps 1e-6 and exact GELU, as in MER-CLIP's head.
    """

    def __init__(self, cfg: MicroAuConfig, width: int, *, dtype: Any, rngs: nnx.Rngs):
        self.heads = cfg.heads
        self.query = nnx.Param(_normal(rngs.params(), (len(cfg.units), width), jnp.float32))
        self.ln_tokens = layers.layer_norm(width, eps=1e-6, dtype=dtype, rngs=rngs)
        self.key_value = layers.Linear(
            width, 2 * width, kernel_init=_normal, dtype=dtype, rngs=rngs
        )
        self.out = layers.Linear(width, width, kernel_init=_normal, dtype=dtype, rngs=rngs)
        self.ln_mlp = layers.layer_norm(width, eps=1e-6, dtype=dtype, rngs=rngs)
        self.mlp = clip.Mlp(
            width, cfg.mlp_ratio, layers.exact_gelu, init=EMOTION_INIT, dtype=dtype, rngs=rngs
        )

    def __call__(
        self, tokens: Float[Array, "b t n e"], regions: Bool[np.ndarray, "k n"]
    ) -> tuple[Float[Array, "b k e"], Float[Array, "b k t n"]]:
        """Features [b, k, e], and the weights of the tokens, averaged over the heads."""
        b, t, n, e = tokens.shape
        keys, values = jnp.split(self.key_value(self.ln_tokens(tokens)), 2, axis=-1)
        split = (b, t, n, self.heads, e // self.heads)
        keys, values = keys.reshape(split), values.reshape(split)
        queries = self.query[...].reshape(-1, self.heads, e // self.heads).astype(keys.dtype)
        scores = jnp.einsum("khd,btnhd->bhktn", queries, keys) / math.sqrt(e // self.heads)
        scores = jnp.where(regions[:, None], layers.at_least_float32(scores), -jnp.inf)
        weights = jax.nn.softmax(scores.reshape(b, self.heads, -1, t * n)).reshape(scores.shape)
        pooled = jnp.einsum("bhktn,btnhd->bkhd", weights.astype(values.dtype), values)
        features = self.out(pooled.reshape(b, -1, e))
        features = features + self.mlp(self.ln_mlp(features))
        return features, weights.mean(axis=1)


class GlobalDependencyAttention(nnx.Module):
    """Self-attention among the units: g = f + attention(f), whose output starts at zero."""

    def __init__(self, cfg: MicroAuConfig, width: int, *, dtype: Any, rngs: nnx.Rngs):
        units = len(cfg.units)
        self.heads = cfg.heads
        self.embedding = nnx.Param(_normal(rngs.params(), (units, width), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((units, units), jnp.float32))
        self.norm = layers.layer_norm(width, eps=1e-6, dtype=dtype, rngs=rngs)
        self.qkv = layers.Linear(width, 3 * width, kernel_init=_normal, dtype=dtype, rngs=rngs)
        self.out = layers.Linear(width, width, kernel_init=layers.zeros, dtype=dtype, rngs=rngs)

    def __call__(
        self, features: Float[Array, "b k e"]
    ) -> tuple[Float[Array, "b k e"], Float[Array, "b k k"]]:
        """Features that know of each other, and the weights averaged over the heads."""
        b, k, e = features.shape
        x = self.norm(features + self.embedding[...].astype(features.dtype))
        queries, keys, values = jnp.split(self.qkv(x), 3, axis=-1)
        split = (b, k, self.heads, e // self.heads)
        queries, keys, values = (part.reshape(split) for part in (queries, keys, values))
        scores = jnp.einsum("bqhd,bkhd->bhqk", queries, keys) / math.sqrt(e // self.heads)
        weights = jax.nn.softmax(layers.at_least_float32(scores) + self.bias[...])
        attended = jnp.einsum("bhqk,bkhd->bqhd", weights.astype(values.dtype), values)
        return features + self.out(attended.reshape(b, k, e)), weights.mean(axis=1)


class MicroAu(folder.Saveable):
    """Micro-AU CLIP.

    `correlation` and `positive_weight` are figures of the fold's training side (`au_labels`); both
    are neutral until a fold sets them. `logit_scale` is CLIP's learnt temperature.
    """

    def __init__(self, cfg: MicroAuConfig, *, rngs: nnx.Rngs):
        self.vision = VideoTower(cfg.vision, rngs=rngs)
        self.text = clip.TextTower(cfg.text, rngs=rngs)
        self.start_units(cfg, rngs=rngs)

    @classmethod
    def over(cls, towers: MerClip, cfg: MicroAuConfig, *, rngs: nnx.Rngs) -> "MicroAu":
        """New attentions over a MER-CLIP model's towers, which it takes over."""
        model = folder.abstract(cls, cfg)
        model.vision, model.text = towers.vision, towers.text
        model.start_units(cfg, rngs=rngs)
        return model

    def start_units(self, cfg: MicroAuConfig, *, rngs: nnx.Rngs) -> None:
        """Start the attentions, the temperature and the fold's figures anew."""
        width, dtype, k = cfg.vision.output_dim, cfg.vision.dtype, len(cfg.units)
        self.cfg = cfg
        self.pta = PatchTokenAttention(cfg, width, dtype=dtype, rngs=rngs)
        if cfg.dependency:
            self.gda = GlobalDependencyAttention(cfg, width, dtype=dtype, rngs=rngs)
        self.logit_scale = nnx.Param(jnp.asarray(math.log(1 / 0.07), jnp.float32))
        self.unit_bias = nnx.Param(jnp.zeros((k,), jnp.float32))
        start = _normal(rngs.params(), (k, 2, width), jnp.float32)
        self.texts = UnitTexts(start) if cfg.aligned else nnx.Param(start)
        self.correlation = FoldStat(jnp.zeros((k, k), jnp.float32))
        self.positive_weight = FoldStat(jnp.ones((k,), jnp.float32))

    def __call__(
        self,
        frames: ModelInput,
        *,
        train: bool = False,
        rngs: nnx.Rngs | None = None,
        axis_name: str | None = None,
    ) -> AuOutput:
        """Features of every unit of normalised clips; the arguments are those of `VideoTower`."""
        _, tokens = self.vision(frames, train=train, rngs=rngs, axis_name=axis_name)
        return self.read(tokens)

    def read(self, tokens: Float[Array, "b n e"]) -> AuOutput:
        """The units' features, from the video tower's tokens, the video token first."""
        n = self.cfg.vision.grid**2
        patches = tokens[:, 1:].reshape(tokens.shape[0], -1, n, tokens.shape[-1])
        local, region_weights = self.pta(patches, self.cfg.regions())
        if not self.cfg.dependency:
            k = local.shape[1]
            alone = jnp.broadcast_to(jnp.eye(k), (local.shape[0], k, k))
            return AuOutput(local, local, region_weights, alone)
        features, unit_weights = self.gda(local)
        return AuOutput(local, features, region_weights, unit_weights)

    def unit_logits(self, features: Float[Array, "b k e"]) -> Float[Array, "b k"]:
        """Is each unit nearer to its sentence of movement than to that of stillness?"""
        return losses.unit_logits(
            features, self.texts[...], self.logit_scale[...], self.unit_bias[...]
        )

    def window_scores(
        self, frames: ModelInput, texts: Float[Array, "n e"]
    ) -> tuple[Float[Array, "b k"], Float[Array, "b 0"]]:
        """Logits of the units; clips are compared with no sentences."""
        return self.unit_logits(self(frames).features), jnp.zeros((len(frames), 0))

    def log_odds(self, frames: ModelInput, target: Int[Array, ""]) -> Float[Array, " b"]:
        """Log-odds of one unit's movement."""
        return self.unit_logits(self(frames).features)[:, target]

    def encode_text(self, token_ids: Int[Array, "n l"]) -> Float[Array, "n e"]:
        """Sentence features before L2 normalisation; ids are padded behind the end of text."""
        return self.text(token_ids)

    @classmethod
    def from_pretrained(
        cls, directory: str | os.PathLike, dtype: str | None = None, **vision: Any
    ) -> "MicroAu":
        """Load a model that `save_pretrained` wrote; the arguments are `MerClip.from_pretrained`'s.

        Raises:
          ConfigError: the directory lacks a file, or its config.json cannot be used.
          DataError: the weights are damaged or do not fit the config; all misfits are listed.
        """
        directory = files.locate(directory)
        kind = files.config(directory).get("model_type")
        if kind != "micro_au":
            raise ConfigError(f"{directory / 'config.json'}: a {kind} model, not a micro_au one")
        cfg = files.sizes(directory, MicroAuConfig.from_json)
        cfg = replace(cfg, vision=replace(cfg.vision, **vision))
        if dtype:
            text = replace(cfg.text, dtype=dtype)
            cfg = replace(cfg, vision=replace(cfg.vision, dtype=dtype), text=text)
        shapes = folder.abstract(cls, cfg)
        return leaves.fill(shapes, files.read(directory), str(directory), [])
