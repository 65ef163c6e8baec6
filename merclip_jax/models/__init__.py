"""The models by the names that users import: MerClip, MicroAu, weights."""

from merclip_jax.merclip import weights
from merclip_jax.merclip.model import MerClip
from merclip_jax.micro_au.model import MicroAu

__all__ = ["MerClip", "MicroAu", "weights"]
