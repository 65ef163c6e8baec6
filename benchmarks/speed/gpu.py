"""All that is measured on an accelerator, as JSON lines.

python -m benchmarks.speed.gpu [--parts=parity,step] [--json=FILE] [--small]

B/16, 16 frames of 224 px, random weights, bfloat16, random clips. In this order: what the golden
model tells, beside the release; the training step at several batch sizes, with its share of the
rate of an 8192 x 8192 x 8192 product measured just before; our attention beside cuDNN's; folds
trained at once, with the time that they make of CASME II's five classes (26 subjects left out, 55
epochs; without checkpoints and report); packing and drawing clips. Times are medians of ten after
two warm-ups. What a device cannot do says so in its line. `--small` takes a small model and few
repeats, to see that it runs.
"""

import itertools
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from flax import nnx
from ml_collections import ConfigDict

from benchmarks.speed import input as inputs
from benchmarks.speed.step import STEP_GFLOP, matmul_rate, run_times, timed, update_s
from merclip_jax import app, workdir
from merclip_jax.configs import casme2
from merclip_jax.data import augment
from merclip_jax.models import MerClip, weights
from merclip_jax.towers.attention import attend
from merclip_jax.towers.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens" / "tiny"
CLIPS, SUBJECTS = 249, 26  # of merclip/casme2/5
Figures = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
      gflop: of a clip in a training step; 0 if it was not counted.
      product: side of the yardstick's matrices.
      recipe: clips in a step of a fold on CASME II.
      packed: clips that are packed.
      augmix: whether augmentation has it; it is most of a compilation.
    """

    cfg: MerClipConfig
    gflop: float
    product: int
    batches: tuple[int, ...]
    folds: tuple[int, ...]
    recipe: int
    repeats: int
    packed: int
    augmix: bool = True


# As small as every part still is one.
NANO = MerClipConfig(
    VisionConfig.tiny(
        frames=4, image_size=16, width=16, layers=1, global_layers=(0,), output_dim=16,
        local_width=8,
    ),
    TextConfig.tiny(width=16, layers=1, output_dim=16),
    EmotionConfig(5, layers=1, heads=2),
)  # fmt: skip
FULL = Size(MerClipConfig.b16(5), STEP_GFLOP, 8192, (8, 32, 64), (1, 2, 4, 8), 16, 10, inputs.CLIPS)
SMALL = Size(NANO, 0.0, 256, (2,), (1,), 2, 1, 30, augmix=False)


def parity(size: Size) -> Figures:
    """How far the golden model is from the release in float64, over the largest value."""
    model = weights.load_official(
        GOLDENS / "state_dict.safetensors",
        **{"video_heads": 4, "global_heads": 5, "emotion_heads": 2, "text_heads": 3},
    )
    graphdef, state = nnx.split(model)
    golden = np.load(GOLDENS / "f64.npz")
    pixels = np.load(GOLDENS / "inputs.npz")["inputs_uint8"][:, 0].transpose(0, 2, 3, 4, 1)
    for precision in ("default", "highest"):
        with jax.default_matmul_precision(precision):
            forward = jax.jit(lambda state, x: nnx.merge(graphdef, state)(x))
            out = forward(state, augment.normalize(jnp.asarray(pixels)))
        yield {
            "products": precision,
            "embedding_off": _off(out.clip_embedding, golden["clip_feature"]),
            "logits_off": _off(out.logits, golden["class_scores"]),
        }


def _off(value: jax.Array, expected: np.ndarray) -> float:
    return float(np.abs(np.asarray(value) - expected).max() / np.abs(expected).max())


def step(size: Size) -> Figures:
    """The training step, without and with gathering and augmentation."""
    rate = matmul_rate(size.product, "bfloat16")
    yield {"product": size.product, "tflops": rate / 1e3}
    for batch in size.batches:
        with _said(batch=batch) as line:
            alone = update_s(size.cfg, batch, size.repeats)
            line |= {"update_s": alone, "update_share": size.gflop * batch / alone / rate}
            line |= run_times(
                MerClip(size.cfg, rngs=nnx.Rngs(0)), _config(size, batch), 1, size.repeats
            )
            line["share"] = size.gflop * batch / line["train_step_s"] / rate
            line["clips_per_s"] = batch / line["train_step_s"]
        yield line


def _config(size: Size, batch: int) -> ConfigDict:
    """The recipe for CASME II at a model's sizes."""
    config = casme2.get_config()
    config.recipe.batch_size, config.parallel.devices = batch, 1
    config.augment.augmix = size.augmix
    config.data.image_size, config.data.frames = size.cfg.vision.image_size, size.cfg.vision.frames
    return config


@contextmanager
def _said(**line: Any) -> Iterator[dict[str, Any]]:
    """A line of figures; what the device cannot do is one of them."""
    try:
        yield line
    except (jax.errors.JaxRuntimeError, NotImplementedError, ValueError, RuntimeError) as error:
        line["error"] = str(error).splitlines()[0][:200]


def attention(size: Size) -> Figures:
    """Our attention and JAX's fused one, on the tokens of a batch, from [b, n, h, d] and back."""
    cfg, fused = size.cfg.vision, "cudnn" if jax.default_backend() == "gpu" else "xla"
    shape = (size.batches[0] * cfg.frames // 2, cfg.grid**2 + 1, cfg.heads, cfg.width // cfg.heads)
    given = [jax.random.normal(jax.random.key(i), shape, "bfloat16") for i in range(4)]

    def ours(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
        q, k, v = (x.transpose(0, 2, 1, 3) for x in (q / math.sqrt(shape[-1]), k, v))
        return attend(q, k, v).transpose(0, 2, 1, 3)

    theirs = partial(jax.nn.dot_product_attention, implementation=fused)
    for name, form in (("ours", ours), (fused, theirs)):
        with _said(form=name, shape=shape) as line:
            forward, both = jax.jit(form), jax.jit(partial(_with_gradient, form))
            line["forward_s"] = timed(partial(forward, *given[:3]), size.repeats)
            line["step_s"] = timed(partial(both, *given), size.repeats)
        yield line


def _with_gradient(
    form: Callable, q: jax.Array, k: jax.Array, v: jax.Array, grad: jax.Array
) -> Any:
    value, pullback = jax.vjp(form, q, k, v)
    return value, pullback(grad)


def folds(size: Size) -> Figures:
    """Folds trained at once by the recipe for CASME II, and the whole run that they make."""
    config = _config(size, size.recipe)
    steps = max(1, round(CLIPS * (1 - 1 / SUBJECTS) / size.recipe))
    for count in size.folds:
        with _said(folds=count, batch=size.recipe) as line:
            model = MerClip(size.cfg, rngs=nnx.Rngs(0))
            line |= run_times(model, config, count, size.repeats)
            line["clips_per_s"] = count * size.recipe / line["train_step_s"]
            group_s = config.recipe.epochs * steps * line["train_step_s"] + line["predict_s"]
            whole_s = line["first_step_s"] + math.ceil(SUBJECTS / count) * group_s
            line["casme2_minutes"] = whole_s / 60
        yield line


def packing(size: Size) -> Figures:
    """Packing clips, drawing batches and reading their frames, on the host."""
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):  # TFDS prints
        found = inputs.measure(Path(folder), size.packed)
    yield found


PARTS = {part.__name__: part for part in (parity, step, attention, folds, packing)}


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_list("parts", list(PARTS), f"of {', '.join(PARTS)}", flag_values=given)
    flags.DEFINE_string("json", "", "also write the lines to this file", flag_values=given)
    flags.DEFINE_bool("small", False, "a small model, few repeats", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Print a line of JSON per figure as it is measured."""
    size, device = SMALL if given.small else FULL, jax.devices()[0]
    size = replace(size, cfg=size.cfg.with_dtype("bfloat16"))
    about = {"device": device.device_kind, "jax": jax.__version__, **workdir.provenance()}
    lines = itertools.chain(
        [{"part": "about", **about}],
        ({"part": name, **line} for name in given.parts for line in PARTS[name](size)),
    )
    with open(given.json or os.devnull, "w") as file:
        for line in lines:
            for out in (sys.stdout, file):
                out.write(json.dumps(line) + "\n")
                out.flush()


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
