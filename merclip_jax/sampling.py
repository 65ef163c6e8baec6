"""Which clips make a batch: a Grain dataset of indices per fold, deterministic and resumable."""

import hashlib
import zlib

import grain
import numpy as np
from jaxtyping import Int

from merclip_jax.protocols import Fold


def batches(
    fold: Fold, labels: Int[np.ndarray, " n"], *, batch_size: int, balanced: bool, seed: int
) -> grain.MapDataset:
    """An endless dataset whose element i is the i-th batch `[batch_size]` of a fold's indices.

    Balanced batches take the classes of the training side in turn, each class reshuffled when it is
    used up; the MER-CLIP release names such a sampler without containing one. Otherwise the whole
    training side is reshuffled when used up. Batches may cross that border, so that every fold has
    the same number of steps per epoch.
    """
    fold_seed = seed + fold_number(fold)
    groups = [fold.train]
    if balanced:
        groups = [
            fold.train[labels[fold.train] == label] for label in np.unique(labels[fold.train])
        ]
    streams = [
        grain.MapDataset.source(group).seed(fold_seed + i).shuffle().repeat(None)
        for i, group in enumerate(groups)
    ]
    return grain.MapDataset.mix(streams).batch(batch_size)


def iterate(dataset: grain.MapDataset) -> grain.DatasetIterator:
    """An iterator whose `get_state` and `set_state` say where it stands."""
    # Indices need no read-ahead.
    return iter(dataset.to_iter_dataset(grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)))


def digest(fold: Fold, labels: Int[np.ndarray, " n"]) -> str:
    """A hash of the fold's training side, to notice that a saved position belongs to other data."""
    content = fold.train.astype(np.int64).tobytes() + labels[fold.train].astype(np.int64).tobytes()
    return hashlib.sha256(content).hexdigest()


def fold_number(fold: Fold) -> int:
    """A number for a fold's randomness that does not depend on the other folds."""
    return zlib.crc32(fold.name.encode()) % 2**30
