"""MER-CLIP in Flax NNX: configs, the model, and foreign weights."""

from merclip_jax.models.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig
from merclip_jax.models.merclip import MerClip, Output

__all__ = ["EmotionConfig", "MerClip", "MerClipConfig", "Output", "TextConfig", "VisionConfig"]
