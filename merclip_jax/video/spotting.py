"""Events in a long video: where something moved that looks like a micro-expression."""

from merclip_jax.video.motion import motion_energy

__all__ = ["motion_energy"]
