"""What a checkpoint's own config says of its towers: all that leaves no trace in its tensors.

transformers' config.json is read by `transformers`, which knows the defaults of what a file leaves
out, and open_clip's open_clip_config.json by hand. Both count wherever the weights are named, as a
folder, a file in it or a hub id.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from merclip_jax.errors import ConfigError
from merclip_jax.merclip import torch_keys
from merclip_jax.towers import files
from merclip_jax.towers.checkpoint import Checkpoint

Colours = tuple[float, ...]
TRANSFORMERS = "config.json"
LEGACY_END = 2  # transformers' rule: configs with it were wrong, and the highest id is the end
# What of open_clip's config is read here or has no effect on a trained model's values.
PLAIN = {
    *("image_size", "patch_size", "width", "layers", "head_width", "heads", "mlp_ratio"),
    *("context_length", "vocab_size", "norm_kwargs", "patch_dropout", "output_tokens", "pad_id"),
    *("hf_tokenizer_name", "tokenizer_kwargs", "quick_gelu"),
}
DEFAULTS = {"pool_type": ("tok", "argmax"), "pos_embed_type": ("learnable",)}


@dataclass(frozen=True)
class Tower:
    """Of one tower; None where nothing says it."""

    heads: int | None = None
    activation: str = "quick_gelu"
    eps: float = 1e-5


@dataclass(frozen=True)
class Described:
    """Of a whole checkpoint.

    Attributes:
      about: what the weights are, in words, as far as their files tell.
      end_token: where texts are read off; None: at the highest id.
      colours: mean and deviation that pictures are normalised by; None: ImageNet's.
      picture: side of the pictures in pixels, where the preprocessing tells it.
    """

    about: str
    vision: Tower = Tower()
    text: Tower = Tower()
    end_token: int | None = None
    colours: tuple[Colours, Colours] | None = None
    picture: int | None = None


def describe(
    weights: Checkpoint, kind: torch_keys.Source, activation: str | None = None
) -> Described:
    """What is known of a checkpoint beside its tensors.

    Args:
      weights: the checkpoint.
      kind: what it was recognised as.
      activation: said by the user; it counts before the config's.

    Raises:
      ConfigError: a config of another kind of model, a damaged one, or none where one is needed.
    """
    described = _told(weights, kind, activation)
    if activation:
        vision, text = (
            replace(tower, activation=activation) for tower in (described.vision, described.text)
        )
        described = replace(described, vision=vision, text=text)
    return described


def _told(weights: Checkpoint, kind: torch_keys.Source, activation: str | None) -> Described:
    if kind.activation:
        tower = Tower(activation=kind.activation)
        return Described(f"{kind.name}, trained on {kind.seen}", tower, tower)
    folder = weights.path.parent
    if kind is torch_keys.HUGGING_FACE and (folder / TRANSFORMERS).is_file():
        return _transformers(folder / TRANSFORMERS)
    if kind is torch_keys.OPENAI and (folder / files.OPEN_CLIP).is_file():
        return _open_clip(folder / files.OPEN_CLIP)
    if weights.scripted or "input_resolution" in weights.tensors:  # OpenAI alone publishes these
        return Described(f"OpenAI's own CLIP, trained on 400 million {kind.seen}")
    if activation:
        return Described(f"{kind.name}, with no config; trained on {kind.seen}")
    config_file = files.OPEN_CLIP if kind is torch_keys.OPENAI else TRANSFORMERS
    raise ConfigError(
        f"{weights.path}: nothing says whether its MLPs compute gelu or quick_gelu, which are 1e-2 "
        f"apart: put its {config_file} beside it, or say --activation=gelu or "
        "--activation=quick_gelu"
    )


def _transformers(file: Path) -> Described:
    values = files.json_object(file)
    kind = values.get("model_type") or ("clip" if "vision_config" in values else None)
    if values.get("auto_map") or kind not in ("clip", "clip_vision_model", "clip_text_model"):
        named = ", ".join(values.get("architectures") or ["unnamed"])
        raise ConfigError(f"{file}: a model of type {kind!r} ({named}), which is no plain CLIP")
    lone = {} if kind == "clip" else {f"{kind.split('_')[1]}_config": values}
    try:
        both = files.transformers().CLIPConfig(**(lone or values))
        vision, text = both.vision_config, both.text_config
    except Exception as error:  # its checks raise kinds of their own
        raise ConfigError(f"{file}: {error}") from error
    end = text.eos_token_id
    if not isinstance(end, int):
        raise ConfigError(f"{file}: eos_token_id={end!r}; one end of text is needed")
    named = ", ".join(values.get("architectures") or ["CLIP"])
    of = vision if kind != "clip_text_model" else text
    layout = torch_keys.HUGGING_FACE.name
    about = f"{layout} ({named}, {of.hidden_act}), trained on {torch_keys.WEB}"
    return Described(
        about,
        _tower(vision),
        _tower(text),
        None if end == LEGACY_END else end,
        *_preprocessing(file.parent),
    )


def _tower(config: Any) -> Tower:
    return Tower(config.num_attention_heads, config.hidden_act, config.layer_norm_eps)


def _preprocessing(folder: Path) -> tuple[tuple[Colours, Colours] | None, int | None]:
    """Mean and deviation, and the side of pictures, where transformers' files say them."""
    file = folder / "preprocessor_config.json"
    if not file.is_file():
        return None, None
    values = files.json_object(file)
    crop = values.get("crop_size") if values.get("do_center_crop", True) else values.get("size")
    side = crop.get("height") if isinstance(crop, dict) else crop
    if not math.isclose(values.get("rescale_factor", 1 / 255), 1 / 255, rel_tol=1e-3):
        raise ConfigError(f"{file}: rescale_factor={values['rescale_factor']}; only 1/255 is known")
    if not values.get("do_normalize", True):
        return ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), side
    return _colours(file, values.get("image_mean"), values.get("image_std")), side


def _colours(file: Path, mean: Any, std: Any) -> tuple[Colours, Colours] | None:
    if mean is None or std is None:
        return None
    try:
        colours = tuple(map(float, mean)), tuple(map(float, std))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{file}: mean {mean!r}, deviation {std!r}: {error}") from error
    if {len(part) for part in colours} != {3} or min(colours[1]) <= 0:
        raise ConfigError(f"{file}: mean {mean!r}, deviation {std!r}: three of each are needed")
    return colours


def _open_clip(file: Path) -> Described:
    values = files.json_object(file)
    try:
        model = values.get("model_cfg", values)
        vision, text = model["vision_cfg"], model["text_cfg"]
        for part, settings in (("vision_cfg", vision), ("text_cfg", text)):
            _plain(file, part, settings)
        activation = "quick_gelu" if model.get("quick_gelu") else "gelu"
        heads = vision["width"] // vision.get("head_width", 64)
        eps = [part.get("norm_kwargs", {}).get("eps", 1e-5) for part in (vision, text)]
        preprocess = values.get("preprocess_cfg", {})
        return Described(
            f"open_clip's, {activation}, trained on {torch_keys.WEB}",
            Tower(heads, activation, eps[0]),
            Tower(text.get("heads", 8), activation, eps[1]),
            colours=_colours(file, preprocess.get("mean"), preprocess.get("std")),
        )
    except (KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise ConfigError(f"{file}: no config of a plain CLIP in open_clip: {error}") from error


def _plain(file: Path, part: str, settings: dict[str, Any]) -> None:
    """Refuse settings that change what is computed."""
    for name, value in settings.items():
        usual: tuple[Any, ...] = DEFAULTS.get(name, (None, False, 0, "linear", {}))
        if name not in PLAIN and value not in usual:
            raise ConfigError(f"{file}: {part}.{name}={value!r} is no plain CLIP's")
