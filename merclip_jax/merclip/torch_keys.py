"""Names and layouts of the checkpoints that can be read, and ours.

Sources: the state_dicts of CLIP as Hugging Face and as OpenAI publish it, of ViCLIP, of UniFormerV2
in mmaction2, and of the public MER-CLIP release @31037e9.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Tensors = Mapping[str, np.ndarray]
Layout = Callable[[np.ndarray], np.ndarray]
Row = tuple[str, str, Layout]  # their name (regex), our path, layout


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
    """

    name: str
    mark: str
    seen: str
    rows: tuple[Row, ...]
    unused: str = ""
    lacks: str = ""


def same(x: np.ndarray) -> np.ndarray:
    """Vectors, tables and projections that are already (in, out)."""
    return x


def linear(x: np.ndarray) -> np.ndarray:
    """(out, in), with any trailing axes of size 1, to (in, out)."""
    rows, columns = x.shape[:2]
    return x.reshape(rows, columns).T


def tubelet(x: np.ndarray) -> np.ndarray:
    """Patch convolution (out, rgb, t, h, w), or without t, to a matrix (t*h*w*rgb, out)."""
    return np.moveaxis(x, (0, 1), (-1, -2)).reshape(-1, x.shape[0])


def depthwise(x: np.ndarray) -> np.ndarray:
    """Depthwise kernel (c, 1, t, h, w) to (t, h, w, c)."""
    return x[:, 0].transpose(1, 2, 3, 0)


def flat(x: np.ndarray) -> np.ndarray:
    """A token with leading axes of size 1 to a vector."""
    return x.reshape(-1)


def _affine(source: str, target: str, layout: Layout) -> list[Row]:
    """A weight and its bias; norms call their weight `scale`, all else `kernel`."""
    weight = "scale" if layout is same else "kernel"
    return [
        (rf"{source}\.weight", rf"{target}.{weight}", layout),
        (rf"{source}\.bias", rf"{target}.bias", same),
    ]


def _block(source: str, target: str) -> list[Row]:
    """A CLIP transformer block; `source` has exactly one group, the block's number."""
    return [
        (rf"{source}\.attn\.in_proj_weight", rf"{target}.attn.qkv.kernel", linear),
        (rf"{source}\.attn\.in_proj_bias", rf"{target}.attn.qkv.bias", same),
        *_affine(rf"{source}\.attn\.out_proj", rf"{target}.attn.out", linear),
        *_affine(rf"{source}\.(ln_[123])", rf"{target}.\2", same),
        *_affine(rf"{source}\.mlp\.(c_fc|c_proj)", rf"{target}.mlp.\2", linear),
    ]


def _their_block(tower: str) -> list[Row]:
    """A block as Hugging Face names it, query, key and value stacked."""
    source, target = rf"{tower}_model\.encoder\.layers\.(\d+)", rf"{tower}.blocks.\1"
    return [
        (rf"{source}\.self_attn\.in_proj_weight", rf"{target}.attn.qkv.kernel", linear),
        (rf"{source}\.self_attn\.in_proj_bias", rf"{target}.attn.qkv.bias", same),
        *_affine(rf"{source}\.self_attn\.out_proj", rf"{target}.attn.out", linear),
        *_affine(rf"{source}\.layer_norm([12])", rf"{target}.ln_\2", same),
        *_affine(rf"{source}\.mlp\.fc1", rf"{target}.mlp.c_fc", linear),
        *_affine(rf"{source}\.mlp\.fc2", rf"{target}.mlp.c_proj", linear),
    ]


def _text(prefix: str) -> list[Row]:
    """CLIP's text tower, as OpenAI names it."""
    return [
        (rf"{prefix}(positional_embedding|text_projection)", r"text.\1", same),
        (rf"{prefix}token_embedding\.weight", "text.token_embedding", same),
        *_block(rf"{prefix}transformer\.resblocks\.(\d+)", r"text.blocks.\1"),
        *_affine(rf"{prefix}ln_final", "text.ln_final", same),
    ]


def _tower(prefix: str) -> list[Row]:
    """What a video tower shares with CLIP's image tower."""
    return [
        (rf"{prefix}(class_embedding|positional_embedding|proj)", r"vision.\1", same),
        *_affine(rf"{prefix}ln_pre", "vision.ln_pre", same),
        *_block(rf"{prefix}transformer\.resblocks\.(\d+)", r"vision.blocks.\1"),
    ]


def _video(prefix: str) -> list[Row]:
    """UniFormerV2's tower."""
    local, dec = r"transformer\.resblocks\.(\d+)\.(lmhra[12])\.pos_embed", r"transformer\.dec"
    return [
        *_tower(prefix),
        (rf"{prefix}conv1\.weight", "vision.patch_embedding.projection.kernel", tubelet),
        *_affine(rf"{prefix}{local}\.0", r"vision.blocks.\1.\2.norm", same),
        (rf"{prefix}{local}\.0\.running_(mean|var)", r"vision.blocks.\1.\2.norm.\3", same),
        *_affine(rf"{prefix}{local}\.1", r"vision.blocks.\1.\2.down", linear),
        *_affine(rf"{prefix}{local}\.2", r"vision.blocks.\1.\2.temporal", depthwise),
        *_affine(rf"{prefix}{local}\.3", r"vision.blocks.\1.\2.up", linear),
        *_affine(
            rf"{prefix}transformer\.dpe\.(\d+)", r"vision.global_blocks.\1.position", depthwise
        ),
        *_block(rf"{prefix}{dec}\.(\d+)", r"vision.global_blocks.\1"),
        (rf"{prefix}transformer\.temporal_cls_token", "vision.video_embedding", flat),
        (rf"{prefix}transformer\.balance", "vision.balance", same),
        *_affine(rf"{prefix}transformer\.norm", "vision.norm", same),
    ]


_HEAD = r"cls_head\.blocks\.(\d+)"
# A fixed momentum needs no step counter, so BatchNorm's is not kept.
_COUNTERS = r".*\.num_batches_tracked"
_LOCAL = r"vision\.blocks\.\d+\.lmhra[12]"
_GLOBAL = r"vision\.(?:global_blocks|video_embedding|balance)"
_ENDS = r"vision\.(?:ln_post|token_proj|ln_tokens)|emotion|logit_scale"

OFFICIAL = Source(
    "an official MER-CLIP checkpoint",
    r"vision_encoder\.to_cls_decoder\.weight",
    "DFME, and the corpus it was fine-tuned on, if any",
    (
        ("logit_scale", "logit_scale", same),
        *_video(r"vision_encoder\."),
        *_affine(r"vision_encoder\.ln_post1", "vision.ln_post", same),
        (r"vision_encoder\.to_cls_decoder\.weight", "vision.token_proj.kernel", linear),
        *_affine(r"vision_encoder\.ln_final", "vision.ln_tokens", same),
        *_text(r"text_encoder\."),
        *_affine(rf"{_HEAD}\.norm", r"emotion.blocks.\1.ln_1", same),
        *_affine(rf"{_HEAD}\.norm_ffn", r"emotion.blocks.\1.ln_2", same),
        *_affine(rf"{_HEAD}\.attn\.to_qkv", r"emotion.blocks.\1.attn.qkv", linear),
        *_affine(rf"{_HEAD}\.attn\.proj", r"emotion.blocks.\1.attn.out", linear),
        *_affine(rf"{_HEAD}\.ffn\.net\.0", r"emotion.blocks.\1.mlp.c_fc", linear),
        *_affine(rf"{_HEAD}\.ffn\.net\.3", r"emotion.blocks.\1.mlp.c_proj", linear),
        *_affine(r"cls_head\.norm", "emotion.norm", same),
        *_affine(r"cls_head\.fc_cls", "emotion.fc", linear),
    ),
    unused=_COUNTERS,
)
# Kinetics towers have no local blocks, and some keep single frames: what is absent starts anew.
UNIFORMERV2 = Source(
    "a UniFormerV2 checkpoint of mmaction2",
    r"backbone\.transformer\.temporal_cls_token",
    "Kinetics or Something-Something videos, after CLIP's pictures",
    tuple(_video(r"backbone\.")),
    unused=rf"{_COUNTERS}|cls_head\..*|data_preprocessor\..*",
    lacks=rf"{_ENDS}|{_LOCAL}|vision\.proj|text",
)
# The temperature is not taken: a new LayerNorm after the projection changes what it scales.
OPENAI = Source(
    "OpenAI's CLIP",
    r"visual\.conv1\.weight",
    "400 million pictures with texts from the web",
    (
        *_text(""),
        *_tower(r"visual\."),
        (r"visual\.conv1\.weight", "vision.patch_embedding.projection.kernel", tubelet),
        *_affine(r"visual\.ln_post", "vision.norm", same),
    ),
    unused="logit_scale|input_resolution|context_length|vocab_size",
    lacks=rf"{_ENDS}|{_LOCAL}|{_GLOBAL}",
)
VICLIP = Source(
    "ViCLIP",
    r"vision_encoder\.temporal_positional_embedding",
    "InternVid videos with captions, after CLIP's pictures",
    tuple(_text(r"text_encoder\.")),
    unused=r"vision_encoder\..*|temp|logit_scale",
    lacks=r"vision|emotion|logit_scale",
)
HUGGING_FACE = Source(
    "CLIP in Hugging Face's layout",
    r"text_model\.embeddings\.token_embedding\.weight",
    "pictures with texts from the web (OpenAI's CLIP: 400 million)",
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
        *_affine(r"text_model\.final_layer_norm", "text.ln_final", same),
        *_affine(r"vision_model\.pre_layrnorm", "vision.ln_pre", same),  # their spelling
        *_affine(r"vision_model\.post_layernorm", "vision.norm", same),
        *_their_block("text"),
        *_their_block("vision"),
    ),
    unused=r"logit_scale|.*\.position_ids",
    lacks=rf"{_ENDS}|{_LOCAL}|{_GLOBAL}",
)
SOURCES = (OFFICIAL, UNIFORMERV2, OPENAI, VICLIP, HUGGING_FACE)


def recognise(tensors: Tensors) -> Source | None:
    """The kind of checkpoint that these tensors are from."""
    for source in SOURCES:
        if any(re.fullmatch(source.mark, name) for name in tensors):
            return source
    return None


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
