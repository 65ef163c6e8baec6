"""A run's training step and prediction, compiled by its own engine from shapes alone."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import topologies
from jax.sharding import NamedSharding

from benchmarks.aot.collectives import Collective, collectives
from benchmarks.speed.step import learner_of
from merclip_jax.configs import base
from merclip_jax.data.inputs import Stored
from merclip_jax.models import MerClip
from merclip_jax.towers.config import MerClipConfig
from merclip_jax.towers.folder import abstract
from merclip_jax.training.batch import Batch, Shared, State
from merclip_jax.training.parallel import Engine

HERE = "here"  # in place of a topology: the devices at hand
GIB = 2**30
MEMORY = {  # of a device, by its kind; Google's "TPU versions" pages
    "TPU v2": 8 * GIB, "TPU v3": 16 * GIB, "TPU v4": 32 * GIB, "TPU v5 lite": 16 * GIB,
}  # fmt: skip
PACKED_FRAMES = 255 * 66  # CASME II, all frames of all clips
SENTENCES, TEMPLATES = 88, 7


@dataclass(frozen=True)
class Step:
    """What is compiled.

    Attributes:
      topology: of the TPUs, as 'v5e:2x4', or HERE.
      form: parallel.form.
      folds: that train at once.
      kind: 'train' or 'predict'.
      batch: clips of a fold in a step.
      cfg: the model.
      devices: of the topology, the first ones; 0: all.
    """

    topology: str
    form: str
    folds: int
    kind: str
    batch: int
    cfg: MerClipConfig
    devices: int = 0


@dataclass(frozen=True)
class Compiled:
    """What the compiler says; bytes and floating point operations are those of one device.

    Attributes:
      spread: devices over which folds, and each fold's batch, are spread.
      arguments: state, packed clips, texts, frozen parameters; the new state takes their place.
      memory: of the device; 0 if not known.
    """

    device: str
    spread: tuple[int, int]
    compile_s: float
    arguments: int
    temporaries: int
    peak: int
    memory: int
    flops: float
    collectives: list[Collective]


@cache
def devices_of(topology: str) -> Sequence[jax.Device]:
    """The devices of a topology, which need not be attached."""
    if topology == HERE:
        return jax.devices()
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")  # else libtpu asks the cloud where it is
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")  # no TPU is taken from anyone
    # Both cores of a v4 chip are one device, as on a machine that has them.
    options = {"chip_config_name": "megacore"} if topology.startswith("v4") else {}
    return topologies.get_topology_desc(topology, platform="tpu", **options).devices


def compiled(step: Step) -> Compiled:
    """Compile a step; no array is made."""
    devices = devices_of(step.topology)[: step.devices or None]
    engine, state, batch, shared = _given(step, devices)
    began = time.perf_counter()
    if step.kind == "train":
        lowered = engine.step.lower(state, batch, shared)
    else:
        lowered = engine.predict.lower(state, batch.rows, shared)
    program = lowered.compile()
    seconds = time.perf_counter() - began
    memory, device = program.memory_analysis(), devices[0].device_kind
    return Compiled(
        device,
        tuple(engine.sharding().mesh.devices.shape),
        seconds,
        memory.argument_size_in_bytes,
        memory.temp_size_in_bytes,
        memory.peak_memory_in_bytes,
        MEMORY.get(device, 0),
        program.cost_analysis()["flops"],
        collectives(program.as_text()),
    )


def _given(step: Step, devices: Sequence[jax.Device]) -> tuple[Engine, State, Batch, Shared]:
    """The engine of a run, and what its step takes: shapes that know where they lie."""
    config = base.get_config()
    config.recipe.batch_size = step.batch
    config.parallel.form = step.form
    learner, params, model_state, frozen = learner_of(abstract(MerClip, step.cfg), config)
    engine = Engine(learner, step.folds, devices)
    state = jax.eval_shape(learner.start, params, model_state, jax.random.key(0))
    of_folds = jax.tree.map(lambda x: _shape((step.folds, *x.shape), x.dtype), state)
    shared = Shared(*_stored(step.cfg), frozen)
    return (
        engine,
        _placed(of_folds, engine.sharding("fold")),
        _batch(step, engine),
        _placed(shared, engine.sharding()),
    )


def _shape(shape: tuple[int, ...], dtype: Any = jnp.int32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def _placed(tree: Any, sharding: NamedSharding) -> Any:
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree)


def _stored(cfg: MerClipConfig) -> tuple[Stored, jax.ShapeDtypeStruct]:
    """A packed corpus, and the embeddings of its sentences."""
    side = cfg.vision.image_size
    texts = _shape((SENTENCES, TEMPLATES, cfg.text.output_dim), jnp.float32)
    return Stored(_shape((PACKED_FRAMES, side, side, 3), jnp.uint8), None), texts


def _batch(step: Step, engine: Engine) -> Batch:
    classes = _shape((step.folds, step.batch))
    batch = Batch(_shape((*classes.shape, step.cfg.vision.frames)), classes, classes, classes)
    if engine.form == "pmap" and step.kind == "train":
        return jax.eval_shape(engine.put_batch, batch)
    return _placed(batch, engine.sharding("fold", "data"))
