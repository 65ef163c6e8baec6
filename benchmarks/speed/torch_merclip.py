"""MER-CLIP's mathematics once more, in PyTorch, to time ours against; never a part of the package.

Built from one of our models, with its weights. Written as PyTorch runs it best: fused attention,
1 x 1 x 1 convolutions as linear layers, depthwise convolutions of its own library. Nothing is left
out or folded together, as in the release (@31037e9): each global block projects the keys and values
of all tokens, and the last head block computes all of its tokens.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from merclip_jax.models import MerClip
from merclip_jax.towers import leaves
from merclip_jax.towers.config import MerClipConfig

Tensor = torch.Tensor


class TorchMerClip(torch.nn.Module):
    """Video tower and emotion head; parameters by our dotted names, '.' as '/'."""

    def __init__(self, model: MerClip):
        super().__init__()
        self.cfg: MerClipConfig = model.cfg
        for name, array in leaves.arrays(model).items():
            if name.startswith("text."):
                continue
            value = torch.from_numpy(_torch_layout(name, array).copy())
            if name.endswith((".norm.mean", ".norm.var")):
                self.register_buffer(name.replace(".", "/"), value)
            else:
                self.register_parameter(name.replace(".", "/"), torch.nn.Parameter(value))

    def get(self, name: str) -> Tensor:
        """A parameter or buffer by our dotted name."""
        return getattr(self, name.replace(".", "/"))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Clip embedding [b, e] and logits [b, c] of normalised frames [b, 3, t, h, w]."""
        cfg = self.cfg.vision
        x = F.conv3d(
            frames,
            self.get("vision.patch_embedding.projection.kernel"),
            stride=(2, cfg.patch_size, cfg.patch_size),
            padding=(1, 0, 0),
        )
        b, c, t, h, w = x.shape
        x = x.permute(0, 2, 3, 4, 1).reshape(b, t, h * w, c)
        x = torch.cat([self.get("vision.class_embedding").expand(b, t, 1, c), x], dim=2)
        x = self._norm("vision.ln_pre", x + self.get("vision.positional_embedding"))
        video = self.get("vision.video_embedding").expand(b, 1, c)
        for index in range(cfg.layers):
            x = self._video_block(f"vision.blocks.{index}", x)
            if index in cfg.global_layers:
                number = cfg.global_layers.index(index)
                video = self._global_block(f"vision.global_blocks.{number}", video, x, (t, h, w))
        share = torch.sigmoid(self.get("vision.balance"))
        mean = x[:, :, 0].mean(1, keepdim=True)
        fused = self._norm("vision.norm", (1 - share) * video + share * mean)
        tokens = torch.cat([fused, x[:, :, 1:].reshape(b, -1, c)], dim=1)
        tokens = F.linear(tokens, self.get("vision.token_proj.kernel"))
        tokens = self._norm("vision.ln_tokens", tokens)
        embedding = self._norm("vision.ln_post", fused[:, 0] @ self.get("vision.proj"))
        return embedding, self._emotion(tokens)

    def _emotion(self, tokens: Tensor) -> Tensor:
        cfg, votes = self.cfg.emotion, []
        for index in range(cfg.layers):
            name = f"emotion.blocks.{index}"
            normed = self._norm(f"{name}.ln_1", tokens, 1e-6)
            tokens = tokens + self._self_attention(f"{name}.attn", normed, cfg.heads)
            normed = self._norm(f"{name}.ln_2", tokens, 1e-6)
            tokens = tokens + self._mlp(f"{name}.mlp", normed, F.gelu)
            votes.append(tokens[:, 0])
        firsts = self._norm("emotion.norm", torch.stack(votes, 1), 1e-6)
        return self._linear("emotion.fc", F.dropout(firsts, cfg.dropout, self.training)).mean(1)

    def _video_block(self, name: str, x: Tensor) -> Tensor:
        b, t, n, c = x.shape
        x = self._local(f"{name}.lmhra1", x)
        normed = self._norm(f"{name}.ln_1", x).reshape(b * t, n, c)
        heads = self.cfg.vision.heads
        x = x + self._self_attention(f"{name}.attn", normed, heads).reshape(x.shape)
        x = self._local(f"{name}.lmhra2", x)
        return x + self._mlp(f"{name}.mlp", self._norm(f"{name}.ln_2", x), _quick_gelu)

    def _local(self, name: str, x: Tensor) -> Tensor:
        patches = x[:, :, 1:].permute(0, 3, 1, 2)  # b c t n
        patches = F.batch_norm(
            patches,
            self.get(f"{name}.norm.mean"),
            self.get(f"{name}.norm.var"),
            self.get(f"{name}.norm.scale"),
            self.get(f"{name}.norm.bias"),
            training=self.training,
        )
        narrow = self._linear(f"{name}.down", patches.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        kernel = self.get(f"{name}.temporal.kernel")[..., 0]
        mixed = F.conv2d(
            narrow, kernel, self.get(f"{name}.temporal.bias"), padding=(1, 0), groups=len(kernel)
        )
        branch = self._linear(f"{name}.up", mixed.permute(0, 2, 3, 1))
        return torch.cat([x[:, :, :1], x[:, :, 1:] + branch], dim=2)

    def _global_block(
        self, name: str, video: Tensor, x: Tensor, grid: tuple[int, int, int]
    ) -> Tensor:
        b, t, _, c = x.shape
        patches = x[:, :, 1:].permute(0, 3, 1, 2).reshape(b, c, *grid)
        kernel = self.get(f"{name}.position.kernel")
        position = F.conv3d(patches, kernel, self.get(f"{name}.position.bias"), padding=1, groups=c)
        position = position.reshape(b, c, t, -1).permute(0, 2, 3, 1)
        y = torch.cat([x[:, :, :1], x[:, :, 1:] + position], dim=2).reshape(b, -1, c)
        query, y = self._norm(f"{name}.ln_1", video), self._norm(f"{name}.ln_3", y)
        weights = self.get(f"{name}.attn.qkv.kernel").chunk(3)
        biases = self.get(f"{name}.attn.qkv.bias").chunk(3)
        heads = self.cfg.vision.global_heads
        q, k, v = (
            _split(F.linear(source, weight, bias), heads)
            for source, weight, bias in zip((query, y, y), weights, biases, strict=True)
        )
        video = video + self._linear(f"{name}.attn.out", _joined(q, k, v))
        rate = self.cfg.vision.global_dropout
        return video + self._mlp(
            f"{name}.mlp", self._norm(f"{name}.ln_2", video), _quick_gelu, rate
        )

    def _self_attention(self, name: str, x: Tensor, heads: int) -> Tensor:
        q, k, v = (_split(part, heads) for part in self._linear(f"{name}.qkv", x).chunk(3, -1))
        return self._linear(f"{name}.out", _joined(q, k, v))

    def _mlp(self, name: str, x: Tensor, activation, dropout: float = 0.0) -> Tensor:
        hidden = F.dropout(activation(self._linear(f"{name}.c_fc", x)), dropout, self.training)
        return self._linear(f"{name}.c_proj", hidden)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.get(f"{name}.kernel"), self.get(f"{name}.bias"))

    def _norm(self, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
        scale = self.get(f"{name}.scale")
        return F.layer_norm(x, scale.shape, scale, self.get(f"{name}.bias"), eps)


def objective(
    embedding: Tensor, logits: Tensor, texts: Tensor, labels: Tensor, logit_scale: Tensor
) -> Tensor:
    """The released loss in epoch 27 of 55: alignment with the clip's own text, and focal loss."""
    videos, words = F.normalize(embedding, dim=-1), F.normalize(texts, dim=-1)
    scores, own = logit_scale.exp() * videos @ words.T, torch.arange(len(videos))
    alignment = 0.5 * (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own))
    log_p = F.log_softmax(logits, -1)[torch.arange(len(labels)), labels]
    focal = (-((1 - log_p.exp()) ** 2) * log_p).mean()
    weight = 2 - 27 / 55
    return weight * alignment + (2 - weight) * focal


def _quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


def _split(x: Tensor, heads: int) -> Tensor:
    b, n, c = x.shape
    return x.reshape(b, n, heads, c // heads).transpose(1, 2)


def _joined(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def _torch_layout(name: str, array: np.ndarray) -> np.ndarray:
    """Kernels as torch keeps them: output first."""
    if name.endswith("patch_embedding.projection.kernel"):
        side = math.isqrt(len(array) // 9)
        return np.moveaxis(array.reshape(3, side, side, 3, -1), (-1, -2), (0, 1))
    if name.endswith(("temporal.kernel", "position.kernel")):
        return np.moveaxis(array, -1, 0)[:, None]
    return array.T if name.endswith(".kernel") else array
