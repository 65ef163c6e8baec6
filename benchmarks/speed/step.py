"""Step time and clips per second of the small and the full model, and of PyTorch's beside them.

python -m benchmarks.speed.step [--against=torch] [--json=FILE]

The full model (B/16, 16 frames of 224 px, random weights, batch 2) is also held against this
machine's measured rate of float32 matrix products, in the same run: 406 GFLOP per clip forward,
1211 in a training step without the text tower. As in every command glibc keeps its memory (`app`),
for both sides: otherwise it hands every large array back to the kernel, which costs PyTorch 14 %.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from flax import nnx
from ml_collections import ConfigDict

from merclip_jax import app
from merclip_jax.configs import base, demo
from merclip_jax.data import motion
from merclip_jax.data.inputs import Stored
from merclip_jax.merclip import task
from merclip_jax.merclip.sentences import SentenceTable
from merclip_jax.models import MerClip
from merclip_jax.towers.config import MerClipConfig
from merclip_jax.training import parallel, step
from merclip_jax.training.batch import AugmentedBatch, Batch, Shared

FORWARD_GFLOP = 405.5  # vision and head, per clip: the release's count
STEP_GFLOP = 3 * 405.5 - 5.6  # without the first layer's input gradient and the text tower
STEPS = 3


def timed(call: Callable[[], object], repeats: int) -> float:
    """Median seconds of `call` after two warm-ups."""
    for _ in range(2):
        jax.block_until_ready(call())
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(call())
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def matmul_rate(size: int = 3072, dtype: str = "float32") -> float:
    """GFLOP/s of a square matrix product."""
    a, product = jnp.ones((size, size), dtype), jax.jit(jnp.matmul)
    return 2 * size**3 / timed(lambda: product(a, a), 10) / 1e9


def learner_of(model: MerClip, config: ConfigDict) -> tuple[step.Learner, Any, Any, Any]:
    """The learner of MER-CLIP's task, as `Learner.create`; a step asks the task for no clip."""
    none = np.zeros(0, np.int32)
    sentences = SentenceTable((), np.zeros((0, 7, 1), np.int32), none, none)
    return step.Learner.create(model, task.Task((), none, sentences, config), config, 10)


def run_times(
    model: MerClip, config: ConfigDict, folds: int = 1, repeats: int = 10
) -> dict[str, float]:
    """Seconds of a run's own training step, first and later ones, and of predicting a batch."""
    learner, params, model_state, frozen = learner_of(model, config)
    engine = parallel.Engine(learner, folds)
    size, frames, batch = config.data.image_size, config.data.frames, config.recipe.batch_size
    parts = {"rgb": (size, size, 3), "motion": (motion.SIDE, motion.SIDE, 2)}
    stored = Stored(
        *(
            np.random.default_rng(0).integers(0, 256, (batch * frames, *shape), np.uint8)
            if kind in config.data.input
            else None
            for kind, shape in parts.items()
        )
    )
    rows = np.arange(folds * batch * frames, dtype=np.int32).reshape(folds, batch, frames)
    rows, zeros = rows % (batch * frames), np.zeros((folds, batch), np.int32)
    texts = jnp.ones((1, 7, model.cfg.text.output_dim))
    shared = engine.put(Shared(stored, texts, frozen))
    state = engine.assemble([learner.start(params, model_state, jax.random.key(0))] * folds)

    def once() -> dict:
        nonlocal state
        drawn = engine.put_batch(Batch(rows, zeros, zeros, zeros))
        state, scalars = engine.train(state, drawn, shared)
        return scalars

    train_s = timed(once, repeats)
    rows = engine.put(rows, "fold", "data")
    predict_s = timed(lambda: engine.predict(state, rows, shared), repeats)
    return {"first_step_s": engine.compile_s, "train_step_s": train_s, "predict_s": predict_s}


def small_step() -> dict[str, float]:
    """The demo's training step and prediction."""
    config = demo.get_config()
    found = run_times(MerClip.from_pretrained(config.model.init_from), config)
    batch = config.recipe.batch_size
    return {
        "small_first_step_s": found["first_step_s"],
        "small_train_step_s": found["train_step_s"],
        "small_train_clips_per_s": batch / found["train_step_s"],
        "small_predict_clips_per_s": batch / found["predict_s"],
    }


def full_forward(batch: int = 2) -> dict[str, float]:
    """Vision tower and emotion head of B/16 in evaluation mode, with the machine's own ceiling."""
    model = full_model()
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


def update_s(cfg: MerClipConfig, batch: int, repeats: int = STEPS) -> float:
    """Seconds of a step without augmentation: forward, backward, clipping and AdamW."""
    config = base.get_config()
    model = MerClip(cfg, rngs=nnx.Rngs(0))
    learner, params, model_state, frozen = learner_of(model, config)
    state = learner.start(params, model_state, jax.random.key(0))
    del model, params, model_state
    labels, side = jnp.arange(batch) % cfg.emotion.classes, cfg.vision.image_size
    frames = jnp.ones((batch, cfg.vision.frames, side, side, 3))
    prepared = AugmentedBatch(frames, labels, labels, jnp.eye(batch, cfg.text.output_dim))
    update = jax.jit(learner.update, donate_argnums=0)

    def once():
        nonlocal state
        state, scalars = update(state, prepared, frozen)
        return scalars

    return timed(once, repeats)


def torch_times(batch: int = 2) -> dict[str, float]:
    """The same forward pass and training step in eager PyTorch."""
    import torch

    from benchmarks.speed import torch_merclip

    torch.set_num_threads(os.cpu_count() or 1)
    theirs = torch_merclip.TorchMerClip(full_model())
    frames = torch.ones(batch, 3, 16, 224, 224)
    labels, texts = torch.arange(batch) % 5, torch.eye(batch, 512)
    theirs.eval()
    with torch.no_grad():
        forward = timed(lambda: theirs(frames), 5) / batch
    theirs.train()
    groups = [
        {"params": [p for p in theirs.parameters() if p.ndim > 1], "weight_decay": 0.05},
        {"params": [p for p in theirs.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-6, fused=True)

    def once():
        optimizer.zero_grad(set_to_none=True)
        embedding, logits = theirs(frames)
        scale = theirs.get("logit_scale")
        torch_merclip.objective(embedding, logits, texts, labels, scale).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 20.0)
        optimizer.step()

    return {
        "torch_forward_s_per_clip": forward,
        "torch_step_s_per_clip": timed(once, STEPS) / batch,
    }


def full_model() -> MerClip:
    """B/16 with random weights and five classes."""
    return MerClip(MerClipConfig.b16(5), rngs=nnx.Rngs(0))


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_enum("against", None, ["torch"], "time the same in PyTorch too", flag_values=given)
    flags.DEFINE_string("json", "", "also write the figures to this file", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Print every figure, and write them if asked to."""
    device = jax.devices()[0]
    figures = {"device": f"{jax.device_count()} x {device.device_kind}", "jax": jax.__version__}
    figures |= small_step() | full_forward()
    figures["full_step_s_per_clip"] = update_s(MerClipConfig.b16(5), batch=2) / 2
    rate = STEP_GFLOP / figures["full_step_s_per_clip"]
    figures["full_step_share_of_matmul"] = rate / figures["matmul_gflops"]
    if given.against:
        figures |= torch_times()
        for part in ("forward", "step"):
            ours, theirs = (figures[f"{by}_{part}_s_per_clip"] for by in ("full", "torch"))
            figures[f"{part}_ours_over_torch"] = ours / theirs
    for name, value in figures.items():
        sys.stdout.write(f"{name:32}{value if isinstance(value, str) else round(value, 4)}\n")
    if given.json:
        Path(given.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
