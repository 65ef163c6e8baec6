"""Sizes and rates of every part of MER-CLIP, and their JSON form.

A config holds all that is needed to rebuild a model. The compute dtype of each tower is that of the
parameters and inputs when `dtype` is None; "bfloat16" runs its matrix products in bfloat16.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from merclip_jax.errors import ConfigError


def _check_heads(width: int, heads: int, where: str) -> None:
    """Raise ConfigError unless `width` divides into `heads`."""
    if heads < 1 or width % heads:
        raise ConfigError(
            f"{where}: width {width} does not divide into {heads} heads; change one of them"
        )


def _check_activation(activation: str, where: str) -> None:
    """Raise ConfigError unless the activation is computed here."""
    if activation not in ACTIVATIONS:
        raise ConfigError(
            f"{where}: activation {activation!r} is none of those computed here: "
            f"{', '.join(ACTIVATIONS)}"
        )


ACTIVATIONS = ("quick_gelu", "gelu")  # by transformers' names; 1e-2 apart after three layers
MOTION_SIDE = 56  # pixels: side of motion as it is packed, and seen beside frames
INPUTS = ("rgb", "motion", "rgb+motion")  # what the video tower sees


@dataclass(frozen=True)
class VisionConfig:
    """Sizes of the video tower; the defaults are the release's (ViT-B/16, 16 frames of 224 px).

    `input` is 'rgb', 'motion' (pictures of motion in place of frames: `image_size` and `patch_size`
    are theirs) or 'rgb+motion', which adds tokens of motion, on the same grid, to those of the
    frames.
    `frames` is what the model is trained with: no parameter depends on it. `local_width` is the
    number of channels inside the LMHRA (the release: int(width // 1.5)); 0 leaves the LMHRAs out.
    `global_layers` are the blocks followed by a global block. `drop_path` and `global_drop_path`
    are the rates of the last block; they grow linearly from 0. `drop_axis` 'released' drops token
    positions in place of clips, and in global blocks the batch. `norm_clips` clips at a time give
    BatchNorm's statistics in training (the release: 8, those of a GPU); 0: the whole batch.
    `remat` keeps no activations inside blocks for the backward pass and computes them again: less
    memory, a third more time.
    `activation` and `eps` are those of CLIP's blocks and norms. `pixel_mean` and `pixel_std` (of
    red, green and blue in 0..1) are what the weights know frames to be normalised by; None: by
    ImageNet's, as every frame comes here.
    """

    input: str = "rgb"
    frames: int = 16
    image_size: int = 224
    patch_size: int = 16
    temporal_downsample: bool = True
    width: int = 768
    layers: int = 12
    heads: int = 12
    mlp_ratio: float = 4.0
    local_width: int = 512
    global_layers: tuple[int, ...] = tuple(range(4, 12))
    global_heads: int = 12
    global_mlp_ratio: float = 4.0
    global_dropout: float = 0.5
    drop_path: float = 0.0
    global_drop_path: float = 0.0
    drop_axis: str = "clip"
    norm_clips: int = 0
    output_dim: int = 512
    activation: str = "quick_gelu"
    eps: float = 1e-5
    pixel_mean: tuple[float, ...] | None = None
    pixel_std: tuple[float, ...] | None = None
    remat: bool = False
    dtype: str | None = None

    def __post_init__(self) -> None:
        _check_activation(self.activation, "video tower")
        _check_heads(self.width, self.heads, "video tower")
        _check_heads(self.width, self.global_heads, "global blocks")
        if self.image_size % self.patch_size:
            raise ConfigError(
                f"video tower: image_size {self.image_size} is not a multiple of patch_size "
                f"{self.patch_size}"
            )
        if self.input == "rgb+motion" and MOTION_SIDE % self.grid:
            raise ConfigError(
                f"video tower: motion of {MOTION_SIDE} pixels does not divide into the frames' "
                f"grid of {self.grid}; take input 'rgb' or another size of frames"
            )
        if self.input not in INPUTS:
            raise ConfigError(f"video tower: input {self.input!r} is none of {', '.join(INPUTS)}")
        if not set(self.global_layers) <= set(range(self.layers)):
            raise ConfigError(
                f"video tower: global_layers {self.global_layers} must lie in 0..{self.layers - 1}"
            )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "VisionConfig":
        """Rebuild from JSON values, which have lists for tuples."""
        tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**values | tuples)

    @property
    def grid(self) -> int:
        """Patches along one side of a frame."""
        return self.image_size // self.patch_size

    @property
    def motion_patch(self) -> int:
        """Side of a patch of motion beside frames, in pixels of MOTION_SIDE."""
        return MOTION_SIDE // self.grid

    @classmethod
    def b16(cls, **changes: Any) -> "VisionConfig":
        """ViT-B/16, as released."""
        return cls(**changes)

    @classmethod
    def l14(cls, **changes: Any) -> "VisionConfig":
        """ViT-L/14 with global blocks on the last eight layers."""
        large = cls(
            patch_size=14,
            width=1024,
            layers=24,
            heads=16,
            local_width=682,
            global_layers=tuple(range(16, 24)),
            global_heads=16,
            output_dim=768,
        )
        return replace(large, **changes)

    @classmethod
    def tiny(cls, **changes: Any) -> "VisionConfig":
        """A tower for tests and demonstrations."""
        small = cls(
            frames=8,
            image_size=64,
            patch_size=8,
            width=64,
            layers=2,
            heads=2,
            local_width=42,
            global_layers=(0, 1),
            global_heads=2,
            global_dropout=0.1,
            output_dim=64,
        )
        return replace(small, **changes)


@dataclass(frozen=True)
class TextConfig:
    """Sizes of CLIP's text tower; the defaults are those of CLIP ViT-B/16.

    A text's feature is read off at the first `end_token`; None: at its highest id.
    """

    vocab_size: int = 49408
    context: int = 77
    width: int = 512
    layers: int = 12
    heads: int = 8
    mlp_ratio: float = 4.0
    output_dim: int = 512
    activation: str = "quick_gelu"
    eps: float = 1e-5
    end_token: int | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        _check_activation(self.activation, "text tower")
        _check_heads(self.width, self.heads, "text tower")

    @classmethod
    def b16(cls, **changes: Any) -> "TextConfig":
        """The text tower beside ViT-B/16."""
        return cls(**changes)

    @classmethod
    def l14(cls, **changes: Any) -> "TextConfig":
        """The text tower beside ViT-L/14."""
        return replace(cls(width=768, heads=12, output_dim=768), **changes)

    @classmethod
    def tiny(cls, **changes: Any) -> "TextConfig":
        """A text tower for tests and demonstrations."""
        small = cls(vocab_size=512, context=32, width=64, layers=2, heads=2, output_dim=64)
        return replace(small, **changes)


@dataclass(frozen=True)
class EmotionConfig:
    """Sizes of the Emotion Inference Module; its width is the towers' output_dim.

    Without `layers` it is a linear classifier of the video token. `dropout` acts on each block's
    token before the classifier.
    """

    classes: int = 7
    layers: int = 2
    heads: int = 4
    mlp_ratio: float = 4.0
    dropout: float = 0.1
    dtype: str | None = None


@dataclass(frozen=True)
class MerClipConfig:
    """The whole model: two towers that share an output space, and the emotion head."""

    vision: VisionConfig = field(default_factory=VisionConfig)
    text: TextConfig = field(default_factory=TextConfig)
    emotion: EmotionConfig = field(default_factory=EmotionConfig)

    def __post_init__(self) -> None:
        if self.vision.output_dim != self.text.output_dim:
            raise ConfigError(
                f"the video tower's output_dim {self.vision.output_dim} and the text tower's "
                f"{self.text.output_dim} must be equal"
            )
        _check_heads(self.vision.output_dim, self.emotion.heads, "emotion head")

    @classmethod
    def b16(cls, classes: int = 7) -> "MerClipConfig":
        """The released model: 233,384,968 parameters with 7 classes."""
        return cls(VisionConfig.b16(), TextConfig.b16(), EmotionConfig(classes))

    @classmethod
    def l14(cls, classes: int = 7) -> "MerClipConfig":
        """The larger CLIP."""
        return cls(VisionConfig.l14(), TextConfig.l14(), EmotionConfig(classes))

    @classmethod
    def tiny(cls, classes: int = 3) -> "MerClipConfig":
        """A model for tests and demonstrations."""
        return cls(VisionConfig.tiny(), TextConfig.tiny(), EmotionConfig(classes, heads=2))

    def with_dtype(self, dtype: str | None) -> "MerClipConfig":
        """The same sizes with one compute dtype for every part."""
        return MerClipConfig(
            replace(self.vision, dtype=dtype),
            replace(self.text, dtype=dtype),
            replace(self.emotion, dtype=dtype),
        )

    def to_json(self) -> dict[str, Any]:
        """A dict that `json` can write."""
        return {"model_type": "merclip", **asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "MerClipConfig":
        """Rebuild from `to_json`'s dict.

        Raises:
          ConfigError: a part or a field is missing, unknown or impossible.
        """
        try:
            return cls(
                VisionConfig.from_json(values["vision"]),
                TextConfig(**values["text"]),
                EmotionConfig(**values["emotion"]),
            )
        except (KeyError, TypeError) as error:
            raise ConfigError(f"a field is missing or unknown: {error}") from error
