"""What a model's folder says of the model, and what is taken where it is silent.

config.json says which system it is, merclip.json what else is to be known: classes, sentences, crop
and calibration. Every default that stands in for something unsaid is told in words.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from jaxtyping import Float

from merclip_jax import systems
from merclip_jax.data import motion
from merclip_jax.errors import ConfigError
from merclip_jax.faces import crops, face
from merclip_jax.facs import notation, phrases, wording
from merclip_jax.merclip import sentences as text
from merclip_jax.towers import files

UNKNOWN_RATE = 0.2  # misses and false alarms of a model that does not say its own
BARE_HEAD = 51  # from this number on, units are movements of head and eyes

NOT_CALIBRATED = (
    "Not calibrated: nothing is known of how often the model is right at a given score, so its "
    "scores rank windows and are no chances."
)
NO_CROP = (
    "The model does not say how its training pictures were cropped; faces are aligned upright, "
    "which may differ from what it was trained on."
)
OWNER_CROP = (
    "The model was trained on faces as its corpus's owner cropped them; in a new video faces are "
    "aligned upright, {}. For frames of that corpus itself give --crop=owner."
)
SAME_SIZE = "as large as they are in its training pictures"
OTHER_SIZE = "of a size that may differ from theirs, and scores may be worse for it"
NO_SENTENCES = (
    "The model does not say which sentences it was trained on; those offered name one action unit "
    "each."
)
NO_RATES = (
    "The model does not say how often it errs on each action unit; 20 % misses and 20 % false "
    "alarms are taken for the step from action units to emotions."
)
OTHER_RULES = (
    "The model's own run went from action units to emotions another way (au.emotion or au.rules); "
    "here the default rules are used."
)
SYNTHETIC = (
    "The model was trained on drawn faces alone. What it says of a real face shows that the system "
    "runs, and nothing about the person."
)


@dataclass(frozen=True)
class ModelInfo:
    """What is to be known of a model.

    Attributes:
      system: its name in `systems.SYSTEMS`.
      title: the same for people.
      classes: emotions; may be empty where there are units.
      units: action units; none where the model names emotions alone.
      sentences: those a window is compared with; none where there are units.
      style: their wording.
      count: frames of a window.
      temporal: which these are, as in training.
      input: what it sees, one of `towers.config.INPUTS`.
      size: side of a frame in pixels, also where it sees motion alone.
      crop: how pictures are cut, one of `crops.WAYS`.
      margin: free border around an aligned face, see `face.alignment`.
      calibrated: whether probabilities were fitted on people whom training left out.
      temperature: what logits are divided by.
      threshold: of the units' logits, before that.
      rates: how often each unit is said when it is still, and when it moved.
      notices: what the user must know, in words.
    """

    system: str
    title: str
    classes: tuple[str, ...]
    units: tuple[str, ...]
    sentences: tuple[str, ...]
    style: Literal["released", "ours"]
    count: int
    temporal: Literal["uniform", "ends", "first", "apex"]
    input: str
    size: int
    crop: str
    margin: float
    calibrated: bool
    temperature: float
    threshold: Float[np.ndarray, " u"]
    rates: Float[np.ndarray, "2 u"]
    notices: tuple[str, ...]


def read(directory: Path, crop: str = "auto") -> ModelInfo:
    """Ask a model's folder.

    Args:
      directory: it holds config.json and, if all is well, merclip.json.
      crop: one of `crops.WAYS` in place of what the model asks for, or 'auto'.

    Raises:
      ConfigError: no such folder, a model that tells neither emotions nor action units, or files
        that contradict each other.
    """
    values = files.config(directory)
    system = systems.of_folder(directory)
    notices: list[str] = []
    meta = _meta(directory, notices)
    units = tuple(values.get("units", ()))
    style = meta.get("config", {}).get("text", {}).get("style", "ours")
    style = cast(Literal["released", "ours"], style if style in text.TEMPLATES else "ours")
    calibration = meta.get("calibration") or {}
    if not calibration:
        notices.append(NOT_CALIBRATED)
    if units and "rates" not in meta:
        notices.append(NO_RATES)
    settings = meta.get("config", {}).get("au", {})
    if units and (settings.get("emotion", "rules") != "rules" or settings.get("rules")):
        notices.append(OTHER_RULES)
    guess = np.repeat([[UNKNOWN_RATE], [1 - UNKNOWN_RATE]], len(units), axis=1)
    kind = values.get("vision", {}).get("input", "rgb")
    try:
        return ModelInfo(
            system=values["model_type"],
            title=system.title,
            classes=tuple(meta.get("classes", ())) if units else _classes(meta, values, notices),
            units=units,
            sentences=() if units else _sentences(meta, style, notices),
            style=style,
            count=values["vision"]["frames"],
            temporal=meta.get("config", {}).get("data", {}).get("temporal", "uniform"),
            input=kind,
            size=motion.WORKING if kind == "motion" else values["vision"]["image_size"],
            crop=_crop(meta, crop, notices),
            margin=float(meta.get("margin", face.MARGIN)),
            calibrated=bool(calibration),
            temperature=float(calibration.get("temperature", 1.0)),
            threshold=np.array(calibration.get("threshold", np.zeros(len(units))), np.float64),
            rates=np.array(meta.get("rates", guess), np.float64),
            notices=tuple(notices),
        )
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"{directory / 'config.json'}: {error!r}; copy the model again"
        ) from error


def _meta(directory: Path, notices: list[str]) -> dict[str, Any]:
    """What merclip.json says."""
    file = directory / "merclip.json"
    if not file.is_file():
        notices.append(f"{directory} has no merclip.json, so little is known of the model.")
        return {}
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file}: {error}; copy the model again") from error
    if all(name.startswith("synthetic") for name in str(meta.get("dataset", "")).split("+")):
        notices.append(SYNTHETIC)
    return meta


def _classes(
    meta: Mapping[str, Any], values: Mapping[str, Any], notices: list[str]
) -> tuple[str, ...]:
    count, names = values["emotion"]["classes"], meta.get("classes")
    if names is None:
        notices.append(
            f"The model does not name its {count} classes; they are numbered. If it was never "
            "trained on emotions, its answers are random."
        )
        return tuple(f"class {number}" for number in range(1, count + 1))
    if len(names) != count:
        raise ConfigError(
            f"merclip.json names {len(names)} classes ({', '.join(names)}), config.json says "
            f"{count}; correct 'classes' in merclip.json"
        )
    return tuple(names)


def _sentences(
    meta: Mapping[str, Any], style: Literal["released", "ours"], notices: list[str]
) -> tuple[str, ...]:
    """Those that training knew, else one for each action unit of the face."""
    if meta.get("sentences"):
        return tuple(meta["sentences"])
    notices.append(NO_SENTENCES)
    numbers = (number for number in phrases.NAMES if number < BARE_HEAD)
    single = (wording.sentence(notation.parse(str(number)), style) for number in numbers)
    return tuple(dict.fromkeys(filter(None, single)))


def _crop(meta: Mapping[str, Any], asked: str, notices: list[str]) -> str:
    """How a new video's pictures are cut."""
    if asked != "auto":
        return asked
    trained_crop = meta.get("crop")
    if trained_crop not in crops.WAYS:
        notices.append(NO_CROP)
    elif trained_crop == "owner":
        notices.append(OWNER_CROP.format(SAME_SIZE if "margin" in meta else OTHER_SIZE))
    return "none" if trained_crop == "none" else "aligned"
