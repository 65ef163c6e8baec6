"""What a video tower sees: frames, pictures of their motion, or both."""

from typing import NamedTuple

from jaxtyping import Array, Float


class Both(NamedTuple):
    """Frames and pictures of motion of the same instants, for a tower that sees both."""

    frames: Float[Array, "*b t h w 3"]
    motion: Float[Array, "*b t m m 3"]


ModelInput = Float[Array, "*b t h w 3"] | Both
