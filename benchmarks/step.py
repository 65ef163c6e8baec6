"""Step time and clips per second of the small model, and of the full model's forward pass.

python -m benchmarks.step [--json=FILE]

The full model (B/16, 16 frames of 224 px, random weights) is also held against this machine's
measured rate of float32 matrix products, in the same run: 406 GFLOP per clip forward.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags
from flax import nnx

from configs import demo
from merclip_jax import step
from merclip_jax.models import MerClip, MerClipConfig

FORWARD_GFLOP = 405.5  # vision and head, per clip: the release's count
JSON = flags.DEFINE_string("json", "", "also write the figures to this file")


def timed(call: Callable[[], object], repeats: int) -> float:
    """Median seconds of `call` after one warm-up."""
    jax.block_until_ready(call())
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(call())
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def matmul_rate(size: int = 3072) -> float:
    """GFLOP/s of a square float32 matrix product."""
    a = jnp.ones((size, size))
    return 2 * size**3 / timed(lambda: jax.jit(jnp.matmul)(a, a), 5) / 1e9


def small_step() -> dict[str, float]:
    """The demo's training step and prediction."""
    config = demo.get_config()
    model = MerClip.from_pretrained(config.model.init_from)
    learner, params, rest, frozen = step.Learner.create(model, config, 10)
    size, frames, batch = config.data.image_size, config.data.frames, config.recipe.batch_size
    rows = np.arange(batch * frames, dtype=np.int32).reshape(batch, frames)
    zeros = np.zeros(batch, np.int32)
    pixels = np.random.default_rng(0).integers(0, 256, (batch * frames, size, size, 3), np.uint8)
    texts = jnp.ones((1, 7, model.cfg.text.output_dim))
    shared = jax.device_put(step.Shared(pixels, texts, frozen))
    state = learner.start(params, rest, jax.random.key(0))
    train, predict = jax.jit(learner.train), jax.jit(learner.predict)
    began = time.perf_counter()
    jax.block_until_ready(train(state, step.Batch(rows, zeros, zeros), shared))
    first = time.perf_counter() - began
    train_s = timed(lambda: train(state, step.Batch(rows, zeros, zeros), shared), 10)
    predict_s = timed(lambda: predict(state, rows, shared), 10)
    return {
        "small_first_step_s": first,
        "small_train_step_s": train_s,
        "small_train_clips_per_s": batch / train_s,
        "small_predict_clips_per_s": batch / predict_s,
    }


def full_forward(batch: int = 2) -> dict[str, float]:
    """Vision tower and emotion head of B/16 in evaluation mode, with the machine's own ceiling."""
    model = MerClip(MerClipConfig.b16(5), rngs=nnx.Rngs(0))
    graphdef, state = nnx.split(model)
    frames = jnp.ones((batch, 16, 224, 224, 3))
    forward = jax.jit(lambda state, frames: nnx.merge(graphdef, state)(frames).logits)
    seconds = timed(lambda: forward(state, frames), 5) / batch
    rate = matmul_rate()
    return {
        "full_forward_s_per_clip": seconds,
        "full_forward_gflops": FORWARD_GFLOP / seconds,
        "matmul_gflops": rate,
        "full_forward_share_of_matmul": FORWARD_GFLOP / seconds / rate,
    }


def main(argv: list[str]) -> None:
    """Print every figure, and write them if asked to."""
    del argv
    device = jax.devices()[0]
    figures = {"device": f"{jax.device_count()} x {device.device_kind}", "jax": jax.__version__}
    figures |= small_step() | full_forward()
    for name, value in figures.items():
        sys.stdout.write(f"{name:32}{value if isinstance(value, str) else round(value, 4)}\n")
    if JSON.value:
        Path(JSON.value).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    app.run(main)
