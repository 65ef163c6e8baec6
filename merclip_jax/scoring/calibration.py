"""Are probabilities what they say? Reliability, temperatures and thresholds of the units."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy import special
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

FLOOR = 0.02  # no rate of misses or false alarms is taken to be nearer to 0 or 1


def reliability(
    probabilities: Float[np.ndarray, "n c"], labels: Int[np.ndarray, " n"], bins: int = 10
) -> pd.DataFrame:
    """Clips by confidence (the largest probability) in equal bins: n, confidence, accuracy.

    Bin i holds confidences in (i / bins, (i + 1) / bins]; empty bins are left out.
    """
    confidence = probabilities.max(1)
    frame = pd.DataFrame(
        {
            "bin": np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1).astype(int),
            "confidence": confidence,
            "accuracy": (probabilities.argmax(1) == labels).astype(float),
        }
    )
    groups = frame.groupby("bin")
    return groups.mean().assign(n=groups.size())[["n", "confidence", "accuracy"]]


def calibration_error(
    probabilities: Float[np.ndarray, "n c"], labels: Int[np.ndarray, " n"], bins: int = 10
) -> float:
    """Expected calibration error: mean of |accuracy - confidence| over the bins, by clips.

    Naeini et al., AAAI 2015; Guo et al., ICML 2017.
    """
    table = reliability(probabilities, labels, bins)
    return float(np.average((table.accuracy - table.confidence).abs(), weights=table.n))


def temperature(probabilities: Float[np.ndarray, "n c"], labels: Int[np.ndarray, " n"]) -> float:
    """What logits are to be divided by, so that their likelihood on given clips is highest.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, arXiv 1706.04599.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-30))

    def cost(log_temperature: float) -> float:
        log_probabilities = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(log_probabilities[np.arange(len(labels)), labels].mean())

    return best_temperature(cost)


def best_temperature(cost: Callable[[float], float]) -> float:
    """The temperature, from e^-2 to e^4, whose logarithm has the least cost."""
    return float(np.exp(minimize_scalar(cost, bounds=(-2.0, 4.0), method="bounded").x))


@dataclass(frozen=True)
class Fitted:
    """Calibration of the logits: probability = sigmoid((logit - threshold) / temperature)."""

    threshold: Float[np.ndarray, " k"]
    temperature: float

    def probabilities(self, logits: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n k"]:
        """Calibrated; above one half is 'moved'."""
        return special.expit((np.asarray(logits, np.float64) - self.threshold) / self.temperature)

    def rates(
        self, logits: Float[np.ndarray, "n k"], labels: Int[np.ndarray, "n k"]
    ) -> Float[np.ndarray, "2 k"]:
        """How often each unit is said when it is still (false alarm) and when it moved (hit)."""
        predicted = self.probabilities(logits) > 0.5
        rates = []
        for state in (0, 1):
            of = labels == state
            share = ((predicted & of).sum(0) + 0.5) / (of.sum(0) + 1)  # half a clip each way
            rates.append(np.clip(share, FLOOR, 1 - FLOOR))
        return np.stack(rates)


def fit(logits: Float[np.ndarray, "n k"], labels: Int[np.ndarray, "n k"], chosen: bool) -> Fitted:
    """Thresholds that maximise each unit's F1 and the temperature that fits best, on given clips.

    Without `chosen` the threshold is 0 and the temperature 1: nothing is fitted.
    """
    units = labels.shape[1]
    if not chosen:
        return Fitted(np.zeros(units), 1.0)
    threshold = np.array([_best(logits[:, i], labels[:, i]) for i in range(units)])
    annotated = labels >= 0
    shifted = (np.asarray(logits, np.float64) - threshold)[annotated]
    truth = (labels == 1)[annotated]

    def cost(log_temperature: float) -> float:
        z = shifted / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, z) - truth * z))

    return Fitted(threshold, best_temperature(cost))


def _best(logits: Float[np.ndarray, " n"], labels: Int[np.ndarray, " n"]) -> float:
    """The threshold of the best F1; 0 where the unit is not shown in both states."""
    annotated = labels >= 0
    scores, truth = np.asarray(logits, np.float64)[annotated], labels[annotated] == 1
    if truth.all() or not truth.any():
        return 0.0
    order = np.sort(np.unique(scores))
    cuts = np.concatenate([[order[0] - 1], (order[1:] + order[:-1]) / 2])
    predicted = scores[None] > cuts[:, None]
    hits = (predicted & truth).sum(1)
    f1 = 2 * hits / np.maximum(predicted.sum(1) + truth.sum(), 1)
    return float(cuts[f1.argmax()])
