"""Foreign checkpoints as sizes and arrays under our own names; strict both ways.

Sizes are read off the tensors; only the numbers of heads leave no trace in them.
"""

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.merclip import torch_keys
from merclip_jax.towers.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig
from merclip_jax.towers.files import locate, read

Arrays = Mapping[str, np.ndarray]
Inflation = Literal["center", "mean"]
GLOBAL_BLOCKS = 8  # where a checkpoint has none: on the last layers, as in MER-CLIP's B/16


@dataclass(frozen=True)
class Heads:
    """Numbers of attention heads; None is width / 64, in the emotion head 4 (the release's)."""

    video: int | None = None
    global_blocks: int | None = None
    emotion: int | None = None
    text: int | None = None


@dataclass(frozen=True)
class Foreign:
    """A checkpoint in our terms.

    Attributes:
      source: the file or folder, for messages.
      cfg: its sizes; what leaves no trace in the tensors (frames, dropout) is the release's.
      arrays: by our dotted paths.
      lacks: our modules (regex) that may start anew if nothing of them is in `arrays`.
      faults: what could not be placed, a line each.
      parts: the kind of checkpoint that the 'model', or its 'vision' and 'text' tower, is from.
    """

    source: str
    cfg: MerClipConfig
    arrays: Arrays
    lacks: str = ""
    faults: tuple[str, ...] = ()
    parts: Mapping[str, torch_keys.Source] = field(default_factory=dict)

    def starts_anew(self, name: str) -> bool:
        """Whether the leaf belongs to a module that such a checkpoint has nothing of."""
        match = re.match(rf"(?:{self.lacks})(?=\.|$)", name) if self.lacks else None
        return match is not None and not any(
            path == match[0] or path.startswith(f"{match[0]}.") for path in self.arrays
        )


def official(path: str | os.PathLike, heads: Heads) -> Foreign:
    """A whole checkpoint of the MER-CLIP release.

    Raises:
      ConfigError, DataError: as `translated`, or a tensor that gives a size is missing.
    """
    tensors = read(path)
    kind = torch_keys.recognise(tensors)
    if kind is not torch_keys.OFFICIAL:
        looks = f"; it looks like {kind.name}" if kind else ""
        raise DataError(f"{path}: not {torch_keys.OFFICIAL.name}{looks}")
    arrays, faults = torch_keys.translate(tensors, torch_keys.OFFICIAL)
    cfg = _config(path, arrays, heads, classes=0)
    return Foreign(str(path), cfg, arrays, faults=tuple(faults), parts={"model": kind})


def towers(
    vision: str | os.PathLike | None,
    text: str | os.PathLike | None = None,
    classes: int = 7,
    inflation: Inflation = "center",
    context: int = 77,
    heads: Heads | None = None,
) -> Foreign:
    """Towers of any known checkpoints; the arguments are those of `weights.load`.

    Raises:
      ConfigError: a file that cannot be read here, or sizes that do not go together.
      DataError: a damaged file, an unknown kind of checkpoint, or no size to be read off it.
    """
    if inflation not in get_args(Inflation):
        raise ConfigError(f"inflation={inflation!r}: give one of {', '.join(get_args(Inflation))}")
    given = [locate(path) for path in (vision, text) if path]
    if not given:
        raise ConfigError("no checkpoint named: give one with a vision tower, a text tower or both")
    arrays, faults, source = _recognised(given[0])
    lacks, parts = source.lacks, {}
    if any(name.startswith("vision.") for name in arrays):
        parts["vision"] = source
    if len(given) == 2:
        words, more, source = _recognised(given[1])
        arrays = _part(arrays, "text", False) | _part(words, "text", True)
        faults = faults + more
        lacks = rf"(?!text\.)(?:{lacks})|(?=text\.)(?:{source.lacks})"
    if "text.positional_embedding" in arrays:
        parts["text"] = source
        arrays["text.positional_embedding"] = _padded(arrays["text.positional_embedding"], context)
    _inflate(arrays, inflation)
    heads = _completed(heads or Heads(), _heads_of(given[0]), _heads_of(given[-1]))
    cfg = _config(given[0], arrays, heads, classes)
    return Foreign(str(given[0]), cfg, arrays, lacks, tuple(faults), parts)


def _completed(given: Heads, vision: Heads, text: Heads) -> Heads:
    video = given.video or vision.video
    return Heads(video, given.global_blocks or video, given.emotion, given.text or text.text)


def _heads_of(folder: Path) -> Heads:
    """What a Hugging Face config.json in `folder` says of heads; nothing where there is none.

    Raises:
      ConfigError: its towers use another activation than OpenAI's.
    """
    file = folder / "config.json"
    if not file.is_file():
        return Heads()
    values = json.loads(file.read_text(encoding="utf-8"))
    vision, text = values.get("vision_config", {}), values.get("text_config", {})
    for part in (vision, text):
        if part.get("hidden_act", "quick_gelu") != "quick_gelu":
            raise ConfigError(
                f"{file}: hidden_act {part['hidden_act']!r}, but these towers compute quick_gelu; "
                "take OpenAI's weights"
            )
    return Heads(video=vision.get("num_attention_heads"), text=text.get("num_attention_heads"))


def _recognised(path: Path) -> tuple[dict[str, np.ndarray], list[str], torch_keys.Source]:
    """Arrays by our paths, what could not be placed, and the kind of checkpoint."""
    tensors = read(path)
    source = torch_keys.recognise(tensors)
    if source is None:
        kinds = "; ".join(source.name for source in torch_keys.SOURCES)
        raise DataError(f"{path}: no known kind of checkpoint. Known are: {kinds}")
    return *torch_keys.translate(tensors, source), source


def _part(arrays: Arrays, part: str, inside: bool) -> dict[str, np.ndarray]:
    return {n: array for n, array in arrays.items() if n.startswith(f"{part}.") == inside}


def _padded(table: np.ndarray, context: int) -> np.ndarray:
    missing = max(0, context - len(table))
    return np.pad(table, ((0, missing), (0, 0)))[:context]


def _inflate(arrays: dict[str, np.ndarray], inflation: Inflation) -> None:
    """Make an image's patch kernel one of three frames; a video's stays.

    A tower that has local or global blocks is a video tower, also where it keeps single frames.
    """
    name = "vision.patch_embedding.projection.kernel"
    kernel = arrays.get(name)
    if kernel is None or any(path.startswith("vision.global_blocks.") for path in arrays):
        return
    frames = [0 * kernel, kernel, 0 * kernel] if inflation == "center" else [kernel / 3] * 3
    arrays[name] = np.concatenate(frames)


def _config(path: str | os.PathLike, arrays: Arrays, heads: Heads, classes: int) -> MerClipConfig:
    """The model's sizes; a tower of which there is nothing gets those of CLIP B/16."""
    project = arrays.get("text.text_projection", arrays.get("vision.proj"))
    shared = TextConfig().output_dim if project is None else project.shape[1]
    has_vision = any(name.startswith("vision.") for name in arrays)
    has_text = any(name.startswith("text.") for name in arrays)
    try:
        return MerClipConfig(
            _vision_sizes(arrays, heads, shared) if has_vision else VisionConfig(output_dim=shared),
            _text_sizes(arrays, heads) if has_text else TextConfig(output_dim=shared),
            _head_sizes(arrays, heads, classes, shared),
        )
    except (KeyError, ValueError, IndexError) as error:
        if isinstance(error, ConfigError):
            raise
        raise DataError(f"{path}: a tensor is missing or misshapen: {error}") from error


def _vision_sizes(arrays: Arrays, heads: Heads, shared: int) -> VisionConfig:
    pixels, width = arrays["vision.patch_embedding.projection.kernel"].shape
    square = pixels // 3  # of a single frame: a patch's pixels; of three frames three times that
    taps = 1 if math.isqrt(square) ** 2 == square else 3
    patch = math.isqrt(square // taps)
    grid = math.isqrt(len(arrays["vision.positional_embedding"]) - 1)
    layers = _count(arrays, r"vision\.blocks\.(\d+)\..*")
    global_blocks = _count(arrays, r"vision\.global_blocks\.(\d+)\..*") or min(
        GLOBAL_BLOCKS, layers
    )
    down = arrays.get("vision.blocks.0.lmhra1.down.bias")
    project = arrays.get("vision.proj")
    return VisionConfig(
        image_size=grid * patch,
        patch_size=patch,
        temporal_downsample=taps == 3,
        width=width,
        layers=layers,
        heads=heads.video or max(1, width // 64),
        mlp_ratio=arrays["vision.blocks.0.mlp.c_fc.bias"].size / width,
        local_width=int(width // 1.5) if down is None else down.size,
        global_layers=tuple(range(layers - global_blocks, layers)),
        global_heads=heads.global_blocks or max(1, width // 64),
        global_mlp_ratio=_hidden(arrays, "vision.global_blocks.0", 4 * width) / width,
        output_dim=shared if project is None else project.shape[1],
    )


def _text_sizes(arrays: Arrays, heads: Heads) -> TextConfig:
    vocab_size, width = arrays["text.token_embedding"].shape
    return TextConfig(
        vocab_size=vocab_size,
        context=len(arrays["text.positional_embedding"]),
        width=width,
        layers=_count(arrays, r"text\.blocks\.(\d+)\..*"),
        heads=heads.text or max(1, width // 64),
        mlp_ratio=arrays["text.blocks.0.mlp.c_fc.bias"].size / width,
        output_dim=arrays["text.text_projection"].shape[1],
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
