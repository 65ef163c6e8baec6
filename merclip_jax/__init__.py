"""Micro-expression recognition with CLIP in JAX."""

from pathlib import Path

__version__ = "0.2.0"

# `merclip_jax.configs` and `merclip_jax.tfds_builders` lie inside the package in a wheel, and
# beside it in the repository, where people look for them.
_beside = Path(__file__).parents[1]
if (_beside / "tfds_builders").is_dir() and (_beside / "configs").is_dir():
    __path__.append(str(_beside))
