"""Where on the face, and when, a model saw what it says; and a test of whether that is so.

The map is by integrated gradients (Sundararajan, Taly, Yan: Axiomatic Attribution for Deep
Networks, ICML 2017, arXiv 1703.01365), between the clip and its own still picture: the onset frame
for all time. So the evidence is that of the movement, whatever the face looks like, and its sum
over all pixels is what the movement adds to the score.

A map is drawn easily and believed too easily, therefore each is tested: the parts of the face that
it highlights are held still, and the score must fall by more than when parts of the same shape
elsewhere are held still (a deletion test; Petsiuk, Das, Saenko: RISE, BMVC 2018, arXiv 1806.07421).
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from merclip_jax.data import inputs
from merclip_jax.data.inputs import Stored
from merclip_jax.timeline import cells
from merclip_jax.towers.inputs import ModelInput
from merclip_jax.training.task import WindowModel

CONTROLS = 20  # other places: a drop beyond all of them has a chance of 1 in 21 by luck
STEPS = 16  # of the integral; the midpoints of as many equal parts
_AT_ONCE = 4  # clips in one pass; bounds the memory


@dataclass(frozen=True)
class Explanation:
    """A map of evidence, and what came of its test. Scores are log-odds of the target.

    Attributes:
      target: what is explained: a class of MER-CLIP or an action unit of Micro-AU CLIP.
      map: evidence of each frame and cell, not negative; it sums to 1, or is 0 everywhere if no
        movement speaks for the target. Cells are the model's patches.
      highlighted: the cells that are held still in the test: those with most evidence over time.
      score: of the clip.
      still: of the onset frame for all time.
      drop: how far the score falls when the highlighted cells are held still.
      random_drop, random_sd: mean and standard deviation of the same for other places.
      beaten: share of the other places that lower the score by less.
    """

    target: str
    map: Float[np.ndarray, "t g g"]
    highlighted: Bool[np.ndarray, "g g"]
    score: float
    still: float
    drop: float
    random_drop: float
    random_sd: float
    beaten: float

    @property
    def holds(self) -> bool:
        """Whether the highlighted parts matter more than any other place that was tried."""
        return self.drop > 0 and self.beaten == 1

    @property
    def sentence(self) -> str:
        """What came of the test, in plain words."""
        if not self.highlighted.any():
            return f"No movement of the face speaks for {self.target}: the map is empty."
        count = f"{CONTROLS} other places of the same shape"
        fell = (
            f"With the highlighted parts of the face held still, {self.target} goes from "
            f"{_percent(self.score)} to {_percent(self.score - self.drop)}"
        )
        if self.holds:
            return f"{fell}: more than for any of {count}. The model used what is highlighted."
        if self.drop <= 0 or self.beaten <= 0.5:
            return (
                f"{fell}. The highlighted parts matter no more than random ones: do not take "
                "them for the reason."
            )
        return (
            f"{fell}: more than for {self.beaten * CONTROLS:.0f} of {count}. That is no proof "
            "that the model used what is highlighted."
        )


def explain(
    model: WindowModel,
    clip: Stored,
    target: int,
    name: str,
    *,
    onset: int = 0,
    seed: int = 0,
) -> Explanation:
    """Where and when the movement of a clip speaks for a class or an action unit, tested.

    Args:
      model: in evaluation it is what `Predictor` holds as `model`.
      clip: what the model sees of it, as it is packed.
      target: index of a class or of an action unit, as the model's `log_odds` takes it.
      name: of the target, for the sentence, such as 'surprise' or 'AU12'.
      onset: the frame that shows the face at rest.
      seed: the same gives the same places of comparison.

    Compiled once per size of model and clip: STEPS passes forward and back, and CONTROLS + 3
    forward.
    """
    weights = evidence(model, clip, target, onset=onset)
    return tested(model, clip, weights, target, name, onset=onset, seed=seed)


def evidence(
    model: WindowModel,
    clip: Stored,
    target: int,
    *,
    onset: int = 0,
) -> Float[np.ndarray, "t g g"]:
    """What the movement in each frame and cell adds to the target's log-odds, or takes away.

    The arguments are those of `explain`.
    """
    still = inputs.at_rest(clip, onset)
    return np.asarray(_evidence(*nnx.split(model), inputs.seen(clip), still, target), np.float64)


def tested(
    model: WindowModel,
    clip: Stored,
    contributions: Float[np.ndarray, "t g g"],
    target: int,
    name: str,
    *,
    onset: int = 0,
    seed: int = 0,
) -> Explanation:
    """Any map of evidence put to the deletion test; what speaks against the target is left out.

    The other arguments are those of `explain`.
    """
    weights = np.maximum(contributions, 0)
    weights = weights / (weights.sum() or 1.0)
    highlighted = cells.highlight(weights)
    moved = cells.movement(inputs.seen(clip), inputs.at_rest(clip, onset), len(highlighted))
    places = cells.elsewhere(highlighted, moved, CONTROLS, seed)
    moving = np.concatenate(
        [np.ones_like(places[:1]), np.zeros_like(places[:1]), ~highlighted[None], ~places]
    )
    score, still, without, *others = scores(model, clip, moving, target, onset=onset)
    drops = score - np.array(others)
    return Explanation(
        target=name,
        map=weights,
        highlighted=highlighted,
        score=float(score),
        still=float(still),
        drop=float(score - without),
        random_drop=float(drops.mean()),
        random_sd=float(drops.std(ddof=1)),
        beaten=float((drops < score - without).mean()),
    )


def scores(
    model: WindowModel,
    clip: Stored,
    moving: Bool[np.ndarray, "n g g"],
    target: int,
    *,
    onset: int = 0,
) -> Float[np.ndarray, " n"]:
    """The target's log-odds where only some cells move and the others are as at the onset.

    The other arguments are those of `explain`.
    """
    still = inputs.at_rest(clip, onset)
    return np.asarray(
        _scores(*nnx.split(model), inputs.seen(clip), still, moving, target), np.float64
    )


@partial(jax.jit, static_argnums=0)
def _evidence(
    graph: Any,
    state: Any,
    clip: ModelInput,
    rest: ModelInput,
    target: Int[Array, ""],
) -> Float[Array, "t g g"]:
    """What the movement in each frame and cell adds to the target's score."""
    model = nnx.merge(graph, state)
    movement = jax.tree.map(jnp.subtract, clip, rest)

    def score(part: ModelInput) -> Float[Array, ""]:
        return model.log_odds(jax.tree.map(lambda x: x[None], part), target)[0]

    def added(i: Int[Array, ""], total: ModelInput) -> ModelInput:
        share = (i + 0.5) / STEPS
        part = jax.tree.map(lambda still, moved: still + share * moved, rest, movement)
        return jax.tree.map(jnp.add, total, jax.grad(score)(part))

    total = jax.lax.fori_loop(0, STEPS, added, jax.tree.map(jnp.zeros_like, clip))
    evidence = jax.tree.map(lambda slope, moved: slope / STEPS * moved, total, movement)
    grid = model.cfg.vision.grid
    return sum(cells.sums(part, grid) for part in jax.tree.leaves(evidence))


@partial(jax.jit, static_argnums=0)
def _scores(
    graph: Any,
    state: Any,
    clip: ModelInput,
    rest: ModelInput,
    moving: Bool[Array, "n g g"],
    target: Int[Array, ""],
) -> Float[Array, " n"]:
    model = nnx.merge(graph, state)

    def score(chosen: Bool[Array, "g g"]) -> Float[Array, ""]:
        part = inputs.held_still(clip, rest, chosen)
        return model.log_odds(jax.tree.map(lambda x: x[None], part), target)[0]

    return jax.lax.map(score, moving, batch_size=_AT_ONCE)


def _percent(log_odds: float) -> str:
    return f"{100 / (1 + math.exp(-log_odds)):.0f} %"
