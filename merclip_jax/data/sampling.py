"""Which clips make a batch: a Grain dataset of indices per fold, deterministic and resumable."""

import zlib

import grain
import numpy as np
from jaxtyping import Int

from merclip_jax.protocols.folds import Fold

FIRST_CLIPS = 64  # of a growing training side


def batches(
    fold: Fold,
    labels: Int[np.ndarray, " n"],
    *,
    batch_size: int,
    balanced: bool,
    seed: int,
    curriculum: int = 0,
) -> grain.MapDataset:
    """An endless dataset whose element i is the i-th batch `[batch_size]` of a fold's indices.

    Balanced batches take the classes of the training side in turn, each class reshuffled when it is
    used up; the MER-CLIP release names such a sampler without containing one. Otherwise the whole
    training side is reshuffled when used up. Batches may cross that border, so that every fold has
    the same number of steps per epoch.

    With a `curriculum`, clips are drawn from a random part of the training side that starts with
    FIRST_CLIPS clips and doubles every so many steps: a model that starts from nothing first learns
    few clips by heart, which takes it off the plateau where all clips look alike.
    """
    fold_seed = seed + fold_number(fold)
    if curriculum:
        return _growing(fold, batch_size, fold_seed, curriculum)
    strata = [fold.train]
    if balanced:
        strata = [
            fold.train[labels[fold.train] == label] for label in np.unique(labels[fold.train])
        ]
    streams = [
        grain.MapDataset.source(group).seed(fold_seed + i).shuffle().repeat(None)
        for i, group in enumerate(strata)
    ]
    return grain.MapDataset.mix(streams).batch(batch_size)


def _growing(fold: Fold, batch_size: int, seed: int, curriculum: int) -> grain.MapDataset:
    order = np.random.default_rng(seed).permutation(fold.train)

    def draw(i: int, _: int) -> np.integer:
        size = min(len(order), FIRST_CLIPS * 2 ** (i // batch_size / curriculum))
        return order[np.random.default_rng((seed, i)).integers(int(size))]

    return grain.MapDataset.range(len(order)).repeat(None).map_with_index(draw).batch(batch_size)


def iterate(dataset: grain.MapDataset) -> grain.DatasetIterator:
    """An iterator whose `get_state` and `set_state` say where it stands."""
    # Indices need no read-ahead.
    return iter(dataset.to_iter_dataset(grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)))


def fold_number(fold: Fold) -> int:
    """A number for a fold's randomness that does not depend on the other folds."""
    return zlib.crc32(fold.name.encode()) % 2**30
