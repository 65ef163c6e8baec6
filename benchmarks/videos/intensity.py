"""Whether the intensity of an action unit grows with the movement that is drawn.

python -m benchmarks.videos.intensity --model=runs/strangers/folds/official/model-seed0

Each unit of a Micro-AU CLIP model is drawn alone on people whom training has not seen, at several
strengths. Per person and unit, the strengths and what the model says of them are put in order
(Spearman's rank correlation); 1 is the same order, 0 is chance. Probabilities that are equal to the
last digit share a rank.
"""

import sys
from typing import Any

import numpy as np
from absl import flags
from jaxtyping import UInt8
from scipy import stats

import merclip_jax
from merclip_jax import app
from merclip_jax.tfds_builders.synthetic_me import clips
from merclip_jax.timeline.timeline import intensity

STRENGTHS = (0.5, 1.0, 2.0, 3.0, 4.5, 6.0)  # pixels of a face 224 wide at the apex
FRAMES, SIZE, NOISE = 24, 112, 1.5
FIRST = 10_000  # number of the first person; corpora begin at 0


def film(subject: int, unit: str, strength: float) -> UInt8[np.ndarray, "t h w 3"]:
    """A person who makes one movement and goes back."""
    there = np.sin(np.linspace(0, np.pi, FRAMES)) ** 2
    rig = clips.identity(0, FIRST + subject, SIZE)
    still = np.zeros(FRAMES)
    frames = rig.frames({unit: strength * there}, still, np.zeros((FRAMES, 3)), np.ones(FRAMES))
    grain = np.random.default_rng(subject).normal(0, NOISE, frames.shape)
    return np.clip(np.rint(frames + grain), 0, 255).astype(np.uint8)


def _define(given: flags.FlagValues, _: Any) -> None:
    flags.DEFINE_string("model", "", "a folder of Micro-AU CLIP", flag_values=given)
    flags.DEFINE_integer("people", 8, "drawn people", flag_values=given)


def _measure(given: flags.FlagValues) -> None:
    model = merclip_jax.load(given.model, crop="owner")
    found = []
    for unit in model.units:
        for subject in range(given.people):
            table = model.predict([film(subject, unit, strength) for strength in STRENGTHS])
            seen = [intensity(p) for p in table[f"au_p_{unit}"]]
            found.append(stats.spearmanr(STRENGTHS, seen).statistic)
    of_units = np.array(found).reshape(len(model.units), -1)
    for unit, ranks in zip(model.units, of_units, strict=True):
        print(f"AU{unit:4} {np.nanmean(ranks):.3f}")
    print(f"mean {np.nanmean(of_units):.3f}, {given.people} people, {len(model.units)} units")


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, _define, _measure)))
