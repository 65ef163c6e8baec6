"""Foreign weights: PyTorch's names and layouts to ours, strict both ways.

So far the official MER-CLIP release (@31037e9). Every size is read off the tensors; only the
numbers of heads leave no trace in them.
"""

import math
import os
import pickle
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.models import leaves, torch_keys
from merclip_jax.models.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig
from merclip_jax.models.merclip import MerClip, abstract
from merclip_jax.models.torch_keys import Tensors


def load_official(
    path: str | os.PathLike,
    video_heads: int | None = None,
    global_heads: int | None = None,
    emotion_heads: int | None = None,
    text_heads: int | None = None,
) -> MerClip:
    """Load a checkpoint of the official release; the sizes are `official_config`'s.

    Args:
      path: .safetensors, or .pth (needs torch, and is read with weights_only).
      video_heads: and the other heads: see `official_config`.

    Raises:
      ConfigError: no such file, a kind of file that cannot be read here, or impossible heads.
      DataError: the file is damaged, or its tensors are not exactly those of the model: all misfits
        are listed.
    """
    tensors = read(path)
    cfg = official_config(tensors, video_heads, global_heads, emotion_heads, text_heads)
    placed, faults = torch_keys.translate(tensors)
    return leaves.fill(abstract(cfg), placed, str(path), faults)


def official_config(
    tensors: Tensors,
    video_heads: int | None = None,
    global_heads: int | None = None,
    emotion_heads: int | None = None,
    text_heads: int | None = None,
) -> MerClipConfig:
    """The sizes of an official checkpoint, read off its tensors.

    Heads are `width // 64` in the towers and 4 in the emotion head unless given. The global blocks
    are taken to follow the last layers, as in every released config. What leaves no trace (frames,
    dropout) is the release's.

    Raises:
      DataError: a tensor that gives a size is missing or has the wrong number of axes.
    """
    try:
        return MerClipConfig(
            _vision_sizes(tensors, video_heads, global_heads),
            _text_sizes(tensors, text_heads),
            _emotion_sizes(tensors, emotion_heads),
        )
    except (KeyError, ValueError, IndexError) as error:
        if isinstance(error, ConfigError):
            raise
        raise DataError(
            f"not an official MER-CLIP checkpoint: {error} is missing or misshapen"
        ) from error


def _vision_sizes(tensors: Tensors, heads: int | None, global_heads: int | None) -> VisionConfig:
    width, _, taps, patch, _ = tensors["vision_encoder.conv1.weight"].shape
    grid = math.isqrt(len(tensors["vision_encoder.positional_embedding"]) - 1)
    layers, global_blocks = _count(tensors, torch_keys.BLOCK), _count(tensors, torch_keys.GLOBAL)
    first = "vision_encoder.transformer.resblocks.0"
    return VisionConfig(
        image_size=grid * patch,
        patch_size=patch,
        temporal_downsample=taps == 3,
        width=width,
        layers=layers,
        heads=heads or width // 64,
        mlp_ratio=len(tensors[f"{first}.mlp.c_fc.weight"]) / width,
        local_width=len(tensors[f"{first}.lmhra1.pos_embed.1.weight"]),
        global_layers=tuple(range(layers - global_blocks, layers)),
        global_heads=global_heads or width // 64,
        global_mlp_ratio=len(tensors["vision_encoder.transformer.dec.0.mlp.c_fc.weight"]) / width,
        output_dim=tensors["vision_encoder.proj"].shape[1],
    )


def _text_sizes(tensors: Tensors, heads: int | None) -> TextConfig:
    vocab_size, width = tensors["text_encoder.token_embedding.weight"].shape
    fc = tensors["text_encoder.transformer.resblocks.0.mlp.c_fc.weight"]
    return TextConfig(
        vocab_size=vocab_size,
        context=len(tensors["text_encoder.positional_embedding"]),
        width=width,
        layers=_count(tensors, torch_keys.TEXT),
        heads=heads or width // 64,
        mlp_ratio=len(fc) / width,
        output_dim=tensors["text_encoder.text_projection"].shape[1],
    )


def _emotion_sizes(tensors: Tensors, heads: int | None) -> EmotionConfig:
    classes, width = tensors["cls_head.fc_cls.weight"].shape
    return EmotionConfig(
        classes=classes,
        layers=_count(tensors, torch_keys.HEAD),
        heads=heads or 4,
        mlp_ratio=len(tensors["cls_head.blocks.0.ffn.net.0.weight"]) / width,
    )


def _count(names: Iterable[str], regex: str) -> int:
    """How many different numbers the first group of `regex` takes."""
    return len({match[1] for name in names if (match := re.match(regex, name))})


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a .safetensors or .pth file by name.

    Raises:
      ConfigError: no such file, or not one of these kinds, or torch is needed and not installed.
      DataError: the file is damaged or holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; name a .safetensors or .pth checkpoint")
    if path.suffix == ".safetensors":
        try:
            return safetensors.numpy.load_file(path)
        except safetensors.SafetensorError as error:
            raise DataError(f"{path}: unreadable ({error}); copy it again") from error
    if path.suffix in (".pth", ".pt"):
        return _read_torch(path)
    raise ConfigError(f"{path}: unknown kind of file; name a .safetensors or .pth checkpoint")


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise ConfigError(
            f"{path}: reading .pth needs PyTorch: install torch, or convert to .safetensors"
        ) from error
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(f"{path}: unreadable as plain tensors ({error})") from error
    tensors = loaded.get("state_dict", loaded)
    return {name: tensor.float().numpy() for name, tensor in tensors.items()}
