"""Micro-expression recognition with CLIP in JAX.

`load` opens a trained model, `data.from_csv` your own labelled clips. Nothing heavy is imported
before one of them is asked for.
"""

import importlib
import os
from pathlib import Path
from typing import Any

__version__ = "0.2.0"

# `merclip_jax.configs` and `merclip_jax.tfds_builders` lie inside the package in a wheel, and
# beside it in the repository, where people look for them.
_beside = Path(__file__).parents[1]
if (_beside / "tfds_builders").is_dir() and (_beside / "configs").is_dir():
    __path__.append(str(_beside))


def load(model: str | os.PathLike, *, crop: str = "auto", batch_size: int = 8) -> Any:
    """Open a trained model of either system: a `models.pretrained.Pretrained`.

    Args:
      model: its folder, or an id of the Hugging Face hub.
      crop: how pictures are cut: 'auto' as the model was trained, where faces of new videos are
        put upright in the middle; 'aligned' always so; 'owner' for pictures cut to the face
        already; 'none' keeps whole pictures.
      batch_size: clips or windows that are read at once.

    Raises:
      ConfigError: no such model, or one that reads no clips, such as a baseline.
      DataError: its weights are damaged.

    >>> import numpy as np
    >>> model = load("assets/demo_model", crop="owner")
    >>> model.classes
    ('negative', 'positive', 'surprise')
    >>> frames = np.random.default_rng(0).integers(0, 256, (12, 90, 80, 3), np.uint8)
    >>> texts = ["raising the inner part of the brows", "lowering the brows"]
    >>> model.embed(frames).shape, model.embed_text(texts).shape
    ((1, 64), (2, 64))
    >>> model.similarity(np.stack([frames, frames]), texts).shape
    (2, 2)
    >>> list(model.predict(frames))[:4]
    ['emotion', 'p_negative', 'p_positive', 'p_surprise']
    """
    pretrained = importlib.import_module("merclip_jax.models.pretrained")  # it imports this module
    return pretrained.Pretrained(model, crop, batch_size)


def __getattr__(name: str) -> Any:
    """The rooms `data` and `models`, imported when they are first asked for."""
    if name in ("data", "models"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
