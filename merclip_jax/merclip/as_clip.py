"""A model whose towers are CLIP's, in transformers' layout: both libraries load the same folder.

Without adapters the video tower is CLIP's image tower on single time steps, as long as its first
layer sees one frame at a time and nothing has been added to the class token. Then the folder's
config.json is a CLIP's with our sizes inside, the towers' tensors have transformers' names, and
what CLIP has no place for keeps ours, which transformers passes over.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from merclip_jax.merclip import torch_keys
from merclip_jax.towers import files, inputs
from merclip_jax.towers.config import MerClipConfig, TextConfig, VisionConfig

Arrays = Mapping[str, np.ndarray]
KERNEL = "vision.patch_embedding.projection.kernel"
THEIRS = ("vision_model.", "text_model.", "visual_projection.", "text_projection.")
NAMES = {
    "vision.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "vision.class_embedding": "vision_model.embeddings.class_embedding",
    "text.positional_embedding": "text_model.embeddings.position_embedding.weight",
    "text.token_embedding": "text_model.embeddings.token_embedding.weight",
    "vision.ln_pre.": "vision_model.pre_layrnorm.",  # their spelling
    "vision.norm.": "vision_model.post_layernorm.",
    "text.ln_final.": "text_model.final_layer_norm.",
    "vision.blocks.": "vision_model.encoder.layers.",
    "text.blocks.": "text_model.encoder.layers.",
    ".ln_1.": ".layer_norm1.",
    ".ln_2.": ".layer_norm2.",
    ".mlp.c_fc.": ".mlp.fc1.",
    ".mlp.c_proj.": ".mlp.fc2.",
    ".attn.": ".self_attn.",
    ".out.": ".out_proj.",
    ".scale": ".weight",
    ".kernel": ".weight",
}
OURS = ("vision.ln_post.", "vision.token_proj.", "vision.ln_tokens.", "emotion.", "logit_scale")


def is_clip(cfg: MerClipConfig, arrays: Arrays) -> bool:
    """Whether the towers compute what CLIP's do, up to the LayerNorm's eps."""
    vision = cfg.vision
    if vision.local_width or vision.global_layers or vision.input != "rgb":
        return False
    empty = (arrays["vision.video_embedding"], arrays["vision.balance"], *_beside(cfg, arrays))
    return not any(part.any() for part in empty)


def _beside(cfg: MerClipConfig, arrays: Arrays) -> tuple[np.ndarray, ...]:
    """Parts of the first layer that see the frames before and after."""
    if not cfg.vision.temporal_downsample:
        return ()
    before, _, after = np.split(arrays[KERNEL], 3)
    return before, after


def tensors(cfg: MerClipConfig, arrays: Arrays) -> dict[str, np.ndarray]:
    """The towers' tensors by transformers' names, the head's by ours."""
    placed = {name: array for name, array in arrays.items() if name.startswith(OURS)}
    side, width = cfg.vision.patch_size, cfg.vision.width
    kernel = np.split(arrays[KERNEL], 3)[1] if cfg.vision.temporal_downsample else arrays[KERNEL]
    placed["vision_model.embeddings.patch_embedding.weight"] = kernel.reshape(
        side, side, 3, width
    ).transpose(3, 2, 0, 1)
    placed["visual_projection.weight"] = arrays["vision.proj"].T
    placed["text_projection.weight"] = arrays["text.text_projection"].T
    left_out = (*OURS, KERNEL, "vision.proj", "vision.video_embedding", "vision.balance")
    for name, array in arrays.items():
        if name.startswith(left_out) or name == "text.text_projection":
            continue
        turned = array.T if name.endswith(".kernel") else array
        theirs = name
        for mine, other in NAMES.items():
            theirs = theirs.replace(mine, other)
        if ".qkv." in theirs:
            thirds = zip("qkv", np.split(turned, 3), strict=True)
            placed |= {theirs.replace(".qkv.", f".{letter}_proj."): one for letter, one in thirds}
        else:
            placed[theirs] = turned
    return {
        name: np.ascontiguousarray(array) if array.ndim else array for name, array in placed.items()
    }


def arrays(cfg: MerClipConfig, weights: Arrays) -> Arrays:
    """The way back: our arrays of a saved folder, in whichever layout it is."""
    theirs = {name: tensor for name, tensor in weights.items() if name.startswith(THEIRS)}
    if not theirs:
        return weights
    placed, _ = torch_keys.translate(theirs, torch_keys.HUGGING_FACE)
    if cfg.vision.temporal_downsample:
        kernel = placed[KERNEL]
        placed[KERNEL] = np.concatenate([0 * kernel, kernel, 0 * kernel])
    empty = np.zeros(cfg.vision.width, np.float32)
    own = {name: tensor for name, tensor in weights.items() if name not in theirs}
    return placed | own | {"vision.video_embedding": empty, "vision.balance": empty}


def config_files(cfg: MerClipConfig) -> dict[str, dict[str, Any]]:
    """config.json and preprocessor_config.json as transformers reads them."""
    vision, side = cfg.vision, cfg.vision.image_size
    values = {
        "model_type": "clip",
        "architectures": ["CLIPModel"],
        "projection_dim": vision.output_dim,
        "text_config": _sizes(cfg.text)
        | {
            "vocab_size": cfg.text.vocab_size,
            "max_position_embeddings": cfg.text.context,
            "eos_token_id": 2 if cfg.text.end_token is None else cfg.text.end_token,
        },
        "vision_config": _sizes(vision) | {"image_size": side, "patch_size": vision.patch_size},
        files.OURS: cfg.to_json(),
    }
    pictures = {
        "image_processor_type": "CLIPImageProcessor",
        "image_mean": list(vision.pixel_mean or inputs.MEAN),
        "image_std": list(vision.pixel_std or inputs.STD),
        "crop_size": {"height": side, "width": side},
        "size": {"shortest_edge": side},
    }
    return {"config.json": values, "preprocessor_config.json": pictures}


def _sizes(tower: TextConfig | VisionConfig) -> dict[str, Any]:
    return {
        "hidden_size": tower.width,
        "intermediate_size": int(tower.width * tower.mlp_ratio),
        "num_hidden_layers": tower.layers,
        "num_attention_heads": tower.heads,
        "hidden_act": tower.activation,
        "layer_norm_eps": tower.eps,
        "projection_dim": tower.output_dim,
    }
