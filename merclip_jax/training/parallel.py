"""One step on many folds and many devices: a ('fold', 'data') mesh under jit, or pmap.

Every array of a state has a leading axis of folds. jit spreads the folds over the mesh's 'fold'
axis and each fold's batch over its 'data' axis; XLA adds the communication. pmap spreads the batch
of a single fold and names the axis that BatchNorm, the contrastive loss and the gradient are
summed over.
"""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from merclip_jax import progress
from merclip_jax.errors import ConfigError
from merclip_jax.training.batch import Batch, Shared, State
from merclip_jax.training.processes import fetch, is_first
from merclip_jax.training.step import Learner


def check(config: ConfigDict) -> None:
    """Refuse what cannot be spread over the devices, before any data is read.

    Raises:
      ConfigError: fewer devices than asked for, or a batch that does not divide over them.
    """
    asked, there = config.parallel.devices, len(jax.devices())
    if asked > there:
        raise ConfigError(f"--config.parallel.devices={asked}: there are {there} here")
    over_data = _spread(config, _folds(config), _devices(config))[1]
    batch_size = config.recipe.batch_size
    if batch_size % over_data:
        raise ConfigError(
            f"--config.recipe.batch_size={batch_size} does not divide over {over_data} devices; "
            "change it, or set --config.parallel.devices"
        )


def folds_at_once(config: ConfigDict, pending: int) -> int:
    """How many folds train at once: no more than are left, where that divides over the devices."""
    fewer = min(_folds(config), pending)
    fits = config.recipe.batch_size % _spread(config, fewer, _devices(config))[1] == 0
    return fewer if fits else _folds(config)


def _folds(config: ConfigDict) -> int:
    if config.parallel.form == "pmap":
        return 1
    return config.folds.parallel or (1 if jax.default_backend() == "cpu" else 4)


def _devices(config: ConfigDict) -> list[jax.Device]:
    return jax.devices()[: config.parallel.devices or None]


def _spread(config: ConfigDict, folds: int, devices: Sequence[jax.Device]) -> tuple[int, int]:
    """Over how many devices folds are spread, and each fold's batch."""
    over_folds = math.gcd(folds, len(devices)) if config.parallel.form == "jit" else 1
    return over_folds, len(devices) // over_folds


class Engine:
    """A learner's step, compiled once for `folds` folds on the devices in use.

    Other `devices` may be such as are only compiled for. `step` is what `train` runs.
    """

    def __init__(self, learner: Learner, folds: int, devices: Sequence[jax.Device] = ()):
        settings, devices = learner.config.parallel, devices or _devices(learner.config)
        over_folds, self.over_data = _spread(learner.config, folds, devices)
        self.folds = folds
        self.form = settings.form
        # Explicit axes, the default of make_mesh, would need shardings on every operation.
        self._mesh = jax.make_mesh(
            (over_folds, self.over_data), ("fold", "data"), (AxisType.Auto,) * 2, devices=devices
        )
        self.predict = jax.jit(_on_folds(learner.predict, folds, (0, 0, None)))
        self.choose_rows = jax.jit(
            _on_folds(learner.choose_rows, folds, (0, 0, 0, 0, None)), static_argnums=4
        )
        self.compile_s = 0.0  # the first step's time: compilation and one execution
        self.step = (_jitted if self.form == "jit" else _pmapped)(learner, folds, self._mesh)

    def train(self, state: State, batch: Batch, shared: Shared) -> tuple[State, dict]:
        """One step of every fold; `state` is used up."""
        if self.compile_s:
            return self.step(state, batch, shared)
        if is_first():
            progress.say("compiling the training step, once")
        began = time.monotonic()
        stepped = jax.block_until_ready(self.step(state, batch, shared))
        self.compile_s = time.monotonic() - began
        return stepped

    def sharding(self, *axes: str) -> NamedSharding:
        """Of arrays whose first dimensions are spread over the named mesh axes."""
        return NamedSharding(self._mesh, PartitionSpec(*axes))

    def put(self, tree: Any, *axes: str) -> Any:
        """Place arrays on the devices, their first dimensions spread over the named mesh axes.

        With several processes all must give the same values.
        """
        sharding = self.sharding(*axes)
        if jax.process_count() == 1:
            return jax.device_put(tree, sharding)
        return jax.tree.map(partial(_put_everywhere, sharding), tree)

    def put_batch(self, batch: Batch) -> Batch:
        """Place a training batch `[folds, b, ...]`; for pmap it is `[devices, 1, b, ...]`."""
        if self.form == "jit":
            return self.put(batch, "fold", "data")
        devices = self._mesh.size
        return jax.tree.map(lambda x: x.reshape(devices, 1, -1, *x.shape[2:]), batch)

    def holds(self, slot: int) -> bool:
        """Whether devices of this process train the fold in `slot`."""
        return jax.process_index() in self._holders(slot)

    def saves(self, slot: int) -> bool:
        """Whether this process, of those that hold the fold in `slot`, writes its state."""
        return jax.process_index() == min(self._holders(slot))

    def _holders(self, slot: int) -> set[int]:
        row = slot * self._mesh.shape["fold"] // self.folds
        return {device.process_index for device in self._mesh.devices[row]}

    def assemble(self, states: Sequence[State | None]) -> State:
        """The state that steps together, of one state per slot; None where others hold it."""
        held = {slot: state for slot, state in enumerate(states) if state is not None}
        slots = list(held)

        def together(*parts: Any) -> jax.Array:
            if isinstance(parts[0], jax.Array) and jnp.issubdtype(
                parts[0].dtype, jax.dtypes.prng_key
            ):
                return jax.random.wrap_key_data(together(*map(jax.random.key_data, parts)))
            there = [np.asarray(part) for part in parts]

            def share(index: Any) -> np.ndarray:
                return np.stack([there[slots.index(slot)] for slot in range(self.folds)[index[0]]])

            shape = (self.folds, *there[0].shape)
            return jax.make_array_from_callback(shape, self.sharding("fold"), share)

        return jax.tree.map(together, *held.values())


def of_fold(tree: Any, slot: int) -> Any:
    """One fold's arrays on the host, of a state whose fold in `slot` this process holds."""

    def own(x: jax.Array) -> np.ndarray:
        for shard in x.addressable_shards:
            slots = range(x.shape[0])[shard.index[0]]
            if slot in slots:
                return np.asarray(shard.data[slots.index(slot)])
        raise ValueError(f"another process holds the fold in slot {slot}")

    return jax.tree.map(own, tree)


def _on_folds(function: Callable, folds: int, in_axes: tuple) -> Callable:
    """`function` of one fold as a function of stacked folds.

    A single fold is not vmapped: on CPU a batched convolution is slower than the plain one.
    """
    if folds > 1:
        return jax.vmap(function, in_axes=in_axes)

    def alone(*args: Any) -> Any:
        own = [
            jax.tree.map(lambda x: x[0], arg) if axis == 0 else arg
            for arg, axis in zip(args, in_axes, strict=True)
        ]
        return jax.tree.map(lambda x: x[None], function(*own))

    return alone


def _jitted(learner: Learner, folds: int, mesh: Mesh) -> Callable[..., Any]:
    """The training step with its communication left to XLA.

    But for augmentation, which goes clip by clip: each device prepares its own clips, where XLA
    would let every device prepare all.
    """
    prepare = jax.shard_map(
        _on_folds(
            partial(learner.prepare, axis_name="data"), folds // mesh.shape["fold"], (0, 0, None)
        ),
        mesh=mesh,
        in_specs=(PartitionSpec("fold"), PartitionSpec("fold", "data"), PartitionSpec()),
        out_specs=PartitionSpec("fold", "data"),
        check_vma=False,
    )
    update = _on_folds(learner.update, folds, (0, 0, None))
    by_fold = NamedSharding(mesh, PartitionSpec("fold"))

    # A fold's state stays on its devices.
    @partial(jax.jit, donate_argnums=0, out_shardings=(by_fold, None))
    def train(state: State, batch: Batch, shared: Shared) -> tuple[State, dict]:
        return update(state, prepare(state, batch, shared), shared.frozen)

    return train


def _pmapped(learner: Learner, folds: int, mesh: Mesh) -> Callable[..., Any]:
    """The training step of a single fold with its batch spread over the devices by pmap."""
    return jax.pmap(
        _on_folds(partial(learner.train, axis_name="data"), folds, (0, 0, None)),
        axis_name="data",
        devices=list(mesh.devices.flat),
        in_axes=(None, 0, None),
        out_axes=None,
        donate_argnums=0,
    )


def _put_everywhere(sharding: NamedSharding, x: Any) -> jax.Array:
    """The share of this process of an array that every process has whole."""
    if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_put_everywhere(sharding, jax.random.key_data(x)))
    whole = fetch(x)
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])
