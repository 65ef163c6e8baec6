"""What is known of a run once its data are at hand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from ml_collections import ConfigDict

from merclip_jax.data import pack
from merclip_jax.protocols import contamination
from merclip_jax.protocols.folds import Fold
from merclip_jax.protocols.table import Protocol
from merclip_jax.training import finished


@dataclass(frozen=True)
class Run:
    """What is known of a run once its data are at hand.

    Attributes:
      seen: corpus -> subjects that the weights at the start were trained on.
      notices: what the report must say; training adds to it.
      timing: seconds, by what took them; training adds to it.
      identity: digests of what the results depend on, by part (`data.identity`).
    """

    config: ConfigDict
    directory: Path
    protocol: Protocol
    clips: pack.Clips
    table: pd.DataFrame
    folds: list[Fold]
    seen: contamination.Seen
    notices: list[str]
    timing: dict[str, float]
    identity: dict[str, str]

    def folder(self, fold: Fold) -> Path:
        """Where a fold keeps its files."""
        return self.directory / "folds" / fold.name

    def pending(self, seed: int) -> list[Fold]:
        """The folds that are not done."""
        return [fold for fold in self.folds if not finished.is_done(self.folder(fold), seed)]

    @property
    def steps_per_epoch(self) -> int:
        """Those of the mean fold, so that folds step together; whole updates, of at least one."""
        recipe = self.config.recipe
        clips = np.mean([len(fold.train) for fold in self.folds])
        updates = max(1, round(clips / (recipe.batch_size * recipe.accumulate)))
        return updates * recipe.accumulate
