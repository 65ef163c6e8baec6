"""The Micro-AU CLIP that a run starts from: a model's towers, and the texts of its units."""

from pathlib import Path
from typing import Literal, cast

import numpy as np
from flax import nnx
from jaxtyping import Array, Float
from ml_collections import ConfigDict
from tokenizers import Tokenizer

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.facs import emotion_rules, notation, regions
from merclip_jax.facs import labels as au_labels
from merclip_jax.merclip import start
from merclip_jax.merclip.sentences import embedded
from merclip_jax.micro_au import emotion_text
from merclip_jax.micro_au.model import MicroAu, MicroAuConfig


def build(config: ConfigDict, classes: tuple[str, ...], seed: int) -> tuple[MicroAu, Tokenizer]:
    """Micro-AU CLIP over the towers of a model, and their tokenizer.

    Raises:
      ConfigError: as `merclip.start.build`.
    """
    towers, tokenizer = start.build(config, classes, seed)
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
    return model, tokenizer


def check(config: ConfigDict, classes: tuple[str, ...]) -> None:
    """Refuse what `build` cannot start from, before any data is read.

    Raises:
      ConfigError: as `merclip.start.check_weights`; or units without a name or words, or rules
        that cannot be read or say nothing of a class.
    """
    start.check_weights(config)
    try:
        units = au_labels.units(config.au.units, config.au.sides)
        for unit in units:
            notation.moving_and_still(unit, config.text.style)
    except DataError as error:
        raise ConfigError(f"--config.au.units={tuple(config.au.units)}: {error}") from error
    if classes and config.au.emotion == "rules":
        emotion_rules.read(classes, units, config.au.rules)


def load(directory: Path) -> MicroAu:
    """A saved model to read videos with."""
    return MicroAu.from_pretrained(directory)


def _unit_texts(model: MicroAu, tokenizer: Tokenizer, style: str) -> Float[Array, "k 2 e"]:
    """Mean text feature of each unit moving and of it staying still, over all templates."""
    wording = cast(Literal["released", "ours"], style)
    phrases = [
        words for unit in model.cfg.units for words in notation.moving_and_still(unit, wording)
    ]
    return embedded(model, tokenizer, phrases, style).reshape(len(model.cfg.units), 2, -1)


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
        np.asarray(embedded(model, tokenizer, names, style), np.float64),
        np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
    )
    texts.check(names)
    return texts
