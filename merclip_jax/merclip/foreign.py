"""Foreign checkpoints as sizes and arrays under our own names; strict both ways."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.merclip import described, sizes, torch_keys
from merclip_jax.merclip.described import Described
from merclip_jax.merclip.sizes import Arrays, Given, Heads
from merclip_jax.towers import checkpoint
from merclip_jax.towers.config import MerClipConfig
from merclip_jax.towers.files import locate

__all__ = ["Foreign", "Given", "Heads", "Inflation", "Part", "official", "towers"]

Inflation = Literal["center", "mean"]


@dataclass(frozen=True)
class Part:
    """A checkpoint that a model, or one of its towers, is from.

    Attributes:
      path: the file, or the index of several.
      kind: what it was recognised as.
      about: what the weights are and were trained on, in words.
      unwrapped: what held the tensors.
    """

    path: Path
    kind: torch_keys.Source
    about: str
    unwrapped: str


@dataclass(frozen=True)
class Foreign:
    """A checkpoint in our terms.

    Attributes:
      source: the file or folder, for messages.
      cfg: its sizes; what leaves no trace in the tensors (frames, dropout) is the release's.
      arrays: by our dotted paths.
      lacks: our modules (regex) that may start anew if nothing of them is in `arrays`.
      faults: what could not be placed, a line each.
      parts: the checkpoints that the 'model', or its 'vision' and 'text' tower, is from.
    """

    source: str
    cfg: MerClipConfig
    arrays: Arrays
    lacks: str = ""
    faults: tuple[str, ...] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)

    def starts_anew(self, name: str) -> bool:
        """Whether the leaf belongs to a module that such a checkpoint has nothing of."""
        match = re.match(rf"(?:{self.lacks})(?=\.|$)", name) if self.lacks else None
        return match is not None and not any(
            path == match[0] or path.startswith(f"{match[0]}.") for path in self.arrays
        )


@dataclass(frozen=True)
class _Recognised:
    """A checkpoint in our names: what could be placed, what could not, and what is known of it."""

    arrays: dict[str, np.ndarray]
    faults: list[str]
    part: Part
    described: Described

    def has(self, tower: str) -> bool:
        """Whether anything of the tower is there."""
        return any(name.startswith(f"{tower}.") for name in self.arrays)


def official(path: str | os.PathLike, given: Given) -> Foreign:
    """A whole checkpoint of the MER-CLIP release.

    Raises:
      ConfigError, DataError: as `towers`, or it is another kind of checkpoint.
    """
    recognised = _recognised(locate(path), None)
    kind = recognised.part.kind
    if kind is not torch_keys.OFFICIAL:
        raise DataError(f"{path}: not {torch_keys.OFFICIAL.name}; it looks like {kind.name}")
    cfg = sizes.config(path, recognised.arrays, given, recognised.described, recognised.described)
    parts = {"model": recognised.part}
    return Foreign(str(path), cfg, recognised.arrays, faults=tuple(recognised.faults), parts=parts)


def towers(
    vision: str | os.PathLike | None,
    text: str | os.PathLike | None = None,
    inflation: Inflation = "center",
    context: int = 77,
    given: Given | None = None,
    activation: str | None = None,
) -> Foreign:
    """Towers of any known checkpoints; the arguments are those of `weights.load`.

    Raises:
      ConfigError: a file that cannot be read here, or sizes that do not go together.
      DataError: a damaged file, an unknown kind of checkpoint, or no size to be read off it.
    """
    if inflation not in get_args(Inflation):
        raise ConfigError(f"inflation={inflation!r}: give one of {', '.join(get_args(Inflation))}")
    paths = [locate(path) for path in (vision, text) if path]
    if not paths:
        raise ConfigError("no checkpoint named: give one with a vision tower, a text tower or both")
    first, *others = (_recognised(path, activation) for path in paths)
    words = others[0] if others else first
    if others and not words.has("text"):
        raise ConfigError(f"{text}: {words.part.kind.name} without a text tower")
    arrays, lacks = first.arrays, first.part.kind.lacks
    if others:
        arrays = _part(arrays, "text", False) | _part(words.arrays, "text", True)
        lacks = rf"(?!text\.)(?:{lacks})|(?=text\.)(?:{words.part.kind.lacks})"
    if "text.positional_embedding" in arrays:
        arrays["text.positional_embedding"] = _padded(arrays["text.positional_embedding"], context)
    _inflate(arrays, inflation)
    cfg = sizes.config(
        paths[0], arrays, given or Given(classes=7), first.described, words.described
    )
    _check_pictures(paths[0], first.described.picture, cfg)
    parts = {"vision": first.part} if first.has("vision") else {}
    parts |= {"text": words.part} if words.has("text") else {}
    faults = (*first.faults, *(fault for other in others for fault in other.faults))
    return Foreign(str(paths[0]), cfg, arrays, lacks, faults, parts)


def _recognised(path: Path, activation: str | None) -> _Recognised:
    weights = checkpoint.read(path)
    tensors = torch_keys.of_whole_clip(weights.tensors)
    try:
        kind = torch_keys.recognise(tensors)
    except ConfigError as error:
        raise ConfigError(f"{weights.path}: {error}") from error
    if kind is None:
        kinds = "; ".join(source.name for source in torch_keys.SOURCES)
        raise DataError(f"{weights.path}: no known kind of checkpoint. Known are: {kinds}")
    dialect = described.describe(weights, kind, activation)
    arrays, faults = torch_keys.translate(tensors, kind)
    return _Recognised(
        arrays, faults, Part(weights.path, kind, dialect.about, weights.unwrapped), dialect
    )


def _check_pictures(path: Path, side: int | None, cfg: MerClipConfig) -> None:
    if side is not None and side != cfg.vision.image_size:
        raise ConfigError(
            f"{path}: its preprocessor_config.json cuts pictures to {side} pixels, its positions "
            f"are those of {cfg.vision.image_size}"
        )


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
