"""Sizes of a model, read off the tensors of foreign checkpoints.

Heads, activations and the place of the global blocks leave no trace in tensors: they are given, or
told by a checkpoint's config, or the release's.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.merclip.described import Described
from merclip_jax.towers.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig

Arrays = Mapping[str, np.ndarray]
GLOBAL_BLOCKS = 8  # where a checkpoint has none: on the last layers, as in MER-CLIP's B/16


@dataclass(frozen=True)
class Heads:
    """Numbers of attention heads; None is width / 64, in the emotion head 4 (the release's)."""

    video: int | None = None
    global_blocks: int | None = None
    emotion: int | None = None
    text: int | None = None


@dataclass(frozen=True)
class Given:
    """What the user says of a model.

    Attributes:
      heads: of its towers and its emotion head.
      classes: of a new emotion head.
      global_layers: blocks that a global block follows; None: the last ones.
    """

    heads: Heads = Heads()
    classes: int = 0
    global_layers: tuple[int, ...] | None = None


def config(
    path: str | os.PathLike, arrays: Arrays, given: Given, vision: Described, text: Described
) -> MerClipConfig:
    """The model's sizes; a tower of which there is nothing gets those of CLIP B/16.

    Args:
      path: for messages.
      arrays: by our dotted paths.
      given: what the user says; it counts before what a config tells.
      vision, text: what the config of each tower's checkpoint tells.

    Raises:
      ConfigError: sizes that do not go together.
      DataError: a tensor that gives a size is missing or misshapen.
    """
    project = arrays.get("text.text_projection", arrays.get("vision.proj"))
    shared = TextConfig().output_dim if project is None else project.shape[1]
    has_vision = any(name.startswith("vision.") for name in arrays)
    has_text = any(name.startswith("text.") for name in arrays)
    try:
        return MerClipConfig(
            _vision_sizes(arrays, given, vision, shared)
            if has_vision
            else VisionConfig(output_dim=shared),
            _text_sizes(arrays, given.heads, text, shared)
            if has_text
            else TextConfig(output_dim=shared),
            _head_sizes(arrays, given.heads, given.classes, shared),
        )
    except (KeyError, ValueError, IndexError) as error:
        if isinstance(error, ConfigError):
            raise
        raise DataError(f"{path}: a tensor is missing or misshapen: {error}") from error


def _vision_sizes(arrays: Arrays, given: Given, described: Described, shared: int) -> VisionConfig:
    pixels, width = arrays["vision.patch_embedding.projection.kernel"].shape
    square = pixels // 3  # of a single frame: a patch's pixels; of three frames three times that
    taps = 1 if math.isqrt(square) ** 2 == square else 3
    patch = math.isqrt(square // taps)
    grid = math.isqrt(len(arrays["vision.positional_embedding"]) - 1)
    layers = _count(arrays, r"vision\.blocks\.(\d+)\..*")
    heads, tower = given.heads, described.vision
    mean, std = described.colours or (None, None)
    down = arrays.get("vision.blocks.0.lmhra1.down.bias")
    project = arrays.get("vision.proj")
    return VisionConfig(
        image_size=grid * patch,
        patch_size=patch,
        temporal_downsample=taps == 3,
        width=width,
        layers=layers,
        heads=heads.video or tower.heads or max(1, width // 64),
        mlp_ratio=arrays["vision.blocks.0.mlp.c_fc.bias"].size / width,
        local_width=int(width // 1.5) if down is None else down.size,
        global_layers=_global_layers(arrays, layers, given.global_layers),
        global_heads=heads.global_blocks or heads.video or tower.heads or max(1, width // 64),
        global_mlp_ratio=_hidden(arrays, "vision.global_blocks.0", 4 * width) / width,
        output_dim=shared if project is None else project.shape[1],
        activation=tower.activation,
        eps=tower.eps,
        pixel_mean=mean,
        pixel_std=std,
    )


def _global_layers(arrays: Arrays, layers: int, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """The blocks that a global block follows; of new global blocks as many as given."""
    count = _count(arrays, r"vision\.global_blocks\.(\d+)\..*")
    if given is None:
        return tuple(range(layers - (count or min(GLOBAL_BLOCKS, layers)), layers))
    if count and len(given) != count:
        raise ConfigError(
            f"global_layers={','.join(map(str, given))}: {len(given)} layers, but the checkpoint "
            f"has {count} global blocks"
        )
    if list(given) != sorted(set(given)):
        raise ConfigError(f"global_layers={','.join(map(str, given))}: give them in rising order")
    return tuple(given)


def _text_sizes(arrays: Arrays, heads: Heads, described: Described, shared: int) -> TextConfig:
    tower, project = described.text, arrays.get("text.text_projection")
    vocab_size, width = arrays["text.token_embedding"].shape
    return TextConfig(
        vocab_size=vocab_size,
        context=len(arrays["text.positional_embedding"]),
        width=width,
        layers=_count(arrays, r"text\.blocks\.(\d+)\..*"),
        heads=heads.text or tower.heads or max(1, width // 64),
        mlp_ratio=arrays["text.blocks.0.mlp.c_fc.bias"].size / width,
        output_dim=shared if project is None else project.shape[1],
        activation=tower.activation,
        eps=tower.eps,
        end_token=described.end_token,
    )


def _head_sizes(arrays: Arrays, heads: Heads, classes: int, width: int) -> EmotionConfig:
    bias = arrays.get("emotion.fc.bias")
    return EmotionConfig(
        classes=classes if bias is None else bias.size,
        layers=_count(arrays, r"emotion\.blocks\.(\d+)\..*") or EmotionConfig().layers,
        heads=heads.emotion or EmotionConfig().heads,
        mlp_ratio=_hidden(arrays, "emotion.blocks.0", 4 * width) / width,
    )


def _hidden(arrays: Arrays, block: str, default: int) -> int:
    bias = arrays.get(f"{block}.mlp.c_fc.bias")
    return default if bias is None else bias.size


def _count(names: Arrays, regex: str) -> int:
    """How many different numbers the first group of `regex` takes."""
    return len({match[1] for name in names if (match := re.fullmatch(regex, name))})
