"""Checkpoints of one fold: its training state and its sampler's position, together.

A checkpoint carries a digest of all that it holds, because Orbax loads a flipped byte without a
word. With several processes all call alike, and the first one writes.
"""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp

from merclip_jax.training import parallel

DIGEST = hashlib.sha256().digest_size  # bytes
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
        self._open()

    def _open(self) -> None:
        self._checkpointer = ocp.training.Checkpointer(
            self._directory,
            preservation_policy=ocp.training.preservation_policies.LatestN(self._keep),
            cleanup_tmp_directories=True,
        )

    def save(self, step: int, state: Any, position: dict) -> None:
        """Save a state (any tree of arrays) and a JSON-able sampler position after `step` steps.

        Raises:
          OSError: it cannot be written; the checkpoints before it stay.
        """
        leaves = _leaves(state)
        text = json.dumps({"step": step, "position": position}).encode()
        # As one array of bytes: Orbax would store each number of a position, predictions among
        # them, as a leaf of its own, which takes longer than the epoch.
        written = np.frombuffer(_digest(leaves, text) + text, np.uint8)
        parts = {"state": leaves, "about": {"json": written}}
        try:
            self._checkpointer.save_checkpointables(step, parts)
        except Exception as error:  # noqa: BLE001 - of a full disk Orbax says it in many ways
            said = f"checkpoint {step} cannot be written ({_first_line(error)})"
            raise OSError(errno.EIO, said, str(self._directory)) from error

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
                said = _first_line(error)
                notices.append(f"checkpoint {step} cannot be read ({said}); it is set aside")
                continue
            if notices:
                self.set_aside(after=step)
            return saved, notices
        if notices:
            self.set_aside()
            notices.append("no whole checkpoint is left; starting anew")
        return None, notices

    def set_aside(self, after: int = -1) -> None:
        """Move the checkpoints of steps `after` that one out of the way, beside the others."""
        self._checkpointer.close()
        aside = self._directory.with_name(f"{self._directory.name}-set-aside")
        parallel.wait_for_all("reading checkpoints")
        with parallel.first_alone("setting checkpoints aside"):
            for step in self._steps() if parallel.is_first() else ():
                if step > after:
                    aside.mkdir(exist_ok=True)
                    _remove(aside / str(step))
                    os.rename(self._directory / str(step), aside / str(step))
        self._open()

    def close(self) -> None:
        """Wait for what is still being written."""
        self._checkpointer.close()

    def _steps(self) -> list[int]:
        """Those that have a folder, or whatever has taken its name: Orbax lists only good ones."""
        return [int(path.name) for path in self._directory.iterdir() if path.name.isdecimal()]

    def _load(self, step: int, state: Any) -> Saved:
        expected = _leaves(state)
        parts = self._checkpointer.load_checkpointables(step, {"state": expected, "about": None})
        leaves, about = parts["state"], np.asarray(parts["about"]["json"])
        if _digest(leaves, about[DIGEST:].tobytes()) != about[:DIGEST].tobytes():
            raise ValueError("it changed since it was saved")
        written = json.loads(about[DIGEST:].tobytes())
        restored = jax.tree.unflatten(
            jax.tree.structure(state), [leaves[name] for name in expected]
        )
        return Saved(written["step"], restored, written["position"])


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
