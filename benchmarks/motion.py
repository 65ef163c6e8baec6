"""How well motion is measured: against the true displacement of drawn faces, and at what cost.

python -m benchmarks.motion [--people=12] [--clips=6] [--json=FILE]

Onset to apex of clips without a blink, of people that no corpus holds. The head's affine motion is
taken out of the truth and of every estimate alike. Columns: mean end-point error over the head, in
pixels of a picture 224 wide, by the largest movement of the clip; the correlation of estimate and
truth over both components; milliseconds per picture on one core. `none` says that nothing moves.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from absl import app, flags
from jaxtyping import Float, Float32, UInt8

from merclip_jax.data import motion
from merclip_jax.tfds_builders.synthetic_me import clips, story
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.tfds_builders.synthetic_me.motion import Rig

PEOPLE = flags.DEFINE_integer("people", 12, "drawn people")
CLIPS = flags.DEFINE_integer("clips", 6, "clips of each")
JSON = flags.DEFINE_string("json", "", "also write the figures to this file")

FIRST = 500_000  # identities of this check alone
EDGES = (0.3, 0.75, 1.5, 3.0)  # of the amplitude, in pixels of 224
Grey = UInt8[np.ndarray, "h w"]
Field = Float32[np.ndarray, "h w 2"]


def truth(rig: Rig, told: story.Story, first: int, last: int) -> Float[np.ndarray, "h w 2"]:
    """Where each point of frame `first` is in frame `last`, less where it was, in pixels."""
    shift = rig.displacement(told.strengths)[[first, last], ..., :2]
    heads = [rig.posed(*told.head[index]) for index in (first, last)]
    before, after = (head - moved for head, moved in zip(heads, shift, strict=True))
    start = np.stack(np.meshgrid(*[np.arange(rig.size, dtype=np.float32)] * 2), -1)
    found = start
    for _ in range(8):  # the point of frame `last` that shows the same spot of the neutral picture
        shown = cv2.remap(
            after, found[..., 0], found[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        found = found + before - shown
    return found - start


def dis(finest: int, patch: int, stride: int) -> Callable[[Grey, Grey], Field]:
    """OpenCV's DIS optical flow, five variational refinements."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow.setFinestScale(finest)
    flow.setPatchSize(patch)
    flow.setPatchStride(stride)
    flow.setVariationalRefinementIterations(5)
    return lambda first, last: flow.calc(first, last, None)


def farneback(window: int) -> Callable[[Grey, Grey], Field]:
    """OpenCV's Farneback flow, three iterations on one level."""
    return lambda first, last: cv2.calcOpticalFlowFarneback(
        first, last, None, 0.5, 1, window, 3, 7, 1.5, 0
    )


PAIRWISE: dict[str, Callable[[Grey, Grey], Field]] = {
    "none": lambda first, last: np.zeros((*first.shape, 2), np.float32),
    "DIS, medium preset": cv2.DISOpticalFlow_create(2).calc,
    "DIS, finest 1, patch 12, stride 4": dis(1, 12, 4),
    "DIS, finest 0, patch 8, stride 3": dis(0, 8, 3),
    "DIS, finest 0, patch 12, stride 4": dis(0, 12, 4),
    "Farneback, window 15": farneback(15),
    "Farneback, window 21": farneback(21),
}
OURS = "ours (data/motion.py, whole clip)"


def estimates(frames: UInt8[np.ndarray, "t h w 3"], apex: int) -> dict[str, tuple[Field, float]]:
    """Each way's field from the first frame to the apex in pixels of 224, and seconds a picture."""
    found = {}
    for name, flow in PAIRWISE.items():
        began = time.perf_counter()
        grey = [cv2.cvtColor(frames[index], cv2.COLOR_RGB2GRAY) for index in (0, apex)]
        field = flow(*grey) if "medium" not in name else flow(*grey, None)
        found[name] = field * motion.REFERENCE / len(field), time.perf_counter() - began
    began = time.perf_counter()
    field = motion.motion(frames)[apex]
    taken = (time.perf_counter() - began) / len(frames)
    found[OURS] = cv2.resize(field, frames.shape[1:3]), taken
    return found


def measure(people: int, each: int) -> dict[str, dict[str, list[float]]]:
    """Per way and band of amplitude: error, correlation and seconds of every clip."""
    corpus, rows = Corpus.demo(first_subject=FIRST, subjects=people), {}
    for subject, index in np.ndindex(people, each):
        told = story.tell(corpus, FIRST + subject, index)
        if told.closed[[told.onset, told.apex]].any():
            continue
        frames, _ = clips.render_clip(corpus, subject, index)
        rig = clips.identity(corpus.seed, FIRST + subject, corpus.size)
        true = truth(rig, told, told.onset, told.apex) * motion.REFERENCE / corpus.size
        inside = motion.head(corpus.size)
        true = motion.without_head(true[None])[0][inside]
        band = int(np.digitize(max(told.amplitudes.values()), EDGES[1:-1]))
        cut = frames[told.onset : told.offset + 1]
        for name, (field, taken) in estimates(cut, told.apex - told.onset).items():
            said = motion.without_head(field[None])[0][inside]
            error = np.linalg.norm(said - true, axis=-1).mean()
            alike = (said * true).sum() / (np.linalg.norm(said) * np.linalg.norm(true) + 1e-9)
            rows.setdefault(name, []).append((band, error, alike, taken))
    return {name: np.array(found) for name, found in rows.items()}


def main(_: list[str]) -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    table = {}
    bands = [f"{low:g} to {high:g} px" for low, high in zip(EDGES, EDGES[1:], strict=False)]
    print(f"{'':36}" + "".join(f"{band:>18}" for band in bands) + f"{'ms':>8}")
    for name, rows in measure(PEOPLE.value, CLIPS.value).items():
        means = [rows[rows[:, 0] == band, 1:3].mean(0) for band in range(len(bands))]
        taken = float(rows[:, 3].mean() * 1000)
        print(f"{name:36}" + "".join(f"{e:10.3f} ({c:.2f}) " for e, c in means) + f"{taken:7.1f}")
        table[name] = {"error": [float(e) for e, _ in means], "ms": taken}
    if JSON.value:
        Path(JSON.value).write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    app.run(main)
