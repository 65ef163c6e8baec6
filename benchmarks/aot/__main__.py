"""What the full-size step comes to on TPUs that need not be here.

python -m benchmarks.aot --topology=v5e:2x4 --form=jit,pmap --folds=1,4 [--json=FILE]

B/16 with 16 frames of 224 px is compiled from shapes by the engine that trains, the packed frames
of CASME II and the frozen text tower with it. No TPU and no weights are needed, but libtpu:
pip install '.[tpu]'; without a TPU set JAX_PLATFORMS=cpu. --topology=here compiles for the devices
at hand; XLA for CPU undoes rematerialisation, so its memory is too high.

A row's memory is that of one device: arguments (state, clips, texts, frozen parameters; the new
state takes the old one's place) and temporaries; so are the floating point operations, and the
bytes of what collectives result in.
"""

import itertools
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import jax
from absl import flags

from benchmarks.aot.steps import GIB, HERE, Compiled, Step, compiled
from merclip_jax import app
from merclip_jax.towers.config import MerClipConfig

TOPOLOGIES = ["v5e:2x2", "v5e:2x4", "v4:2x2x1", "v2:2x2"]
SIZES = {"b16": MerClipConfig.b16, "tiny": MerClipConfig.tiny}
COMPUTE = {  # compute dtype, rematerialisation
    "float32": ("float32", False),
    "bfloat16": ("bfloat16", False),
    "bfloat16+remat": ("bfloat16", True),
}
COLUMNS = (
    *("topology", "form", "folds x data", "step", "batch", "compute", "compile s"),
    *("arguments", "temporaries", "peak", "of, GiB", "TFLOP", "collectives"),
)


def model(size: str, compute: str) -> MerClipConfig:
    """A model's sizes, with a compute dtype and perhaps rematerialisation."""
    dtype, remat = COMPUTE[compute]
    cfg = SIZES[size](5).with_dtype(dtype)
    return replace(cfg, vision=replace(cfg.vision, remat=remat))


def steps(given: flags.FlagValues) -> Iterator[tuple[str, Step]]:
    """What was asked for, each with its compute form; pmap trains one fold and predicts as jit."""
    choices = (given.topology, given.form, given.folds, given.step, given.batch, given.compute)
    for topology, form, folds, kind, batch, compute in itertools.product(*choices):
        if form == "jit" or (kind, folds) == ("train", "1"):
            cfg = model(given.size, compute)
            yield compute, Step(topology, form, int(folds), kind, int(batch), cfg, given.devices)


def row(step: Step, compute: str, found: Compiled) -> str:
    """A line of the table."""
    gib = (found.arguments, found.temporaries, found.peak, found.memory)
    sent: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for each in found.collectives:
        sent[each.kind][0] += 1
        sent[each.kind][1] += each.bytes
    cells = [
        *(step.topology, step.form, "{} x {}".format(*found.spread), step.kind, str(step.batch)),
        *(compute, f"{found.compile_s:.0f}", *(f"{part / GIB:.2f}" for part in gib)),
        f"{found.flops / 1e12:.2f}",
        "; ".join(f"{n} {kind}, {_size(size)}" for kind, (n, size) in sorted(sent.items())) or "-",
    ]
    return f"| {' | '.join(cells)} |"


def _size(count: int) -> str:
    return f"{count / GIB:.2f} GiB" if count > GIB / 10 else f"{count / 2**20:.2f} MiB"


def _reason(error: Exception) -> str:
    """The part of the compiler's message that says how much is too much."""
    lines = str(error).splitlines()
    return next((line for line in lines if "hbm" in line.lower()), str(error))[:120]


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_list("topology", TOPOLOGIES, f"of TPUs, or {HERE!r}", flag_values=given)
    flags.DEFINE_list("form", ["jit", "pmap"], "parallel.form", flag_values=given)
    flags.DEFINE_list("folds", ["1", "4"], "folds that train at once", flag_values=given)
    flags.DEFINE_integer("devices", 0, "of each topology; 0: all", flag_values=given)
    flags.DEFINE_list("step", ["train", "predict"], "which programs", flag_values=given)
    flags.DEFINE_list("batch", ["8"], "clips of a fold in a step", flag_values=given)
    flags.DEFINE_list("compute", ["bfloat16"], f"of {', '.join(COMPUTE)}", flag_values=given)
    flags.DEFINE_enum("size", "b16", list(SIZES), "the model", flag_values=given)
    flags.DEFINE_string("json", "", "also write the figures to this file", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Print a row per program as it is compiled."""
    sys.stdout.write(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n")
    figures = []
    for compute, step in steps(given):
        try:
            found = compiled(step)
        except (jax.errors.JaxRuntimeError, ValueError) as error:  # too big, or an unknown topology
            text = _reason(error)
            sys.stdout.write(f"| {step.topology} | {step.form} | {step.folds} folds | {text} |\n")
            continue
        sys.stdout.write(f"{row(step, compute, found)}\n")
        sys.stdout.flush()
        sent = [each._asdict() for each in found.collectives]
        named = {"topology": step.topology, "form": step.form, "step": step.kind}
        sizes = {"folds": step.folds, "batch": step.batch, "compute": compute}
        figures.append(named | sizes | asdict(found) | {"collectives": sent})
    if given.json:
        about = {"jax": jax.__version__, "size": given.size, "programs": figures}
        Path(given.json).write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
