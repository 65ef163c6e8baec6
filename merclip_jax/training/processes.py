"""Several processes of one run: they join, they wait for each other, the first one writes."""

import itertools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from ml_collections import ConfigDict
from orbax.checkpoint import multihost

from merclip_jax.errors import ConfigError

PATIENCE_MS = 7 * 24 * 3600 * 1000  # packing a large corpus may take hours
START_S = 3600  # a cluster may start the last process long after the first
END_S = 10  # one that ends early waits so long for the others, and then ends them
SAID_AFTER_S = 5
_BARRIERS = itertools.count()  # every process comes to the same ones in the same order


def join(settings: ConfigDict) -> None:
    """Join the other processes of a run, before anything else of jax is used.

    Every process runs the same command; the first alone writes files, which all must see.

    Raises:
      ConfigError: no answer from the coordinator.
    """
    if not settings.coordinator or jax.distributed.is_initialized():
        return
    given = {}
    if settings.coordinator != "auto":  # else the cluster's own environment tells
        given = {
            "coordinator_address": settings.coordinator,
            "num_processes": settings.processes,
            "process_id": settings.process,
        }
    try:
        jax.distributed.initialize(
            **given,
            initialization_timeout=START_S,
            shutdown_timeout_seconds=END_S,
        )
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"--config.parallel.coordinator={settings.coordinator!r}: {error}"
        ) from error


def is_first() -> bool:
    """Whether this process is the one that writes."""
    return jax.process_index() == 0


def wait_for_all(what: str) -> None:
    """Go on when every process of the run has come here, however long one works before it.

    The devices' own barrier gives up after 30 s on CPU. This one is the coordinator's, which also
    ends the others if a process dies.
    """
    if jax.process_count() == 1:
        return
    number = jax.process_index()
    timer = threading.Timer(SAID_AFTER_S, sys.stderr.write, [f"process {number} waits: {what}\n"])
    timer.start()
    try:
        barrier = multihost.get_barrier_sync_fn()
        barrier(key=f"{what} {next(_BARRIERS)}", timeout_ms=PATIENCE_MS)
    finally:
        timer.cancel()


@contextmanager
def first_alone(what: str) -> Iterator[None]:
    """Let the first process go through the block before the others begin it."""
    if not is_first():
        wait_for_all(what)
    yield
    if is_first():
        wait_for_all(what)


def fetch(tree: Any) -> Any:
    """Arrays on the host, whole, also where other processes hold parts of them."""

    def whole(x: Any) -> np.ndarray:
        if isinstance(x, jax.Array) and not x.is_fully_addressable:
            return multihost_utils.process_allgather(x, tiled=True)
        return np.asarray(x)

    return jax.tree.map(whole, tree)
