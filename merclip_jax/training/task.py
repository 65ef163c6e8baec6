"""What a task is, and what a video asks of a model: all that is known of a system elsewhere.

Training never asks which system runs: it calls the task that `systems.py` gave it.
"""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, Key

from merclip_jax.protocols.folds import Fold
from merclip_jax.towers.inputs import ModelInput
from merclip_jax.training.batch import AugmentedBatch, Predicted


@runtime_checkable
class Task(Protocol):
    """What is learnt of a run's clips, and what is said of them.

    `loss` and `predict` run inside the compiled step; the rest runs on the host. Indices are
    positions in the run's table of clips.
    """

    @property
    def labels(self) -> Int[np.ndarray, "n ..."]:
        """The label of each clip, or the states of its action units."""

    @property
    def sentence_rows(self) -> Int[np.ndarray, " n"]:
        """Row of `texts` for each clip; negative: the clip has none."""

    @property
    def mirrored_rows(self) -> Int[np.ndarray, " n"]:
        """The same for each clip's mirror image."""

    def texts(self, model: Any) -> Array:
        """What a step looks texts up in: [s, p, e] embeddings, or [s, p, l] token ids."""

    def loss(
        self,
        model: Any,
        batch: AugmentedBatch,
        epoch: Int[Array, ""],
        key: Key[Array, ""],
        axis_name: str | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """The value to be minimised, and scalars to log, 'loss' and 'accuracy' among them."""

    def predict(self, model: Any, frames: ModelInput, texts: Array) -> Predicted:
        """What the model predicts of clips in evaluation mode."""

    def strata(self, fold: Fold) -> Int[np.ndarray, " n"]:
        """The group of each clip that balanced batches take in turn."""

    def init_fold(
        self, fold: Fold, params: nnx.State, model_state: nnx.State
    ) -> tuple[nnx.State, nnx.State]:
        """The state before a fold's first step, from that of the model; both stay unchanged."""

    def val_indices(self, fold: Fold) -> Int[np.ndarray, " m"]:
        """Clips of the training side that must be predicted too; may be none."""

    def aggregate(self, indices: Int[np.ndarray, " n"], predicted: Predicted) -> Predicted:
        """A batch of predictions, with what is only wanted as a sum over clips summed."""

    def score(self, indices: Int[np.ndarray, " n"], predicted: Predicted) -> float:
        """The score by which an epoch is chosen; higher is better."""

    def card_scores(self, indices: Int[np.ndarray, " n"], predicted: Predicted) -> dict[str, float]:
        """Scores for the model card."""

    def columns(
        self, fold: Fold, test_pred: Predicted, val_pred: Predicted | None
    ) -> dict[str, Any]:
        """The columns of predictions.csv for a fold's held-out clips."""

    def model_info(self) -> dict[str, list[str]]:
        """What merclip.json says of the task."""

    def fold_metadata(self, fold: Fold, val_pred: Predicted | None) -> dict[str, Any]:
        """What merclip.json says of a fold: calibration, sentences, rates."""

    def keep(self, folder: Path, seed: int, test_pred: Predicted) -> None:
        """Write what else a report shows of a fold, into its folder."""


@runtime_checkable
class WindowModel(Protocol):
    """What videos ask of a model: scores of windows, and the log-odds that maps explain."""

    cfg: Any

    def encode_text(self, token_ids: Int[Array, "n l"]) -> Float[Array, "n e"]:
        """Sentence features before L2 normalisation."""

    def window_scores(
        self, frames: ModelInput, texts: Float[Array, "n e"]
    ) -> tuple[Float[Array, "b k"], Float[Array, "b n"]]:
        """Logits of classes or action units, and the cosine with each text (or no columns)."""

    def log_odds(self, frames: ModelInput, target: Int[Array, ""]) -> Float[Array, " b"]:
        """Log-odds of one class against all others, or of one action unit."""
