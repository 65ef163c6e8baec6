"""The official release's tensor names and layouts, and ours.

Source: the state_dict of the public MER-CLIP release @31037e9.
"""

import re
from collections.abc import Callable, Mapping

import numpy as np

Tensors = Mapping[str, np.ndarray]
Layout = Callable[[np.ndarray], np.ndarray]


def same(x: np.ndarray) -> np.ndarray:
    """Vectors, tables and projections that are already (in, out)."""
    return x


def linear(x: np.ndarray) -> np.ndarray:
    """(out, in), with any trailing axes of size 1, to (in, out)."""
    rows, columns = x.shape[:2]
    return x.reshape(rows, columns).T


def tubelet(x: np.ndarray) -> np.ndarray:
    """Patch convolution (out, rgb, t, h, w) to a matrix (t*h*w*rgb, out)."""
    return x.transpose(2, 3, 4, 1, 0).reshape(-1, x.shape[0])


def depthwise(x: np.ndarray) -> np.ndarray:
    """Depthwise kernel (c, 1, t, h, w) to (t, h, w, c)."""
    return x[:, 0].transpose(1, 2, 3, 0)


def flat(x: np.ndarray) -> np.ndarray:
    """A token with leading axes of size 1 to a vector."""
    return x.reshape(-1)


def _affine(source: str, target: str, layout: Layout) -> list[tuple[str, str, Layout]]:
    """A weight and its bias; norms call their weight `scale`, all else `kernel`."""
    weight = "scale" if layout is same else "kernel"
    return [
        (rf"{source}\.weight", rf"{target}.{weight}", layout),
        (rf"{source}\.bias", rf"{target}.bias", same),
    ]


def _block(source: str, target: str) -> list[tuple[str, str, Layout]]:
    """A CLIP transformer block; `source` has exactly one group, the block's number."""
    return [
        (rf"{source}\.attn\.in_proj_weight", rf"{target}.attn.qkv.kernel", linear),
        (rf"{source}\.attn\.in_proj_bias", rf"{target}.attn.qkv.bias", same),
        *_affine(rf"{source}\.attn\.out_proj", rf"{target}.attn.out", linear),
        *_affine(rf"{source}\.(ln_[123])", rf"{target}.\2", same),
        *_affine(rf"{source}\.mlp\.(c_fc|c_proj)", rf"{target}.mlp.\2", linear),
    ]


# The group is the block's number.
BLOCK = r"vision_encoder\.transformer\.resblocks\.(\d+)"
LOCAL = BLOCK + r"\.(lmhra[12])\.pos_embed"
GLOBAL = r"vision_encoder\.transformer\.dec\.(\d+)"
TEXT = r"text_encoder\.transformer\.resblocks\.(\d+)"
HEAD = r"cls_head\.blocks\.(\d+)"

# Official name (regex), our path, layout. A name that no row matches is an error.
OFFICIAL: list[tuple[str, str, Layout]] = [
    (r"logit_scale", "logit_scale", same),
    (r"vision_encoder\.(class_embedding|positional_embedding|proj)", r"vision.\1", same),
    (r"vision_encoder\.conv1\.weight", "vision.patch_embedding.projection.kernel", tubelet),
    *_affine(r"vision_encoder\.ln_pre", "vision.ln_pre", same),
    *_block(BLOCK, r"vision.blocks.\1"),
    *_affine(rf"{LOCAL}\.0", r"vision.blocks.\1.\2.norm", same),
    (rf"{LOCAL}\.0\.running_(mean|var)", r"vision.blocks.\1.\2.norm.\3", same),
    *_affine(rf"{LOCAL}\.1", r"vision.blocks.\1.\2.down", linear),
    *_affine(rf"{LOCAL}\.2", r"vision.blocks.\1.\2.temporal", depthwise),
    *_affine(rf"{LOCAL}\.3", r"vision.blocks.\1.\2.up", linear),
    *_affine(
        r"vision_encoder\.transformer\.dpe\.(\d+)", r"vision.global_blocks.\1.position", depthwise
    ),
    *_block(GLOBAL, r"vision.global_blocks.\1"),
    (r"vision_encoder\.transformer\.temporal_cls_token", "vision.video_embedding", flat),
    (r"vision_encoder\.transformer\.balance", "vision.balance", same),
    *_affine(r"vision_encoder\.transformer\.norm", "vision.norm", same),
    *_affine(r"vision_encoder\.ln_post1", "vision.ln_post", same),
    (r"vision_encoder\.to_cls_decoder\.weight", "vision.token_proj.kernel", linear),
    *_affine(r"vision_encoder\.ln_final", "vision.ln_tokens", same),
    (r"text_encoder\.(positional_embedding|text_projection)", r"text.\1", same),
    (r"text_encoder\.token_embedding\.weight", "text.token_embedding", same),
    *_block(TEXT, r"text.blocks.\1"),
    *_affine(r"text_encoder\.ln_final", "text.ln_final", same),
    *_affine(rf"{HEAD}\.norm", r"emotion.blocks.\1.ln_1", same),
    *_affine(rf"{HEAD}\.norm_ffn", r"emotion.blocks.\1.ln_2", same),
    *_affine(rf"{HEAD}\.attn\.to_qkv", r"emotion.blocks.\1.attn.qkv", linear),
    *_affine(rf"{HEAD}\.attn\.proj", r"emotion.blocks.\1.attn.out", linear),
    *_affine(rf"{HEAD}\.ffn\.net\.0", r"emotion.blocks.\1.mlp.c_fc", linear),
    *_affine(rf"{HEAD}\.ffn\.net\.3", r"emotion.blocks.\1.mlp.c_proj", linear),
    *_affine(r"cls_head\.norm", "emotion.norm", same),
    *_affine(r"cls_head\.fc_cls", "emotion.fc", linear),
]

# A fixed momentum needs no step counter, so BatchNorm's is not kept.
UNUSED = r".*\.num_batches_tracked"


def translate(tensors: Tensors) -> tuple[dict[str, np.ndarray], list[str]]:
    """Official names and layouts to ours.

    Returns:
      The arrays by our dotted paths, and one line for each tensor that the table cannot place.
    """
    placed: dict[str, np.ndarray] = {}
    faults = []
    for name, tensor in tensors.items():
        if re.fullmatch(UNUSED, name):
            continue
        matches = ((re.fullmatch(row[0], name), row) for row in OFFICIAL)
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
