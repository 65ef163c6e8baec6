"""The kinds of checkpoints that can be read, and their names as ours.

Sources: the state_dicts of CLIP as transformers, OpenAI and open_clip publish it, of ViCLIP, of
UniFormerV2, and of the public MER-CLIP release @31037e9.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from merclip_jax.errors import ConfigError
from merclip_jax.merclip.layouts import (
    Row,
    affine,
    flat,
    linear,
    same,
    text,
    their_block,
    tower,
    tubelet,
    video,
)

Tensors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Source:
    """One kind of checkpoint.

    Attributes:
      name: what errors call it.
      mark: a name (regex) that only this kind has.
      seen: what it was trained on, as far as its kind tells.
      rows: a name that no row matches is an error, unless it is unused.
      unused: names (regex) of tensors that MER-CLIP has no place for.
      lacks: our modules (regex) that such a checkpoint may have nothing of; they start anew.
      activation: of its MLPs, where all of its kind have the same.
    """

    name: str
    mark: str
    seen: str
    rows: tuple[Row, ...]
    unused: str = ""
    lacks: str = ""
    activation: str | None = None


_HEAD = r"cls_head\.blocks\.(\d+)"
# A fixed momentum needs no step counter, so BatchNorm's is not kept.
_COUNTERS = r".*\.num_batches_tracked"
_LOCAL = r"vision\.blocks\.\d+\.lmhra[12]"
_GLOBAL = r"vision\.(?:global_blocks|video_embedding|balance)"
_PROJECTIONS = r"vision\.proj|text\.text_projection"
_ENDS = r"vision\.(?:ln_post|token_proj|ln_tokens)|emotion|logit_scale"

OFFICIAL = Source(
    "an official MER-CLIP checkpoint",
    r"vision_encoder\.to_cls_decoder\.weight",
    "DFME, and the corpus it was fine-tuned on, if any",
    (
        ("logit_scale", "logit_scale", same),
        *video(r"vision_encoder\."),
        *affine(r"vision_encoder\.ln_post1", "vision.ln_post", same),
        (r"vision_encoder\.to_cls_decoder\.weight", "vision.token_proj.kernel", linear),
        *affine(r"vision_encoder\.ln_final", "vision.ln_tokens", same),
        *text(r"text_encoder\."),
        *affine(rf"{_HEAD}\.norm", r"emotion.blocks.\1.ln_1", same),
        *affine(rf"{_HEAD}\.norm_ffn", r"emotion.blocks.\1.ln_2", same),
        *affine(rf"{_HEAD}\.attn\.to_qkv", r"emotion.blocks.\1.attn.qkv", linear),
        *affine(rf"{_HEAD}\.attn\.proj", r"emotion.blocks.\1.attn.out", linear),
        *affine(rf"{_HEAD}\.ffn\.net\.0", r"emotion.blocks.\1.mlp.c_fc", linear),
        *affine(rf"{_HEAD}\.ffn\.net\.3", r"emotion.blocks.\1.mlp.c_proj", linear),
        *affine(r"cls_head\.norm", "emotion.norm", same),
        *affine(r"cls_head\.fc_cls", "emotion.fc", linear),
    ),
    unused=_COUNTERS,
    activation="quick_gelu",
)
# Kinetics towers have no local blocks, and some keep single frames: what is absent starts anew.
# mmaction2 calls the last norm `norm`; UniFormerV2's own code keeps it in front of its classifier.
UNIFORMERV2 = Source(
    "a UniFormerV2 checkpoint",
    r"(?:backbone\.)?transformer\.temporal_cls_token",
    "Kinetics or Something-Something videos, after CLIP's pictures",
    (
        *video(r"(?:backbone\.)?"),
        *affine(r"(?:backbone\.)?transformer\.proj\.0", "vision.norm", same),
    ),
    unused=rf"{_COUNTERS}|cls_head\..*|data_preprocessor\..*|(?:backbone\.)?transformer\.proj\.2\..*",
    lacks=rf"{_ENDS}|{_LOCAL}|vision\.proj|text",
    activation="quick_gelu",
)
WEB = "pictures with texts from the web"
# The temperature is not taken: a new LayerNorm after the projection changes what it scales.
OPENAI = Source(
    "CLIP in the layout of OpenAI and open_clip",
    r"visual\.conv1\.weight|(?:text\.)?token_embedding\.weight",
    WEB,
    (
        *text(r"(?:text\.)?"),
        *tower(r"visual\."),
        (r"visual\.conv1\.weight", "vision.patch_embedding.projection.kernel", tubelet),
        *affine(r"visual\.ln_post", "vision.norm", same),
    ),
    unused=r"logit_scale|input_resolution|context_length|vocab_size|(?:text\.)?attn_mask",
    lacks=rf"{_ENDS}|{_LOCAL}|{_GLOBAL}|{_PROJECTIONS}|vision|text",
)
VICLIP = Source(
    "ViCLIP",
    r"vision_encoder\.temporal_positional_embedding",
    "InternVid videos with captions, after CLIP's pictures",
    tuple(text(r"text_encoder\.")),
    unused=r"vision_encoder\..*|text_encoder\.attn_mask|temp|logit_scale",
    lacks=r"vision|emotion|logit_scale",
    activation="quick_gelu",
)
HUGGING_FACE = Source(
    "CLIP in Hugging Face's layout",
    r"(?:text_model\.embeddings\.token|vision_model\.embeddings\.patch)_embedding\.weight",
    WEB,
    (
        (r"text_model\.embeddings\.token_embedding\.weight", "text.token_embedding", same),
        (
            r"text_model\.embeddings\.position_embedding\.weight",
            "text.positional_embedding",
            same,
        ),
        (
            r"vision_model\.embeddings\.position_embedding\.weight",
            "vision.positional_embedding",
            same,
        ),
        (r"vision_model\.embeddings\.class_embedding", "vision.class_embedding", flat),
        (
            r"vision_model\.embeddings\.patch_embedding\.weight",
            "vision.patch_embedding.projection.kernel",
            tubelet,
        ),
        (r"text_projection\.weight", "text.text_projection", linear),
        (r"visual_projection\.weight", "vision.proj", linear),
        *affine(r"text_model\.final_layer_norm", "text.ln_final", same),
        *affine(r"vision_model\.pre_layrnorm", "vision.ln_pre", same),  # their spelling
        *affine(r"vision_model\.post_layernorm", "vision.norm", same),
        *their_block("text"),
        *their_block("vision"),
    ),
    unused=r"logit_scale|.*\.position_ids",
    lacks=rf"{_ENDS}|{_LOCAL}|{_GLOBAL}|{_PROJECTIONS}|vision|text",
)
SOURCES = (OFFICIAL, UNIFORMERV2, OPENAI, VICLIP, HUGGING_FACE)


# Known, and not what these towers compute: a name (regex) that only they have.
STRANGERS = {
    r".*\.lora_\w+(?:\..*)?": "LoRA adapters: merge them into their model first "
    "(peft's merge_and_unload)",
    r"logit_bias|vision_model\.head\..*|visual\.trunk\.attn_pool\..*": "SigLIP, whose towers pool "
    "in another way",
    r"visual\.(?:trunk\.)?(?:blocks\.\d+\.(?:attn\.(?:q_bias|q_proj\.weight|q_norm.*)|mlp\.w\d+\..*"
    r"|mlp\.fc1_g\..*)|rope\..*|cls_token)": "EVA-CLIP, whose blocks are others",
    r"visual\.trunk\..*": "open_clip with a picture tower of timm",
    r"visual\.(?:layer1|attnpool)\..*": "CLIP with a ResNet as its picture tower",
    r"text_decoder\..*": "CoCa, whose texts have a class token and a decoder",
    r"text\.transformer\.(?:embeddings|encoder)\..*": "open_clip with a text model of transformers",
}


def recognise(tensors: Tensors) -> Source | None:
    """The kind of checkpoint that these tensors are from.

    Raises:
      ConfigError: one that is known, and cannot be used.
    """
    for mark, stranger in STRANGERS.items():
        if name := next((name for name in tensors if re.fullmatch(mark, name)), None):
            raise ConfigError(f"{name} is a tensor of {stranger}; take a CLIP with a ViT")
    for source in SOURCES:
        if any(re.fullmatch(source.mark, name) for name in tensors):
            return source
    return None


def of_whole_clip(tensors: Tensors) -> Tensors:
    """The tensors of CLIPVisionModel or CLIPTextModel by their names in CLIPModel.

    Since transformers 5 these two keep their tensors without the tower's name.
    """
    towers = {"class_embedding": "vision_model.", "token_embedding.weight": "text_model."}
    for mark, part in towers.items():
        if f"embeddings.{mark}" in tensors:
            return {f"{part}{name}": tensor for name, tensor in tensors.items()}
    return tensors


def translate(tensors: Tensors, source: Source) -> tuple[dict[str, np.ndarray], list[str]]:
    """Foreign names and layouts to ours.

    Returns:
      The arrays by our dotted paths, and one line for each tensor that `source` cannot place.
    """
    placed: dict[str, np.ndarray] = {}
    faults = []
    for name, tensor in _fused(tensors).items():
        if re.fullmatch(source.unused, name):
            continue
        matches = ((re.fullmatch(row[0], name), row) for row in source.rows)
        match, row = next(((match, row) for match, row in matches if match), (None, None))
        if match is None or row is None:
            faults.append(f"{name}: unknown name")
            continue
        _, path, layout = row
        if tensor.dtype.kind != "f":
            faults.append(f"{name}: {tensor.dtype} is no type of weights; is it quantised?")
            continue
        try:
            placed[match.expand(path)] = layout(tensor)
        except (ValueError, IndexError):
            faults.append(f"{name}: shape {tensor.shape} has the wrong number of axes")
    return placed, faults


def _fused(tensors: Tensors) -> dict[str, np.ndarray]:
    """Hugging Face keeps query, key and value apart: stack them as all others do."""
    fused = dict(tensors)
    for name in tensors:
        if match := re.fullmatch(r"(.*\.self_attn\.)q_proj\.(weight|bias)", name):
            thirds = [f"{match[1]}{letter}_proj.{match[2]}" for letter in "qkv"]
            if all(third in fused for third in thirds):
                fused[f"{match[1]}in_proj_{match[2]}"] = np.concatenate(
                    [fused.pop(third) for third in thirds]
                )
    return fused
