"""Models from foreign weights: the official release, and towers of CLIP, ViCLIP and UniFormerV2."""

import os
from collections.abc import Sequence

from merclip_jax.merclip import foreign
from merclip_jax.merclip.foreign import Given, Heads, Inflation
from merclip_jax.merclip.model import MerClip


def load_official(
    path: str | os.PathLike,
    video_heads: int | None = None,
    global_heads: int | None = None,
    emotion_heads: int | None = None,
    text_heads: int | None = None,
    global_layers: Sequence[int] | None = None,
) -> MerClip:
    """Load a whole checkpoint of the official release (@31037e9).

    Args:
      path: .safetensors, or .pth as mmengine writes it; nothing of it is run.
      video_heads: and the other heads: width / 64 unless given, and 4 in the emotion head.
      global_layers: blocks that a global block follows; the last ones unless given, as in every
        released config.

    Raises:
      ConfigError: no such file, a kind of file that cannot be read here, or impossible heads.
      DataError: the file is damaged, or its tensors are not exactly those of the model: all misfits
        are listed.
    """
    heads = Heads(video_heads, global_heads, emotion_heads, text_heads)
    given = Given(heads, global_layers=_layers(global_layers))
    return MerClip.completed(foreign.official(path, given))


def load(
    vision: str | os.PathLike | None,
    text: str | os.PathLike | None = None,
    *,
    classes: int = 7,
    inflation: Inflation = "center",
    context: int = 77,
    heads: Heads | None = None,
    global_layers: Sequence[int] | None = None,
    activation: str | None = None,
    seed: int = 0,
) -> MerClip:
    """A model whose towers come from any known checkpoints; what these lack starts anew.

    An image tower becomes a video tower: its patch kernel is inflated to three frames, and the
    local and global blocks start as no-ops.

    Args:
      vision: a file, folder or hub id with a video or an image tower; None starts one anew.
      text: one with a text tower; None takes that of `vision`, and starts one anew if it has none.
      classes: of the emotion head, unless `vision` has one.
      inflation: 'center' gives an image kernel to the middle one of three frames, 'mean' a third
        to each (the frame before the first is empty, so the first step is then dimmer).
      context: positions of the text tower; missing ones are 0 (ViCLIP has 32, MER-CLIP's are 77).
      heads: where neither a config says them nor they are width / 64.
      global_layers: blocks that a global block follows; the last eight unless given.
      activation: 'gelu' or 'quick_gelu', where no config beside the file says it.
      seed: of what starts anew.

    Raises:
      ConfigError: a file that cannot be read here, or sizes that do not go together.
      DataError: a damaged file or unknown kind of checkpoint, or tensors that do not fit: all are
        listed.
    """
    given = Given(heads or Heads(), classes, _layers(global_layers))
    towers = foreign.towers(vision, text, inflation, context, given, activation)
    return MerClip.completed(towers, seed)


def _layers(given: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if given is None else tuple(given)
