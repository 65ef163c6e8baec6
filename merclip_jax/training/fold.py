"""A fold in training, and what all folds of one seed share."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from flax import nnx
from ml_collections import ConfigDict
from tokenizers import Tokenizer

from merclip_jax.data import pack, sampling
from merclip_jax.protocols.folds import Fold
from merclip_jax.protocols.table import Protocol
from merclip_jax.training import parallel, step
from merclip_jax.training.checkpoints import FoldCheckpoints
from merclip_jax.training.task import Task


@dataclass(frozen=True)
class RunContext:
    """What all folds of one seed share.

    Attributes:
      seen: corpus -> subjects that the weights at the start were trained on.
      task: what is learnt, and the labels of the clips of `table`.
      params, model_state: trained parameters, and what else the model holds, before the first step.
      notices: what the report must say of the run; restoring adds to it.
      identity: digests of what the results depend on, by part (`data.identity`).
    """

    config: ConfigDict
    seed: int
    workdir: Path
    protocol: Protocol
    seen: dict[str, list[str]]
    clips: pack.Clips
    table: pd.DataFrame
    task: Task
    learner: step.Learner
    engine: parallel.Engine
    shared: step.Shared
    params: nnx.State
    model_state: nnx.State
    tokenizer: Tokenizer | None
    notices: list[str]
    identity: dict[str, str]

    def folder(self, fold: Fold) -> Path:
        """Where a fold keeps its files."""
        return self.workdir / "folds" / fold.name


@dataclass(frozen=True)
class Choice:
    """The best epoch of a fold so far, and what it predicted of the held-out clips.

    Attributes:
      epoch: counted from 0; -1 before the first.
      score: the task's score, which it was chosen by.
      rows: its predictions, column by column.
    """

    epoch: int = -1
    score: float = -1.0
    rows: dict[str, list] = field(default_factory=dict)


@dataclass
class FoldState:
    """A fold in training: its sampler, its checkpoints and what it logged and chose so far.

    Attributes:
      slot: its place among the folds that step together.
      step: where it goes on.
      state: after `step` steps, until training takes it; None where other processes hold the fold.
    """

    fold: Fold
    slot: int
    sampler: sampling.grain.DatasetIterator
    checkpoints: FoldCheckpoints
    step: int
    state: step.State | None
    history: list[dict]
    choice: Choice
