"""The Micro-AU CLIP that a run starts from: a model's towers, and the texts of its units."""

from pathlib import Path
from typing import Literal, cast

import numpy as np
from flax import nnx
from jaxtyping import Array, Float
from ml_collections import ConfigDict
from tokenizers import Tokenizer

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.facs import emotion_rules, regions, wording
from merclip_jax.facs import labels as au_labels
from merclip_jax.merclip import start
from merclip_jax.merclip.model import MerClip
from merclip_jax.merclip.sentences import embedded
from merclip_jax.micro_au import emotion_text
from merclip_jax.micro_au.model import MicroAu, MicroAuConfig
from merclip_jax.towers import files


def build(config: ConfigDict, classes: tuple[str, ...], seed: int) -> tuple[MicroAu, Tokenizer]:
    """Micro-AU CLIP and the tokenizer of its text tower.

    From an exported Micro-AU CLIP of the same units all of it is taken, its attentions too; from
    other weights the towers.

    Raises:
      ConfigError: as `merclip.start.build`.
    """
    if _is_micro_au(config):
        directory = files.locate(config.model.init_from)
        sizes = start.run_sizes(config)
        model = MicroAu.from_pretrained(directory, start.dtype(config), **sizes)
        return model, files.tokenizer(directory)
    towers, tokenizer = start.build(config, classes, seed)
    model = MicroAu.over(towers, _sizes(config, towers), rngs=nnx.Rngs(seed))
    if config.au.text:
        model.texts[...] = _unit_texts(model, tokenizer, config.text.style)
    return model, tokenizer


def _is_micro_au(config: ConfigDict) -> bool:
    saved = config.model.init_from
    return bool(saved) and files.config(files.locate(saved)).get("model_type") == "micro_au"


def _sizes(config: ConfigDict, towers: MerClip) -> MicroAuConfig:
    settings = config.au
    frame = regions.Frame.of_crop(config.data.crop, settings.eye_distance, settings.eye_height)
    return MicroAuConfig(
        towers.cfg.vision,
        towers.cfg.text,
        au_labels.units(settings.units, settings.sides),
        heads=settings.heads,
        eye_distance=frame.eye_distance,
        eye_height=frame.eye_height,
        local=settings.regions,
        dependency=settings.dependency,
        aligned=settings.text,
    )


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
            wording.moving_and_still(unit, config.text.style)
    except DataError as error:
        raise ConfigError(f"--config.au.units={tuple(config.au.units)}: {error}") from error
    if _is_micro_au(config):
        saved = config.model.init_from
        saved_units = files.config(files.locate(saved)).get("units", [])
        if saved_units != list(units):
            raise ConfigError(
                f"--config.model.init_from={saved} finds the units {', '.join(saved_units)}, "
                f"this run {', '.join(units)}: set --config.au.units to the same"
            )
    if classes and config.au.emotion == "rules":
        emotion_rules.read(classes, units, config.au.rules)


def load(directory: Path) -> MicroAu:
    """A saved model to read videos with."""
    return MicroAu.from_pretrained(directory)


def _unit_texts(model: MicroAu, tokenizer: Tokenizer, style: str) -> Float[Array, "k 2 e"]:
    """Mean text feature of each unit moving and of it staying still, over all templates."""
    chosen = cast(Literal["released", "ours"], style)
    phrases = [
        words for unit in model.cfg.units for words in wording.moving_and_still(unit, chosen)
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
