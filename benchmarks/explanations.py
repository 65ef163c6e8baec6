"""How far maps of evidence can be trusted: their deletion tests, and where the face truly moved.

python -m benchmarks.explanations [--model=assets/demo_model] [--people=20] [--clips=3]
    [--first_person=300000] [--ways=integrated,slope,occlusion,attention,movement]

Draws strong synthetic expressions of people whom no model here has seen, and explains what the
model says of each: its likeliest class, or the likeliest of the action units that the clip shows.
Intervals are percentile bootstraps over people. Columns:

  above mean   clips whose score falls by more without the highlighted movement than without as much
               of it elsewhere, on average
  above all    the same against every other place that was tried
  drop, other  how far the score (log-odds) falls without the one and without the others
  hit, chance  share of the true displacement that lies in the highlighted cells; in cells anywhere
               in the picture; in the cells that hold most of it (best)

The ways other than the package's own (integrated gradients) are here to be compared with it:
slope is the gradient times the movement, occlusion holds single cells still, attention is that of
the last global block's video token, and movement looks at no model: cells of what it sees that
change most.
"""

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from absl import flags
from flax import nnx
from jaxtyping import Float, Int
from scipy import stats
from tqdm import tqdm

from merclip_jax import app
from merclip_jax.data import augment, inputs
from merclip_jax.data.inputs import Stored
from merclip_jax.facs import notation
from merclip_jax.micro_au.model import MicroAu
from merclip_jax.models import MerClip
from merclip_jax.tfds_builders.synthetic_me import clips as synthetic
from merclip_jax.tfds_builders.synthetic_me import story
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.timeline import cells, maps
from merclip_jax.towers.inputs import ModelInput
from merclip_jax.video.model_info import ModelInfo
from merclip_jax.video.predictor import Predictor

Map = Float[np.ndarray, "t g g"]
Way = Callable[[Any, Stored, int], Map]


class Clip(NamedTuple):
    """A clip as a model would find it packed, and how far each action unit's skin moves, in pixels.

    Attributes:
      moved: per AU form ('12', 'L12'), the displacement of every pixel at the apex.
    """

    person: int
    stored: Stored
    moved: dict[str, Float[np.ndarray, "s s"]]


def drawn(person: int, index: int, info: ModelInfo) -> Clip:
    """Clip `index` of a drawn person, from onset to offset, with a displacement for each unit."""
    corpus = Corpus.macro(size=info.size)
    told, rig = (
        story.tell(corpus, person, index),
        synthetic.identity(corpus.seed, person, info.size),
    )
    film = synthetic.film(rig, told, corpus.noise)[told.onset : told.offset + 1]
    moved = {
        name: amplitude * np.linalg.norm(rig.form(name)[..., :2], axis=-1)
        for name, amplitude in told.amplitudes.items()
    }
    return Clip(person, inputs.of_frames(film, info.input).rows(sampled(len(film), info)), moved)


def sampled(length: int, info: ModelInfo) -> Int[np.ndarray, " n"]:
    """Which frames of a clip a model was tested on."""
    key, lengths = jax.random.key(0), jnp.array([length])
    chosen = augment.sample_frames(key, lengths, info.count, train=False, form=info.temporal)
    return np.asarray(chosen[0])


def target_of(model: MerClip | MicroAu, clip: Clip) -> tuple[int, Float[np.ndarray, "s s"]] | None:
    """What is to be explained, and where the truth is; None if the clip shows no known unit."""
    seen = _batch(clip.stored)
    if isinstance(model, MerClip):
        return int(_said(model, seen).argmax()), np.sum(list(clip.moved.values()), axis=0)
    logits, truth = _said(model, seen)[0], {}
    for form, moved in clip.moved.items():
        number, _ = notation.number_and_side(form)
        for k, unit in enumerate(model.cfg.units):
            if unit in (form, str(number)):
                truth[k] = truth.get(k, 0) + moved
    best = max(truth, key=lambda k: logits[k], default=None)
    return None if best is None else (best, truth[best])


def _batch(clip: Stored) -> ModelInput:
    """What a model sees of a batch of one clip."""
    return jax.tree.map(lambda part: part[None], inputs.seen(clip))


@nnx.jit
def _said(model: MerClip | MicroAu, clips: ModelInput) -> jax.Array:
    out = model(clips)
    return out.logits if isinstance(model, MerClip) else model.unit_logits(out.features)


def slope(model: Any, clip: Stored, target: int) -> Map:
    """Gradient at the clip, times the movement."""
    return np.asarray(_slope(model, inputs.seen(clip), inputs.at_rest(clip, 0), target))


@nnx.jit
def _slope(model: Any, clip: ModelInput, rest: ModelInput, target: int) -> jax.Array:
    def score(part: ModelInput) -> jax.Array:
        return model.log_odds(jax.tree.map(lambda x: x[None], part), target)[0]

    added = jax.tree.map(
        lambda slope, x, still: slope * (x - still), jax.grad(score)(clip), clip, rest
    )
    return sum(cells.sums(part, model.cfg.vision.grid) for part in jax.tree.leaves(added))


def occlusion(model: Any, clip: Stored, target: int) -> Map:
    """How far the score falls when a cell alone is held still, for all time."""
    grid = model.cfg.vision.grid
    single = np.eye(grid**2, dtype=bool).reshape(-1, grid, grid)
    everything = np.ones((1, grid, grid), bool)
    scores = maps.scores(model, clip, np.concatenate([everything, ~single]), target)
    return (scores[0] - scores[1:]).reshape(1, grid, grid)


def attention(model: Any, clip: Stored, target: int) -> Map:
    """Weights of the patches; for a unit those of its own query."""
    seen = _batch(clip)
    grid = model.cfg.vision.grid
    if isinstance(model, MicroAu):
        return np.asarray(_region_weights(model, seen)[0, target]).reshape(-1, grid, grid)
    return np.asarray(_attention(model, seen)).reshape(-1, grid, grid)


@nnx.jit
def _region_weights(model: MicroAu, clips: ModelInput) -> jax.Array:
    return model(clips).region_weights


@nnx.jit
def _attention(model: MerClip, clips: ModelInput) -> jax.Array:
    """What the video token weighs in the last global block, averaged over the heads."""
    stages: dict[str, jax.Array] = {}
    model(clips, intermediates=stages)
    vision = model.vision
    last = len(vision.global_blocks) - 1
    block, tokens = vision.global_blocks[last], stages[f"block{vision.global_layers[last]}"]
    position = stages[f"global{last}.position"].reshape(tokens[:, :, 1:].shape)
    tokens = tokens + jnp.pad(position, ((0, 0), (0, 0), (1, 0), (0, 0)))
    b, t, n, c = tokens.shape
    video = stages[f"global{last - 1}"] if last else vision.video_embedding[...].reshape(1, 1, c)
    heads = block.attn.heads
    query = block.attn.qkv(block.ln_1(video)).reshape(3, heads, c // heads)[0]
    keys = block.attn.qkv(block.ln_3(tokens)).reshape(t * n, 3, heads, c // heads)[:, 1]
    scores = jnp.einsum("hd,nhd->hn", query, keys) / math.sqrt(c // heads)
    return jax.nn.softmax(scores).mean(axis=0).reshape(t, n)[:, 1:]


WAYS: dict[str, Way] = {
    "integrated": maps.evidence,
    "slope": slope,
    "occlusion": occlusion,
    "attention": attention,
    "movement": lambda model, clip, _: cells.movement(
        inputs.seen(clip), inputs.at_rest(clip, 0), model.cfg.vision.grid
    )[None],
}


def measured(model: Any, clip: Clip, target: int, truth: np.ndarray, way: Way) -> dict[str, float]:
    """The figures of one clip and one way."""
    told = maps.tested(model, clip.stored, way(model, clip.stored, target), target, "it")
    grid = model.cfg.vision.grid
    true = cells.sums(np.repeat(truth[None, ..., None], 3, axis=3), grid)[0]
    true = true / true.sum()
    return {
        "person": clip.person,
        "above mean": float(told.drop > told.random_drop),
        "above all": float(told.holds),
        "drop": told.drop,
        "other": told.random_drop,
        "hit": true[told.highlighted].sum(),
        "chance": told.highlighted.mean(),  # the mean over all shifts around the edges
        "best": true[cells.highlight(true[None])].sum(),
    }


def with_interval(values: pd.Series, people: pd.Series) -> str:
    """The mean, and its interval over people."""
    means = values.groupby(people).mean().to_numpy()
    found = stats.bootstrap((means,), np.mean, n_resamples=2000, method="percentile", rng=0)
    low, high = found.confidence_interval
    return f"{values.mean():.2f} ({low:.2f}-{high:.2f})"


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""

    def define_count(name: str, default: int, meaning: str, low: int | None = None) -> None:
        flags.DEFINE_integer(name, default, meaning, lower_bound=low, flag_values=given)

    flags.DEFINE_string("model", "assets/demo_model", "folder of a model", flag_values=given)
    define_count("people", 20, "drawn people", 2)
    define_count("clips", 3, "clips of each", 1)
    define_count("first_person", 300_000, "number of the first: none that was trained on")
    flags.DEFINE_multi_enum("ways", list(WAYS), list(WAYS), "how maps are made", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Print the table."""
    reader = Predictor(given.model, crop="none")
    model, info = reader.model, reader.info
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in given.ways}
    people = range(given.first_person, given.first_person + given.people)
    wanted = [(person, index) for person in people for index in range(given.clips)]
    for person, index in tqdm(wanted, desc="explaining", unit="clip", disable=None):
        clip = drawn(person, index, info)
        asked = target_of(model, clip)
        if asked is None:
            continue
        for name in given.ways:
            rows[name].append(measured(model, clip, *asked, WAYS[name]))
    columns = ("above mean", "above all", "drop", "other", "hit", "chance", "best")
    count = len(rows[given.ways[0]])
    sys.stdout.write(f"{count} clips of {given.people} people, {given.model}\n")
    sys.stdout.write(f"{'':12}" + "".join(f"{name:20}" for name in columns) + "\n")
    for name, found in rows.items():
        table = pd.DataFrame(found)
        cell = [with_interval(table[column], table["person"]) for column in columns]
        sys.stdout.write(f"{name:12}" + "".join(f"{text:20}" for text in cell) + "\n")


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
