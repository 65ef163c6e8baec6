"""The model that a run starts from: random, or taken from saved weights."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float
from ml_collections import ConfigDict
from scipy import fft
from tokenizers import Tokenizer

from merclip_jax import facs, losses, text
from merclip_jax.au import emotion_rules, emotion_text, regions
from merclip_jax.au import labels as au_labels
from merclip_jax.errors import ConfigError
from merclip_jax.models import EmotionConfig, MerClip, MerClipConfig, files
from merclip_jax.models.micro_au import MicroAu, MicroAuConfig

VARIANTS = ("b16", "l14", "tiny")


def check(config: ConfigDict) -> None:
    """Refuse what `build` cannot start from, before any data is read.

    Raises:
      ConfigError: no saved model at `model.init_from`, or a variant that needs one.
    """
    variant, saved = config.model.variant, config.model.init_from
    if saved and not (files.locate(saved) / "config.json").is_file():
        raise ConfigError(f"model.init_from={saved}: no config.json there; name a saved model")
    if variant not in VARIANTS:
        raise ConfigError(f"model.variant={variant!r}: give one of {', '.join(VARIANTS)}")
    if not saved and variant != "tiny":
        raise ConfigError(
            f"model.variant={variant!r} needs weights with a tokenizer: set model.init_from to "
            "their folder, or model.variant='tiny' to try a run"
        )
    if config.model.system == "micro_au" and config.au.emotion == "text" and not saved:
        raise ConfigError(
            "au.emotion='text' compares sentences in the space of a text tower that knows what "
            "they mean, and random weights know nothing: set model.init_from to weights with a "
            "trained text tower, such as CLIP's, or au.emotion='rules'"
        )


def about(config: ConfigDict) -> dict[str, Any]:
    """What the weights at the start say of themselves in merclip.json; {} if they are random."""
    file = files.locate(config.model.init_from) / "merclip.json"
    if not config.model.init_from or not file.is_file():
        return {}
    return json.loads(file.read_text())


def notices(config: ConfigDict) -> list[str]:
    """What the report says of weights that have seen faces cropped otherwise than the run's."""
    then, now = about(config).get("crop"), config.data.crop
    if then in (None, now):
        return []
    return [
        f"The weights that it started from were trained with data.crop={then!r}, this run has "
        f"{now!r}: faces differ in size and place from those that the weights know."
    ]


def build(
    config: ConfigDict, classes: tuple[str, ...], seed: int
) -> tuple[MerClip | MicroAu, Tokenizer]:
    """A model for `classes`, and the tokenizer of its text tower.

    With `model.init_from`, sizes and weights of the towers come from there, those of the emotion
    head too if `model.init_head` is set (its classes must be the same); what is not taken starts
    at random from `seed`.

    Raises:
      ConfigError: an unknown variant, missing files, or weights made for other clips or classes.
    """
    if config.model.init_from:
        directory = files.locate(config.model.init_from)
        model, tokenizer = _saved(config, directory, classes, seed), files.tokenizer(directory)
    else:
        model, tokenizer = _small(config, classes, seed)
    if not config.model.video_arms:
        model.without_arms()
    if config.model.system == "micro_au":
        return _with_units(config, model, tokenizer, seed), tokenizer
    return model, tokenizer


def _with_units(config: ConfigDict, towers: MerClip, tokenizer: Tokenizer, seed: int) -> MicroAu:
    """Micro-AU CLIP over a model's towers; its texts are embedded here, once."""
    settings = config.au
    units = au_labels.units(settings.units, settings.sides)
    frame = regions.Frame.of_crop(config.data.crop, settings.eye_distance, settings.eye_height)
    cfg = MicroAuConfig(
        towers.cfg.vision,
        towers.cfg.text,
        units,
        heads=settings.heads,
        eye_distance=frame.eye_distance,
        eye_height=frame.eye_height,
        local=settings.regions,
        dependency=settings.dependency,
        aligned=settings.text,
    )
    model = MicroAu.over(towers, cfg, rngs=nnx.Rngs(seed))
    if settings.text:
        model.texts[...] = _unit_texts(model, tokenizer, config.text.style)
    return model


def _unit_texts(model: MicroAu, tokenizer: Tokenizer, style: str) -> Float[Array, "k 2 e"]:
    """Mean text feature of each unit moving and of it staying still, over all templates."""
    wording = cast(Literal["released", "ours"], style)
    said = [words for unit in model.cfg.units for words in facs.moving_and_still(unit, wording)]
    return _embedded(model, tokenizer, said, style).reshape(len(model.cfg.units), 2, -1)


def emotion_texts(
    config: ConfigDict, classes: tuple[str, ...], model: MicroAu, tokenizer: Tokenizer
) -> emotion_text.Texts:
    """What `au.emotion='text'` compares: sentences of moving units and names of emotions.

    Raises:
      ConfigError: the text tower cannot tell emotions of two classes apart.
    """
    style, parts = config.text.style, emotion_rules.emotions(classes, config.au.rules)
    names = [emotion for part in parts for emotion in part]
    texts = emotion_text.Texts(
        np.asarray(_unit_texts(model, tokenizer, style)[:, 0], np.float64),
        np.asarray(_embedded(model, tokenizer, names, style), np.float64),
        np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
    )
    texts.check(names)
    return texts


def _embedded(
    model: MicroAu, tokenizer: Tokenizer, sentences: list[str], style: str
) -> Float[Array, "n e"]:
    """Mean feature of each sentence over all templates."""
    forms = text.TEMPLATES[style]
    prompts = [form.format(words) for words in sentences for form in forms]
    ids = jnp.asarray(text.tokenize(tokenizer, prompts, model.cfg.text.context))
    features = losses.unit(nnx.jit(lambda m, i: m.encode_text(i))(model, ids))
    return features.reshape(len(sentences), len(forms), -1).mean(axis=1)


def _dtype(config: ConfigDict) -> str:
    if config.model.dtype != "auto":
        return config.model.dtype
    return "float32" if jax.default_backend() == "cpu" else "bfloat16"


def _head_layers(config: ConfigDict) -> int:
    return EmotionConfig.layers if config.model.head == "inference" else 0


def _small(config: ConfigDict, classes: tuple[str, ...], seed: int) -> tuple[MerClip, Tokenizer]:
    """The small model with random weights."""
    tokenizer = text.small_tokenizer()
    cfg = MerClipConfig.tiny(len(classes))
    patch = config.model.patch_size or cfg.vision.patch_size
    vision = replace(
        cfg.vision, image_size=config.data.image_size, patch_size=patch, **_run_sizes(config)
    )
    small_text = replace(cfg.text, vocab_size=tokenizer.get_vocab_size(), context=64)
    emotion = replace(cfg.emotion, layers=_head_layers(config))
    cfg = MerClipConfig(vision, small_text, emotion).with_dtype(_dtype(config))
    model = MerClip(cfg, rngs=nnx.Rngs(seed))
    if config.model.motion_start:
        kernel = model.vision.patch_embedding.projection.kernel
        kernel[...] = motion_kernel(patch, vision.width)
    return model, tokenizer


def _run_sizes(config: ConfigDict) -> dict[str, Any]:
    """What a run may choose of a video tower whose parameters are given."""
    return {name: config.model[name] for name in ("drop_path", "global_drop_path", "remat")}


def _saved(config: ConfigDict, directory: Path, classes: tuple[str, ...], seed: int) -> MerClip:
    """The saved model with its own head or a new one."""
    model = MerClip.from_pretrained(directory, _dtype(config), **_run_sizes(config))
    size = model.cfg.vision.image_size
    if size != config.data.image_size:
        raise ConfigError(
            f"model.init_from={directory} was trained at {size} px: set "
            f"data.image_size to that (it is {config.data.image_size})"
        )
    if not config.model.init_head:
        model.start_head(len(classes), _head_layers(config), rngs=nnx.Rngs(seed))
        return model
    found, kind = (
        about(config).get("classes"),
        "inference" if model.cfg.emotion.layers else "linear",
    )
    if (found, kind) != (list(classes), config.model.head):
        raise ConfigError(
            f"model.init_head: the head in {directory} is {kind} and tells {found}, this run "
            f"needs {config.model.head} and {list(classes)}; set model.init_head=False to start a "
            "new one"
        )
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
