"""Checkpoints of one fold: its training state and its sampler's position, together.

A checkpoint carries a digest of all that it holds, because Orbax loads a flipped byte without a
word. Of several processes one that holds the fold saves it, alone; all of them read, so that all
know where training goes on.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from orbax import checkpoint as ocp
from orbax.checkpoint import v1

from merclip_jax.training import processes

DIGEST = hashlib.sha256().digest_size  # bytes
PARTS = ("state", "about")
PARTIAL = ".orbax-checkpoint-tmp"  # in the name of what Orbax has not finished
SAID = 200  # letters of an error that a notice shows


class Saved(NamedTuple):
    """A checkpoint: the state after `step` steps, and the JSON-able position that goes with it."""

    step: int
    state: Any
    position: dict[str, Any]


class FoldCheckpoints:
    """The newest `keep` checkpoints of one fold, in `directory`."""

    def __init__(self, directory: Path, keep: int):
        self._directory, self._keep = directory.resolve(), keep
        self._thread = ThreadPoolExecutor(1)
        self._writer: ocp.Checkpointer | None = None
        self._writing: Future | None = None

    def save(self, step: int, state: Any, position: dict) -> None:
        """Save a state (any tree of arrays) and a JSON-able sampler position after `step` steps.

        It is written while training goes on; the arrays must not change until the next call here.

        Raises:
          OSError: this one or the one before it cannot be written; those before that stay.
        """
        self._written()
        text = json.dumps({"step": step, "position": position}).encode()
        self._writing = self._thread.submit(self._write, step, _leaves(state), text)

    def _write(self, step: int, leaves: dict[str, Any], text: bytes) -> None:
        # As one array of bytes: Orbax would store each number of a position, predictions among
        # them, as a leaf of its own, which takes longer than the epoch.
        written = np.frombuffer(_digest(leaves, text) + text, np.uint8)
        parts = {"state": leaves, "about": {"json": written}}
        save = {name: ocp.args.PyTreeSave(part) for name, part in parts.items()}
        with self._named(step):
            self._writer = self._writer or self._begun()
            self._writer.save(self._directory / str(step), ocp.args.Composite(**save))
            for old in sorted(self._steps())[: -self._keep]:
                _remove(self._directory / str(old))

    def _begun(self) -> ocp.Checkpointer:
        """What writes into the folder, rid of what a killed process left half written in it.

        It waits for no other process. Orbax's own asynchronous form would take the word of another
        process's folders for that of its own.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        for path in self._directory.glob(f"*{PARTIAL}*"):
            _remove(path)
        alone = ocp.options.MultiprocessingOptions(**_here())
        parts = {name: ocp.PyTreeCheckpointHandler(multiprocessing_options=alone) for name in PARTS}
        together = ocp.CompositeOptions(multiprocessing_options=alone)
        handler = ocp.CompositeCheckpointHandler(composite_options=together, **parts)
        return ocp.Checkpointer(handler, multiprocessing_options=alone)

    def _written(self) -> None:
        """Wait until what was begun is on the disk."""
        if self._writing:
            writing, self._writing = self._writing, None
            writing.result()

    @contextmanager
    def _named(self, step: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - of a full disk Orbax says it in many ways
            message = f"checkpoint {step} cannot be written ({_first_line(error)})"
            raise OSError(errno.EIO, message, str(self._directory)) from error

    def restore(self, state: Any) -> tuple[Saved | None, list[str]]:
        """The newest whole checkpoint, None if there is none; and what is to be said of others.

        Args:
          state: a tree of arrays like the saved one; it gives structure, shapes and devices.

        A checkpoint that cannot be read, or that changed since it was saved, is set aside with a
        notice: the step that it stands for will be saved again.
        """
        notices = []
        for step in sorted(self._steps(), reverse=True):
            try:
                saved = self._load(step, state)
            except Exception as error:  # noqa: BLE001 - Orbax raises many kinds for a damaged file
                reason = _first_line(error)
                notices.append(f"checkpoint {step} cannot be read ({reason}); it is set aside")
                continue
            if notices:
                self.set_aside(after=step)
            return saved, notices
        if notices:
            self.set_aside()
            notices.append("no whole checkpoint is left; starting anew")
        return None, notices

    def set_aside(self, after: int = -1) -> None:
        """Move checkpoints of steps `after` that one out of the way; all processes must call."""
        aside = self._directory.with_name(f"{self._directory.name}-set-aside")
        processes.wait_for_all("reading checkpoints")
        with processes.first_alone("setting checkpoints aside"):
            for step in self._steps() if processes.is_first() else ():
                if step > after:
                    aside.mkdir(exist_ok=True)
                    _remove(aside / str(step))
                    os.rename(self._directory / str(step), aside / str(step))

    def close(self) -> None:
        """Wait for what is still being written.

        Raises:
          OSError: it cannot be written.
        """
        self._written()
        self._thread.shutdown()

    def _steps(self) -> list[int]:
        """Those that have a folder, or whatever has taken its name: Orbax lists only good ones."""
        if not self._directory.is_dir():
            return []
        return [int(path.name) for path in self._directory.iterdir() if path.name.isdecimal()]

    def _load(self, step: int, state: Any) -> Saved:
        expected = _leaves(state)
        alone = v1.Context()
        for name, value in _here().items():
            setattr(alone.multiprocessing, name, value)
        with alone:
            parts = v1.load_checkpointables(
                self._directory / str(step), {"state": expected, "about": None}
            )
        leaves, about = parts["state"], np.asarray(parts["about"]["json"])
        if _digest(leaves, about[DIGEST:].tobytes()) != about[:DIGEST].tobytes():
            raise ValueError("it changed since it was saved")
        written = json.loads(about[DIGEST:].tobytes())
        restored = jax.tree.unflatten(
            jax.tree.structure(state), [leaves[name] for name in expected]
        )
        return Saved(written["step"], restored, written["position"])


def _here() -> dict[str, Any]:
    """Options that let Orbax write and read in this process without waiting for others."""
    if jax.process_count() == 1:
        return {}
    here = jax.process_index()
    return {
        "primary_host": here,
        "active_processes": {here},
        "barrier_sync_key_prefix": f"process {here}",
    }


def _leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by their path: Orbax then needs to know nothing about our types."""
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(tree)}


def _digest(leaves: dict[str, Any], text: bytes) -> bytes:
    sha = hashlib.sha256()
    for name in sorted(leaves):
        sha.update(name.encode() + np.ascontiguousarray(leaves[name]).tobytes())
    sha.update(text)
    return sha.digest()


def _first_line(error: Exception) -> str:
    return str(error.__cause__ or error).partition("\n")[0][:SAID]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
