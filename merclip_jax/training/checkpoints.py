"""Checkpoints of one fold: its training state and its sampler's position, together.

The only importer of Orbax. A checkpoint carries a digest of its own numbers, because Orbax loads a
flipped byte without a word. With several processes all call alike; Orbax lets the first one write.
"""

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp


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
        about = {"step": step, "position": position, "digest": _digest(leaves)}
        # As one array of JSON's bytes: Orbax would store each number of a position, predictions
        # among them, as a leaf of its own, which takes longer than the epoch.
        written = np.frombuffer(json.dumps(about).encode(), np.uint8)
        parts = {"state": leaves, "about": {"json": written}}
        self._checkpointer.save_checkpointables(step, parts)

    def restore(self, state: Any) -> tuple[int, Any, dict] | None:
        """The newest whole checkpoint as (step, state, position), or None if there is none.

        Args:
          state: a tree of arrays like the saved one; it gives structure, shapes and devices.

        A checkpoint that cannot be read, or whose numbers changed, is passed over with a warning.
        """
        wanted = _leaves(state)
        for checkpoint in sorted(self._checkpointer.checkpoints, key=lambda c: -c.step):
            try:
                found = self._checkpointer.load_checkpointables(
                    checkpoint.step, {"state": wanted, "about": None}
                )
                leaves = found["state"]
                about = json.loads(np.asarray(found["about"]["json"]).tobytes())
            except Exception as error:  # noqa: BLE001 - Orbax raises many kinds for a damaged file
                warnings.warn(
                    f"checkpoint {checkpoint.step} cannot be read ({error.__cause__ or error}); "
                    "trying the one before it",
                    stacklevel=2,
                )
                continue
            if _digest(leaves) != about["digest"]:
                warnings.warn(
                    f"the numbers of checkpoint {checkpoint.step} changed since it was saved; "
                    "trying the one before it",
                    stacklevel=2,
                )
                continue
            ordered = [leaves[name] for name in wanted]
            return (
                about["step"],
                jax.tree.unflatten(jax.tree.structure(state), ordered),
                about["position"],
            )
        return None

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
