"""The model that a run starts from: random, or taken from saved weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Float
from ml_collections import ConfigDict
from scipy import fft
from tokenizers import Tokenizer

from merclip_jax.data import motion
from merclip_jax.errors import ConfigError
from merclip_jax.merclip import sentences
from merclip_jax.merclip.model import MerClip
from merclip_jax.towers import files
from merclip_jax.towers.config import EmotionConfig, MerClipConfig

MOTION_PATCH = 4  # pixels of the pictures of motion


def check(config: ConfigDict, classes: tuple[str, ...]) -> None:
    """Refuse what `build` cannot start from, before any data is read.

    Raises:
      ConfigError: as `check_weights`; or a head of another kind or other classes.
    """
    check_weights(config)
    if not (config.model.init_from and config.model.init_head):
        return
    directory = files.locate(config.model.init_from)
    values, saved_classes = files.config(directory), files.metadata(directory).get("classes")
    kind = "inference" if values.get("emotion", {}).get("layers") else "linear"
    if (saved_classes, kind) != (list(classes), config.model.head):
        raise ConfigError(
            f"--config.model.init_head: the head in {directory} is {kind} and tells "
            f"{saved_classes}, this run needs {config.model.head} and {list(classes)}; set it to "
            "False to start a new one"
        )


def check_weights(config: ConfigDict) -> None:
    """Refuse weights that are not there, or whose pictures are of another size.

    Raises:
      ConfigError: naming what was found and what is wanted.
    """
    saved = config.model.init_from
    if not saved:
        return
    try:
        directory = files.locate(saved)
        values = files.config(directory)
    except ConfigError as error:
        raise ConfigError(f"--config.model.init_from: {error}") from error
    vision = values.get("vision") or values.get("vision_config", {})  # ours, or CLIP's
    kind, size = vision.get("input", "rgb"), vision.get("image_size", config.data.image_size)
    if kind != config.data.input and (kind, config.data.input) != ("rgb", "rgb+motion"):
        raise ConfigError(
            f"--config.model.init_from={saved} sees {kind}: set --config.data.input to that (it is "
            f"{config.data.input})"
        )
    if kind != "motion" and size != config.data.image_size:
        raise ConfigError(
            f"--config.model.init_from={saved} was trained at {size} px: set "
            f"--config.data.image_size to that (it is {config.data.image_size})"
        )


def build(config: ConfigDict, classes: tuple[str, ...], seed: int) -> tuple[MerClip, Tokenizer]:
    """A model for `classes`, and the tokenizer of its text tower.

    With `model.init_from`, sizes and weights of the towers come from there, those of the emotion
    head too if `model.init_head` is set (its classes must be the same); what is not taken starts
    at random from `seed`.

    Raises:
      ConfigError: missing files, or weights made for other clips or classes.
    """
    if config.model.init_from:
        directory = files.locate(config.model.init_from)
        model, tokenizer = _saved(config, directory, classes, seed), files.tokenizer(directory)
        sentences.check(tokenizer, model.cfg.text, directory)
    else:
        model, tokenizer = _small(config, classes, seed)
    if not config.model.adapters:
        model.without_adapters()
    return model, tokenizer


def load(directory: Path) -> MerClip:
    """A saved model to read videos with; float32 on CPU, where bfloat16 is slower."""
    on_cpu = jax.default_backend() == "cpu"
    return MerClip.from_pretrained(directory, "float32" if on_cpu else None)


def dtype(config: ConfigDict) -> str:
    """The dtype of computation: bfloat16 on accelerators, unless told."""
    if config.model.dtype != "auto":
        return config.model.dtype
    return "float32" if jax.default_backend() == "cpu" else "bfloat16"


def _head_layers(config: ConfigDict) -> int:
    return EmotionConfig.layers if config.model.head == "inference" else 0


def _small(config: ConfigDict, classes: tuple[str, ...], seed: int) -> tuple[MerClip, Tokenizer]:
    """The small model with random weights."""
    tokenizer = sentences.small_tokenizer()
    cfg = MerClipConfig.tiny(len(classes))
    alone = config.data.input == "motion"
    patch = config.model.patch_size or (MOTION_PATCH if alone else cfg.vision.patch_size)
    size = motion.SEEN if alone else config.data.image_size
    vision = replace(cfg.vision, image_size=size, patch_size=patch, **run_sizes(config))
    small_text = replace(cfg.text, vocab_size=tokenizer.get_vocab_size(), context=64)
    emotion = replace(cfg.emotion, layers=_head_layers(config))
    cfg = MerClipConfig(vision, small_text, emotion).with_dtype(dtype(config))
    model = MerClip(cfg, rngs=nnx.Rngs(seed))
    if config.model.motion_start:
        kernel = model.vision.patch_embedding.projection.kernel
        kernel[...] = motion_kernel(patch, vision.width)
    return model, tokenizer


def run_sizes(config: ConfigDict) -> dict[str, Any]:
    """What a run may choose of a video tower whose parameters are given."""
    names = ("drop_path", "global_drop_path", "drop_axis", "norm_clips", "remat")
    chosen = {name: config.model[name] for name in names}
    return chosen | {"input": config.data.input, "frames": config.data.frames}


def _saved(config: ConfigDict, directory: Path, classes: tuple[str, ...], seed: int) -> MerClip:
    """The saved model with its own head or a new one."""
    model = MerClip.from_pretrained(directory, dtype(config), **run_sizes(config))
    if not config.model.init_head:
        model.start_head(len(classes), _head_layers(config), rngs=nnx.Rngs(seed))
    return model


def motion_kernel(patch: int, width: int) -> Float[np.ndarray, "taps_pixels width"]:
    """A first layer that sees how frames differ: low frequencies of grey, frame 2 - frame 1.

    Motion of skin changes a patch smoothly, noise does not, so the `width` lowest frequencies of
    the cosine transform hold most of the one and little of the other. The first of the three taps
    is 0: it would see the padding before the first frame.
    """
    order = sorted(np.ndindex(patch, patch), key=lambda at: (sum(at), at))[:width]
    spectra = np.zeros((patch, patch, len(order)), np.float32)
    for channel, at in enumerate(order):
        spectra[*at, channel] = 1
    grey = fft.idctn(spectra, axes=(0, 1), norm="ortho") / np.sqrt(3)
    frame = np.repeat(grey[:, :, None], 3, axis=2).reshape(-1, len(order))
    return np.concatenate([0 * frame, -frame, frame])
