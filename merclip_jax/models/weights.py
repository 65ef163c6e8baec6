"""Foreign weights: PyTorch's names and layouts to ours, strict both ways.

So far the official MER-CLIP release (@31037e9). Every size is read off the tensors; only the
numbers of heads leave no trace in them.
"""

import math
import os
import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.models import leaves
from merclip_jax.models.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig
from merclip_jax.models.merclip import MerClip, abstract

Tensors = Mapping[str, np.ndarray]
Layout = Callable[[np.ndarray], np.ndarray]


def same(x: np.ndarray) -> np.ndarray:
    """Vectors, tables and projections that are already (in, out)."""
    return x


def linear(x: np.ndarray) -> np.ndarray:
    """(out, in), with any trailing axes of size 1, to (in, out)."""
    rows, columns = x.shape[:2]
    return x.reshape(rows, columns).T


def tubelet(x: np.ndarray) -> np.ndarray:
    """Patch convolution (out, rgb, t, h, w) to a matrix (t*h*w*rgb, out)."""
    return x.transpose(2, 3, 4, 1, 0).reshape(-1, x.shape[0])


def depthwise(x: np.ndarray) -> np.ndarray:
    """Depthwise kernel (c, 1, t, h, w) to (t, h, w, c)."""
    return x[:, 0].transpose(1, 2, 3, 0)


def flat(x: np.ndarray) -> np.ndarray:
    """A token with leading axes of size 1 to a vector."""
    return x.reshape(-1)


def _affine(source: str, target: str, layout: Layout) -> list[tuple[str, str, Layout]]:
    """A weight and its bias; norms call their weight `scale`, all else `kernel`."""
    weight = "scale" if layout is same else "kernel"
    return [
        (rf"{source}\.weight", rf"{target}.{weight}", layout),
        (rf"{source}\.bias", rf"{target}.bias", same),
    ]


def _block(source: str, target: str) -> list[tuple[str, str, Layout]]:
    """A CLIP transformer block; `source` has exactly one group, the block's number."""
    return [
        (rf"{source}\.attn\.in_proj_weight", rf"{target}.attn.qkv.kernel", linear),
        (rf"{source}\.attn\.in_proj_bias", rf"{target}.attn.qkv.bias", same),
        *_affine(rf"{source}\.attn\.out_proj", rf"{target}.attn.out", linear),
        *_affine(rf"{source}\.(ln_[123])", rf"{target}.\2", same),
        *_affine(rf"{source}\.mlp\.(c_fc|c_proj)", rf"{target}.mlp.\2", linear),
    ]


_BLOCK = r"vision_encoder\.transformer\.resblocks\.(\d+)"
_LOCAL = _BLOCK + r"\.(lmhra[12])\.pos_embed"
_GLOBAL = r"vision_encoder\.transformer\.dec\.(\d+)"
_TEXT = r"text_encoder\.transformer\.resblocks\.(\d+)"
_HEAD = r"cls_head\.blocks\.(\d+)"

# Official name (regex), our path, layout. A name that no row matches is an error.
OFFICIAL: list[tuple[str, str, Layout]] = [
    (r"logit_scale", "logit_scale", same),
    (r"vision_encoder\.(class_embedding|positional_embedding|proj)", r"vision.\1", same),
    (r"vision_encoder\.conv1\.weight", "vision.patch_embedding.projection.kernel", tubelet),
    *_affine(r"vision_encoder\.ln_pre", "vision.ln_pre", same),
    *_block(_BLOCK, r"vision.blocks.\1"),
    *_affine(rf"{_LOCAL}\.0", r"vision.blocks.\1.\2.norm", same),
    (rf"{_LOCAL}\.0\.running_(mean|var)", r"vision.blocks.\1.\2.norm.\3", same),
    *_affine(rf"{_LOCAL}\.1", r"vision.blocks.\1.\2.down", linear),
    *_affine(rf"{_LOCAL}\.2", r"vision.blocks.\1.\2.temporal", depthwise),
    *_affine(rf"{_LOCAL}\.3", r"vision.blocks.\1.\2.up", linear),
    *_affine(
        r"vision_encoder\.transformer\.dpe\.(\d+)", r"vision.global_blocks.\1.position", depthwise
    ),
    *_block(_GLOBAL, r"vision.global_blocks.\1"),
    (r"vision_encoder\.transformer\.temporal_cls_token", "vision.video_embedding", flat),
    (r"vision_encoder\.transformer\.balance", "vision.balance", same),
    *_affine(r"vision_encoder\.transformer\.norm", "vision.norm", same),
    *_affine(r"vision_encoder\.ln_post1", "vision.ln_post", same),
    (r"vision_encoder\.to_cls_decoder\.weight", "vision.token_proj.kernel", linear),
    *_affine(r"vision_encoder\.ln_final", "vision.ln_tokens", same),
    (r"text_encoder\.(positional_embedding|text_projection)", r"text.\1", same),
    (r"text_encoder\.token_embedding\.weight", "text.token_embedding", same),
    *_block(_TEXT, r"text.blocks.\1"),
    *_affine(r"text_encoder\.ln_final", "text.ln_final", same),
    *_affine(rf"{_HEAD}\.norm", r"emotion.blocks.\1.ln_1", same),
    *_affine(rf"{_HEAD}\.norm_ffn", r"emotion.blocks.\1.ln_2", same),
    *_affine(rf"{_HEAD}\.attn\.to_qkv", r"emotion.blocks.\1.attn.qkv", linear),
    *_affine(rf"{_HEAD}\.attn\.proj", r"emotion.blocks.\1.attn.out", linear),
    *_affine(rf"{_HEAD}\.ffn\.net\.0", r"emotion.blocks.\1.mlp.c_fc", linear),
    *_affine(rf"{_HEAD}\.ffn\.net\.3", r"emotion.blocks.\1.mlp.c_proj", linear),
    *_affine(r"cls_head\.norm", "emotion.norm", same),
    *_affine(r"cls_head\.fc_cls", "emotion.fc", linear),
]

# A fixed momentum needs no step counter, so BatchNorm's is not kept.
UNUSED = r".*\.num_batches_tracked"


def translate(tensors: Tensors) -> tuple[dict[str, np.ndarray], list[str]]:
    """Official names and layouts to ours.

    Returns:
      The arrays by our dotted paths, and one line for each tensor that the table cannot place.
    """
    placed: dict[str, np.ndarray] = {}
    faults = []
    for name, tensor in tensors.items():
        if re.fullmatch(UNUSED, name):
            continue
        matches = ((re.fullmatch(row[0], name), row) for row in OFFICIAL)
        match, row = next(((match, row) for match, row in matches if match), (None, None))
        if match is None or row is None:
            faults.append(f"{name}: unknown name")
            continue
        _, path, layout = row
        try:
            placed[match.expand(path)] = layout(tensor)
        except (ValueError, IndexError):
            faults.append(f"{name}: shape {tensor.shape} has the wrong number of axes")
    return placed, faults


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
    placed, faults = translate(tensors)
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
    layers, global_blocks = _count(tensors, _BLOCK), _count(tensors, _GLOBAL)
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
        layers=_count(tensors, _TEXT),
        heads=heads or width // 64,
        mlp_ratio=len(fc) / width,
        output_dim=tensors["text_encoder.text_projection"].shape[1],
    )


def _emotion_sizes(tensors: Tensors, heads: int | None) -> EmotionConfig:
    classes, width = tensors["cls_head.fc_cls.weight"].shape
    return EmotionConfig(
        classes=classes,
        layers=_count(tensors, _HEAD),
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
