"""What the full model's training step spends outside matrix products, part by part.

python -m benchmarks.speed.parts

Each part of B/16 (16 frames of 224 px, batch 2) runs alone, forward and with its backward pass, as
often as the model has it. 'products' is what its matrix products would take at this machine's
measured rate; 'beyond' is the rest: softmax, norms, BatchNorm's statistics, transposes, memory.
The parts run alone, so that XLA fuses across none of their borders: their sum is above the step.
"""

import sys
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
from absl import flags
from flax import nnx

from benchmarks.speed.step import full_model, matmul_rate, timed
from merclip_jax import app
from merclip_jax.towers.video import Mode

BATCH = 2
REPEATS = 5


def parts() -> Iterator[tuple[str, int, nnx.Module, tuple[jax.Array, ...]]]:
    """Name, how many there are, one of them, its input."""
    model = full_model()
    tower, cfg = model.vision, model.cfg.vision
    n = cfg.frames // 2  # time steps: the first layer halves them
    tokens = (cfg.image_size // cfg.patch_size) ** 2 + 1
    x = jnp.ones((BATCH, n, tokens, cfg.width))
    flat = x.reshape(-1, tokens, cfg.width)
    block, frames = tower.blocks[0], jnp.ones((BATCH, cfg.frames, 224, 224, 3))
    yield "first layer", 1, tower.patch_embedding, (frames,)
    yield "attention", cfg.layers, block.attn, (flat,)
    yield "MLP", cfg.layers, block.mlp, (x,)
    yield "local MHRA", 2 * cfg.layers, block.lmhra1, (x,)
    yield "LayerNorm", 2 * cfg.layers, block.ln_1, (x,)
    yield "global block", len(cfg.global_layers), tower.global_blocks[0], (x[:, 0, :1], x)


def run(name: str, module: nnx.Module, inputs: tuple[jax.Array, ...]) -> jax.Array:
    """One part in training mode."""
    if name == "local MHRA":
        return module(*inputs, True)
    if name == "global block":
        return module(*inputs, Mode(train=True, rngs=nnx.Rngs(0)), "part")
    return module(*inputs)


def measured(name: str, module: nnx.Module, inputs: tuple[jax.Array, ...]) -> dict[str, float]:
    """Seconds and GFLOP of the part, forward and forward + backward."""
    graphdef, params, rest = nnx.split(module, nnx.Param, ...)

    def forward(params, inputs):
        return run(name, nnx.merge(graphdef, params, rest, copy=True), inputs)

    def both(params, inputs, cotangent):
        # The frames need no gradient; every other part passes one on.
        wanted = params if name == "first layer" else (params, inputs)
        call = (lambda p: forward(p, inputs)) if name == "first layer" else lambda w: forward(*w)
        value, pullback = jax.vjp(call, wanted)
        return value, pullback(cotangent)

    cotangent = jnp.ones(jax.eval_shape(forward, params, inputs).shape)
    found = {}
    for kind, call in (
        ("forward", jax.jit(forward).lower(params, inputs).compile()),
        ("both", jax.jit(both).lower(params, inputs, cotangent).compile()),
    ):
        given = (params, inputs) if kind == "forward" else (params, inputs, cotangent)
        found[f"{kind}_s"] = timed(lambda call=call, given=given: call(*given), REPEATS)
        found[f"{kind}_gflop"] = call.cost_analysis()["flops"] / 1e9
    return found


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """It has no flags."""


def main(given: flags.FlagValues) -> None:
    """Print a table."""
    rate = matmul_rate()
    sys.stdout.write(f"matrix products: {rate:.0f} GFLOP/s; seconds per clip\n")
    sys.stdout.write(
        f"{'':22}{'forward':>9}{'products':>9}{'step':>9}{'products':>9}{'beyond':>9}\n"
    )
    totals = [0.0] * 5
    for name, count, module, inputs in parts():
        found = {
            key: value * count / BATCH for key, value in measured(name, module, inputs).items()
        }
        step, products = found["both_s"], found["both_gflop"] / rate
        row = [found["forward_s"], found["forward_gflop"] / rate, step, products, step - products]
        totals = [total + value for total, value in zip(totals, row, strict=True)]
        cells = "".join(f"{value:9.3f}" for value in row)
        sys.stdout.write(f"{count:3} x {name:16}{cells}\n")
    sys.stdout.write(f"{'all of these':22}{''.join(f'{value:9.3f}' for value in totals)}\n")


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
