"""What a video tower sees: frames, pictures of their motion, or both."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from merclip_jax.towers.config import VisionConfig

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, by which frames come


class Both(NamedTuple):
    """Frames and pictures of motion of the same instants, for a tower that sees both."""

    frames: Float[Array, "*b t h w 3"]
    motion: Float[Array, "*b t m m 3"]


ModelInput = Float[Array, "*b t h w 3"] | Both


@dataclass(frozen=True)
class Normalisation:
    """From frames normalised by ImageNet's mean and deviation to those that weights know."""

    scale: tuple[float, ...]
    shift: tuple[float, ...]

    @classmethod
    def of(cls, cfg: VisionConfig) -> "Normalisation | None":
        """That of a tower's config; None where it knows ImageNet's."""
        if cfg.pixel_mean is None or cfg.pixel_std is None:
            return None
        mean, std = np.asarray(cfg.pixel_mean), np.asarray(cfg.pixel_std)
        return cls(tuple(STD / std), tuple((MEAN - mean) / std))

    def __call__(self, frames: Float[Array, "*b t h w 3"]) -> Float[Array, "*b t h w 3"]:
        """The same frames in the other terms."""
        scale, shift = (np.asarray(one, frames.dtype) for one in (self.scale, self.shift))
        return frames * scale + shift
