"""Memory of a full-size training step (B/16, 16 frames of 224 px), by the compiler's own account.

python -m benchmarks.speed.memory --batch=8,16 [--forms=bfloat16+remat] [--topology=v5e:2x2]

Nothing is run and no weights are made: the step is compiled from shapes. With --topology it is
compiled for one core of that TPU, for which no TPU is needed but `pip install "jax[tpu]"`;
without, for the device at hand. XLA for CPU undoes rematerialisation, so its figures with it are
too high. What a step holds is its arguments (state, frozen text tower, packed clips) and its
temporaries; the updated state takes the old one's place.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
from absl import flags
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks.speed.step import learner_of
from merclip_jax import app
from merclip_jax.configs import base
from merclip_jax.models import MerClip
from merclip_jax.towers.config import MerClipConfig, VisionConfig
from merclip_jax.towers.folder import abstract
from merclip_jax.training import step

PACKED_FRAMES = 255 * 66  # CASME II, all frames of all clips
TEXTS = (88, 7, 512)
GIB = 2**30
FORMS = {  # compute dtype, rematerialisation
    "float32": ("float32", False),
    "bfloat16": ("bfloat16", False),
    "bfloat16+remat": ("bfloat16", True),
}


def compiled(batch: int, dtype: str, remat: bool, sharding: NamedSharding | None):
    """The training step of a fold, compiled from shapes."""
    cfg = MerClipConfig(vision=VisionConfig.b16(remat=remat)).with_dtype(dtype)
    config = base.get_config()
    config.recipe.batch_size = batch
    learner, params, model_state, frozen = learner_of(abstract(MerClip, cfg), config)
    state = jax.eval_shape(learner.start, params, model_state, jax.random.key(0))
    frames, classes = cfg.vision.frames, jax.ShapeDtypeStruct((batch,), jnp.int32)
    rows = jax.ShapeDtypeStruct((batch, frames), jnp.int32)
    side = cfg.vision.image_size
    shared = step.Shared(
        jax.ShapeDtypeStruct((PACKED_FRAMES, side, side, 3), jnp.uint8),
        jax.ShapeDtypeStruct(TEXTS, jnp.float32),
        frozen,
    )
    given = (state, step.Batch(rows, classes, classes, classes), shared)
    given = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), given)
    return jax.jit(learner.train, donate_argnums=0).lower(*given).compile()


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_list("forms", list(FORMS), "which of these forms", flag_values=given)
    flags.DEFINE_list("batch", ["8"], "batch sizes", flag_values=given)
    flags.DEFINE_string("topology", "", "compile for a TPU such as v5e:2x2", flag_values=given)
    flags.DEFINE_string("json", "", "also write the figures to this file", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Print a line per batch size and form."""
    sharding = None
    device = jax.devices()[0]
    if given.topology:
        device = topologies.get_topology_desc(given.topology, platform="tpu").devices[0]
        sharding = NamedSharding(Mesh([device], ("data",)), PartitionSpec())
    sys.stdout.write(f"{device.device_kind}, jax {jax.__version__}; GiB\n")
    sys.stdout.write(f"{'batch':>6}  {'form':18}{'arguments':>10}{'temporaries':>12}{'sum':>8}\n")
    figures = []
    for batch in map(int, given.batch):
        for form in given.forms:
            try:
                memory = compiled(batch, *FORMS[form], sharding).memory_analysis()
            except jax.errors.JaxRuntimeError as error:  # too big for the TPU's compiler
                sys.stdout.write(f"{batch:6}  {form:18}{_reason(error)}\n")
                continue
            held, temporary = memory.argument_size_in_bytes, memory.temp_size_in_bytes
            figures.append({"batch": batch, "form": form, "held": held, "temporary": temporary})
            sys.stdout.write(
                f"{batch:6}  {form:18}{held / GIB:10.2f}{temporary / GIB:12.2f}"
                f"{(held + temporary) / GIB:8.2f}\n"
            )
            sys.stdout.flush()
    if given.json:
        about = {"device": device.device_kind, "jax": jax.__version__, "figures": figures}
        Path(given.json).write_text(json.dumps(about, indent=2) + "\n")


def _reason(error: Exception) -> str:
    """The part of the compiler's message that says how much is too much."""
    lines = str(error).splitlines()
    return next((line for line in lines if "hbm" in line.lower()), str(error))[:90]


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
