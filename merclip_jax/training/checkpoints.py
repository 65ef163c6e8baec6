"""Checkpoints of one fold: its training state and its sampler's position, together.

The only importer of Orbax. A checkpoint carries a digest of its own numbers, because Orbax loads a
flipped byte without a word. With several processes all call alike; Orbax lets the first one write.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp


class Saved(NamedTuple):
    """A checkpoint: the state after `step` steps, and the JSON-able position that goes with it."""

    step: int
    state: Any
    position: dict[str, Any]


class FoldCheckpoints:
    """The newest `keep` checkpoints of one fold, in `directory`."""

    def __init__(self, directory: Path, keep: int):
        self._checkpointer = ocp.training.Checkpointer(
            directory.resolve(),
            preservation_policy=ocp.training.preservation_policies.LatestN(keep),
            cleanup_tmp_directories=True,
        )

    def save(self, step: int, state: Any, position: dict) -> None:
        """Save a state (any tree of arrays) and a JSON-able sampler position after `step` steps."""
        leaves = _leaves(state)
        metadata = {"step": step, "position": position, "digest": _digest(leaves)}
        # As one array of JSON's bytes: Orbax would store each number of a position, predictions
        # among them, as a leaf of its own, which takes longer than the epoch.
        written = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
        parts = {"state": leaves, "about": {"json": written}}
        self._checkpointer.save_checkpointables(step, parts)

    def restore(self, state: Any) -> tuple[Saved | None, list[str]]:
        """The newest whole checkpoint, None if there is none; and what is to be said of others.

        Args:
          state: a tree of arrays like the saved one; it gives structure, shapes and devices.

        A checkpoint that cannot be read, or whose numbers changed, is passed over with a notice.
        """
        expected, notices = _leaves(state), []
        for checkpoint in sorted(self._checkpointer.checkpoints, key=lambda c: -c.step):
            try:
                parts = self._checkpointer.load_checkpointables(
                    checkpoint.step, {"state": expected, "about": None}
                )
                leaves = parts["state"]
                metadata = json.loads(np.asarray(parts["about"]["json"]).tobytes())
            except Exception as error:  # noqa: BLE001 - Orbax raises many kinds for a damaged file
                notices.append(
                    f"checkpoint {checkpoint.step} cannot be read ({error.__cause__ or error}); "
                    "trying the one before it"
                )
                continue
            if _digest(leaves) != metadata["digest"]:
                notices.append(
                    f"the numbers of checkpoint {checkpoint.step} changed since it was saved; "
                    "trying the one before it"
                )
                continue
            ordered = [leaves[name] for name in expected]
            restored = jax.tree.unflatten(jax.tree.structure(state), ordered)
            return Saved(metadata["step"], restored, metadata["position"]), notices
        return None, notices

    def close(self) -> None:
        """Wait for what is still being written."""
        self._checkpointer.close()


def _leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by their path: Orbax then needs to know nothing about our types."""
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(tree)}


def _digest(leaves: dict[str, Any]) -> str:
    sha = hashlib.sha256()
    for name in sorted(leaves):
        sha.update(name.encode() + np.ascontiguousarray(leaves[name]).tobytes())
    return sha.hexdigest()
