"""Convolutional parts of the video tower: tubelets, depthwise convolution, BatchNorm, LMHRA.

Arrays are channels-last. Every convolution here is a matrix product or a few shifted multiply-adds.
Spec: MER-CLIP release @31037e9 (UniFormerV2's local multi-head relation aggregator).
"""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.nnx.nn.dtypes import promote_dtype
from jaxtyping import Array, Bool, Float

from merclip_jax.towers import layers


class PatchEmbedding(nnx.Module):
    """Tubelets to tokens: a convolution without bias, written as one matrix product.

    With `temporal_downsample` the tubelet is (3, p, p), the stride (2, p, p), and time is padded by
    1 on *both* sides (XLA's SAME would pad (0, 1)); without it, single frames.
    """

    def __init__(
        self,
        patch_size: int,
        width: int,
        *,
        temporal_downsample: bool,
        kernel_init: Any = layers.torch_kernel,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        self.patch_size = patch_size
        self.temporal_downsample = temporal_downsample
        taps = 3 if temporal_downsample else 1
        self.projection = layers.Linear(
            taps * patch_size**2 * 3,
            width,
            use_bias=False,
            kernel_init=kernel_init,
            dtype=dtype,
            rngs=rngs,
        )

    def __call__(self, frames: Float[Array, "b t h w 3"]) -> Float[Array, "b t2 h2 w2 c"]:
        """Embed; t2 is ceil(t / 2) with temporal downsampling, else t."""
        p = self.patch_size
        b, t, h, w, _ = frames.shape
        x = frames.reshape(b, t, h // p, p, w // p, p, 3).transpose(0, 1, 2, 4, 3, 5, 6)
        x = x.reshape(b, t, h // p, w // p, p * p * 3)
        if self.temporal_downsample:
            padded = jnp.pad(x, ((0, 0), (1, 1)) + ((0, 0),) * 3)
            x = jnp.concatenate([padded[:, tap : tap + t : 2] for tap in range(3)], axis=-1)
        return self.projection(x)


@jax.custom_vjp
def depthwise(
    x: Float[Array, "b t h w c"], kernel: Float[Array, "i j k c"]
) -> Float[Array, "b t h w c"]:
    """Depthwise (t, h, w) convolution with zero 'same' padding of an odd kernel.

    Written as shifted multiply-adds, which XLA fuses into one loop; its grouped convolution is
    several times slower on CPU. The backward pass is written by hand because XLA merges the
    kernel's 27 reductions, as autodiff leaves them, into one slow loop that also compiles slowly.
    """
    padded = _pad(x, kernel.shape[:3])
    out = jnp.zeros_like(x)
    for offset in _offsets(kernel.shape[:3]):
        out = out + jax.lax.dynamic_slice(padded, offset, x.shape) * kernel[offset[1:4]]
    return out


def _depthwise_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return depthwise(x, kernel), (x, kernel)


def _depthwise_backward(residuals: tuple[Array, Array], grad: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    padded = _pad(x, kernel.shape[:3])

    def tap(offset: Array) -> Array:
        product = jax.lax.dynamic_slice(padded, offset, x.shape) * grad
        return product.sum((0, 1, 2, 3), dtype=jnp.promote_types(x.dtype, jnp.float32))

    taps = jax.lax.map(tap, jnp.asarray(_offsets(kernel.shape[:3])))
    return depthwise(grad, kernel[::-1, ::-1, ::-1]), taps.reshape(kernel.shape).astype(
        kernel.dtype
    )


depthwise.defvjp(_depthwise_forward, _depthwise_backward)


def _offsets(kernel_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [(0, *tap, 0) for tap in itertools.product(*map(range, kernel_shape))]


def _pad(x: Array, kernel_shape: tuple[int, ...]) -> Array:
    return jnp.pad(x, [(0, 0), *((size // 2, size // 2) for size in kernel_shape), (0, 0)])


class DepthwiseConv(nnx.Module):
    """`depthwise` with a learnt kernel and bias."""

    def __init__(
        self,
        kernel_shape: tuple[int, int, int],
        width: int,
        *,
        bias_init: layers.Initializer,
        dtype: Any,
        rngs: nnx.Rngs,
    ):
        # PyTorch's default has the same bound for kernel and bias; the fan-in is one channel's.
        uniform = layers.torch_bias(math.prod(kernel_shape))
        self.kernel = nnx.Param(uniform(rngs.params(), (*kernel_shape, width), jnp.float32))
        self.bias = nnx.Param(bias_init(rngs.params(), (width,), jnp.float32))
        self.dtype = dtype

    def __call__(self, x: Float[Array, "b t h w c"]) -> Float[Array, "b t h w c"]:
        """Convolve; the shape stays."""
        x, kernel, bias = promote_dtype((x, self.kernel[...], self.bias[...]), dtype=self.dtype)
        return depthwise(x, kernel) + bias


class BatchNorm(nnx.Module):
    """Batch normalisation as PyTorch defines it (eps 1e-5, momentum 0.1).

    Training normalises by the batch's biased variance and stores the *unbiased* one, which Flax's
    own module does not. Statistics are taken in at least float32. Under pmap or shard_map,
    `axis_name` makes them those of the whole batch; under jit with sharded inputs they are so by
    themselves. With `clips` they are those of as many clips at a time, as on several GPUs without
    synchronisation, and the running ones move by their mean, as if averaged over the GPUs.
    """

    def __init__(self, width: int, clips: int = 0, *, momentum: float = 0.1, eps: float = 1e-5):
        self.clips, self.momentum, self.eps = clips, momentum, eps
        self.scale = nnx.Param(jnp.ones((width,), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((width,), jnp.float32))
        self.mean = nnx.BatchStat(jnp.zeros((width,), jnp.float32))
        self.var = nnx.BatchStat(jnp.ones((width,), jnp.float32))

    def __call__(
        self,
        x: Float[Array, "*batch c"],
        train: bool = False,
        axis_name: str | None = None,
        where: Bool[Array, "..."] | None = None,
    ) -> Float[Array, "*batch c"]:
        """Normalise over all axes but the last; in training, update the running statistics.

        The statistics are those of `x`, or of its part where `where`, which broadcasts to it, is
        true.
        """
        wide = layers.at_least_float32(x)
        mean, var = self.mean[...], self.var[...]
        if train:
            mean, var, count = self._statistics(wide, axis_name, where)
            unbiased = var * (count / jnp.maximum(count - 1, 1))
            self.mean[...] = self._moved(self.mean[...], self._over_all(mean, axis_name))
            self.var[...] = self._moved(self.var[...], self._over_all(unbiased, axis_name))
        normed = (wide - mean) * jax.lax.rsqrt(var + self.eps)
        return (normed * self.scale[...] + self.bias[...]).astype(x.dtype)

    def _statistics(
        self, x: Float[Array, "*batch c"], axis_name: str | None, where: Bool[Array, "..."] | None
    ) -> tuple[Array, Array, Array | int]:
        """Mean, variance and count of the batch, or of each clip's group, over axes of size 1."""
        if not self.clips:
            return self._batch_statistics(x, axis_name, where)
        groups = x.reshape(-1, self.clips, *x.shape[1:])
        by_group = [self._batch_statistics(one, None, where) for one in groups]
        mean, var = (jnp.stack([one[i] for one in by_group]) for i in (0, 1))
        of_clip = (len(x), *[1] * (x.ndim - 2), x.shape[-1])
        mean, var = (jnp.repeat(part, self.clips, 0).reshape(of_clip) for part in (mean, var))
        return mean, var, by_group[0][2]

    def _over_all(self, value: Array, axis_name: str | None) -> Float[Array, " c"]:
        """The mean over groups and devices; of the whole batch there is one value already."""
        if not self.clips:
            return value
        value = value.mean(tuple(range(value.ndim - 1)))
        return value if axis_name is None else jax.lax.pmean(value, axis_name)

    def _moved(self, running: Float[Array, " c"], batch: Float[Array, " c"]) -> Float[Array, " c"]:
        moved = (1 - self.momentum) * running + self.momentum * jax.lax.stop_gradient(batch)
        return moved.astype(running.dtype)

    @staticmethod
    def _batch_statistics(
        x: Float[Array, "*batch c"], axis_name: str | None, where: Bool[Array, "..."] | None
    ) -> tuple[Array, Array, Array | int]:
        axes = tuple(range(x.ndim - 1))
        mean = jnp.mean(x, axes, where=where)
        count = jnp.asarray(x.size // x.shape[-1], x.dtype)
        if where is not None:
            count = where.sum(dtype=x.dtype) * (count / where.size)
        if axis_name is not None:
            mean, count = jax.lax.pmean(mean, axis_name), jax.lax.psum(count, axis_name)
        var = jnp.mean(jnp.square(x - mean), axes, where=where)
        if axis_name is not None:
            var = jax.lax.pmean(var, axis_name)
        return mean, var, count


class LocalMHRA(nnx.Module):
    """Local temporal relation aggregator: BatchNorm, narrow, mix three time steps, widen.

    Linear, without activation. Its last layer starts at zero, so that a new block changes nothing.
    """

    def __init__(
        self, width: int, local_width: int, norm_clips: int = 0, *, dtype: Any, rngs: nnx.Rngs
    ):
        self.norm = BatchNorm(width, norm_clips)
        self.down = layers.Linear(
            width,
            local_width,
            kernel_init=layers.torch_kernel,
            bias_init=layers.torch_bias(width),
            dtype=dtype,
            rngs=rngs,
        )
        self.temporal = DepthwiseConv(
            (3, 1, 1), local_width, bias_init=layers.torch_bias(3), dtype=dtype, rngs=rngs
        )
        self.up = layers.Linear(
            local_width, width, kernel_init=layers.zeros, dtype=dtype, rngs=rngs
        )

    def __call__(
        self, x: Float[Array, "b t n c"], train: bool = False, axis_name: str | None = None
    ) -> Float[Array, "b t n c"]:
        """The branch's value, to be added to `x`; 0 for the class token, which comes first.

        The class tokens are computed along and masked, which is cheaper than cutting them out and
        padding them on again; they do not enter the statistics.
        """
        is_patch = jnp.arange(x.shape[2])[:, None] > 0
        normed = self.norm(x, train, axis_name, where=is_patch)
        mixed = self.temporal(self.down(normed)[:, :, :, None])[:, :, :, 0]
        return jnp.where(is_patch, self.up(mixed), 0)
