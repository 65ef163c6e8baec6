"""How other checkpoints lay out what our towers hold: rows of names, paths and array layouts.

Sources: the state_dicts of CLIP as transformers and as OpenAI and open_clip publish it, and of
UniFormerV2 in mmaction2 and in its own code.
"""

from collections.abc import Callable

import numpy as np

Layout = Callable[[np.ndarray], np.ndarray]
Row = tuple[str, str, Layout]  # their name (regex), our path, layout


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


def affine(source: str, target: str, layout: Layout) -> list[Row]:
    """A weight and its bias; norms call their weight `scale`, all else `kernel`."""
    weight = "scale" if layout is same else "kernel"
    return [
        (rf"{source}\.weight", rf"{target}.{weight}", layout),
        (rf"{source}\.bias", rf"{target}.bias", same),
    ]


def block(source: str, target: str) -> list[Row]:
    """A CLIP transformer block; `source` has exactly one group, the block's number."""
    return [
        (rf"{source}\.attn\.in_proj_weight", rf"{target}.attn.qkv.kernel", linear),
        (rf"{source}\.attn\.in_proj_bias", rf"{target}.attn.qkv.bias", same),
        *affine(rf"{source}\.attn\.out_proj", rf"{target}.attn.out", linear),
        *affine(rf"{source}\.(ln_[123])", rf"{target}.\2", same),
        *affine(rf"{source}\.mlp\.(c_fc|c_proj)", rf"{target}.mlp.\2", linear),
    ]


def their_block(tower: str) -> list[Row]:
    """A block as Hugging Face names it, query, key and value stacked."""
    source, target = rf"{tower}_model\.encoder\.layers\.(\d+)", rf"{tower}.blocks.\1"
    return [
        (rf"{source}\.self_attn\.in_proj_weight", rf"{target}.attn.qkv.kernel", linear),
        (rf"{source}\.self_attn\.in_proj_bias", rf"{target}.attn.qkv.bias", same),
        *affine(rf"{source}\.self_attn\.out_proj", rf"{target}.attn.out", linear),
        *affine(rf"{source}\.layer_norm([12])", rf"{target}.ln_\2", same),
        *affine(rf"{source}\.mlp\.fc1", rf"{target}.mlp.c_fc", linear),
        *affine(rf"{source}\.mlp\.fc2", rf"{target}.mlp.c_proj", linear),
    ]


def text(prefix: str) -> list[Row]:
    """CLIP's text tower, as OpenAI names it."""
    return [
        (rf"{prefix}(positional_embedding|text_projection)", r"text.\1", same),
        (rf"{prefix}token_embedding\.weight", "text.token_embedding", same),
        *block(rf"{prefix}transformer\.resblocks\.(\d+)", r"text.blocks.\1"),
        *affine(rf"{prefix}ln_final", "text.ln_final", same),
    ]


def tower(prefix: str) -> list[Row]:
    """What a video tower shares with CLIP's image tower."""
    return [
        (rf"{prefix}(class_embedding|positional_embedding|proj)", r"vision.\1", same),
        *affine(rf"{prefix}ln_pre", "vision.ln_pre", same),
        *block(rf"{prefix}transformer\.resblocks\.(\d+)", r"vision.blocks.\1"),
    ]


def video(prefix: str) -> list[Row]:
    """UniFormerV2's tower."""
    local, dec = r"transformer\.resblocks\.(\d+)\.(lmhra[12])\.pos_embed", r"transformer\.dec"
    return [
        *tower(prefix),
        (rf"{prefix}conv1\.weight", "vision.patch_embedding.projection.kernel", tubelet),
        *affine(rf"{prefix}{local}\.0", r"vision.blocks.\1.\2.norm", same),
        (rf"{prefix}{local}\.0\.running_(mean|var)", r"vision.blocks.\1.\2.norm.\3", same),
        *affine(rf"{prefix}{local}\.1", r"vision.blocks.\1.\2.down", linear),
        *affine(rf"{prefix}{local}\.2", r"vision.blocks.\1.\2.temporal", depthwise),
        *affine(rf"{prefix}{local}\.3", r"vision.blocks.\1.\2.up", linear),
        *affine(
            rf"{prefix}transformer\.dpe\.(\d+)", r"vision.global_blocks.\1.position", depthwise
        ),
        *block(rf"{prefix}{dec}\.(\d+)", r"vision.global_blocks.\1"),
        (rf"{prefix}transformer\.temporal_cls_token", "vision.video_embedding", flat),
        (rf"{prefix}transformer\.balance", "vision.balance", same),
        *affine(rf"{prefix}transformer\.norm", "vision.norm", same),
    ]
