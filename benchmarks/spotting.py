"""Micro-expressions spotted and recognised in long synthetic videos, scored as in the MEGC.

python -m benchmarks.spotting [--model=assets/demo_model] [--people=12] [--seconds=20] [--fps=100]

Every person is filmed twice: once with events among blinks, bouts of speech and movements of the
head, and once without any event. The frames go through the windows and the model that `predict`
uses. The thresholds are the defaults of `spotting.spot`; they were chosen on the people 300100 to
300107 (`--first=300100 --people=8`), and the people scored by default come after those. No model of
this project has seen either. Intervals (95 %) are over people.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from absl import flags
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from merclip_jax import app
from merclip_jax.errors import ConfigError
from merclip_jax.protocols import selection
from merclip_jax.scoring import metrics
from merclip_jax.scoring import spotting as spotting_scores
from merclip_jax.tfds_builders.synthetic_me import clips, long_videos
from merclip_jax.tfds_builders.synthetic_me.corpus import THREE_CLASSES, Corpus
from merclip_jax.video import spotting
from merclip_jax.video.decode import Frame
from merclip_jax.video.predictor import Predictor
from merclip_jax.video.windows import Window, windows

SCORED_FROM = 300_200  # number of the first person scored; see the module's text
PROTOCOL = selection.get("synthetic/3")
CORPUS = Corpus.micro(emotions=THREE_CLASSES)
AMPLITUDES = ((0.0, 1.0), (1.0, 2.0), (2.0, 4.0))  # pixels of a frame 224 wide
CHANCE_DRAWS = 100


def scene(person: int, events: int, given: flags.FlagValues) -> long_videos.Scene:
    """What the person does in the video with events, or in the one without (`events` = 0)."""
    index = 0 if events else 1
    return long_videos.tell(
        CORPUS, person, index, seconds=given.seconds, events=events, fps=given.fps
    )


def shown(person: int, told: long_videos.Scene) -> Iterator[Frame]:
    """The scene's frames with their times."""
    rig = clips.identity(CORPUS.seed, person, CORPUS.size)
    for index, image in enumerate(long_videos.film(rig, told, CORPUS.noise)):
        yield Frame(index, index * 1000 / told.fps, image)


def cut(
    frames: Iterator[Frame], reader: Predictor, given: flags.FlagValues
) -> tuple[list[Window], np.ndarray, np.ndarray]:
    """The video's windows, their middles in milliseconds, and the energy of their motion."""
    info = reader.info
    found = list(
        windows(
            frames,
            window_ms=given.window_ms,
            stride_ms=given.stride_ms,
            count=info.count,
            temporal=info.temporal,
            size=info.size,
            crop="none",
            face="largest",
        )
    )
    middles = np.array([(window.start_ms + window.end_ms) / 2 for window in found])
    return found, middles, np.array([window.motion for window in found])


def named(
    events: list[spotting.Event], found: list[Window], middles: np.ndarray, reader: Predictor
) -> pd.DataFrame:
    """Events with the emotion that the model sees in the window nearest to the apex."""
    table = pd.DataFrame(
        {
            "onset_ms": [event.onset_ms for event in events],
            "offset_ms": [event.offset_ms for event in events],
            "emotion": "",
        }
    )
    if events:
        nearest = [found[int(np.abs(middles - event.apex_ms).argmin())] for event in events]
        said = reader.read([window.seen(reader.info.input) for window in nearest]).probabilities
        table["emotion"] = [reader.info.classes[k] for k in said.argmax(1)]
    return table


def separation(
    found: list[Window], middles: np.ndarray, truth: pd.DataFrame, reader: Predictor
) -> list[float]:
    """Area under the ROC curve, windows within events against all others, of what could spot them.

    That is the motion, and the model's surest emotion and surest action unit (NaN without units).
    """
    inside = np.any(
        [(middles > row.onset_ms) & (middles < row.offset_ms) for row in truth.itertuples()], axis=0
    )
    said = reader.read([window.seen(reader.info.input) for window in found])
    signs = [np.array([window.motion for window in found]), said.probabilities.max(1)]
    signs += [said.units.max(1)] if reader.info.units else []
    areas = [float(roc_auc_score(inside, sign)) for sign in signs]
    return areas + [np.nan] * (3 - len(areas))


def truth_of(person: int, told: long_videos.Scene) -> pd.DataFrame:
    """The scene's events as a table; the emotion is the protocol's class."""
    table = pd.DataFrame([vars(event) for event in told.events])
    table["emotion"] = table["emotion"].map(PROTOCOL.parts[0].emotions or {})
    return table.assign(video=person)


def counts_of(truth: pd.DataFrame, spots: pd.DataFrame) -> np.ndarray:
    """TP, FP, FN as the first row, below it the confusion of the emotions of right spots."""
    pairs = spotting_scores.match(truth, spots)
    confusion = spotting_scores.recognition(truth, spots, pairs, PROTOCOL.classes)
    found = len(pairs)
    return np.vstack([[found, len(spots) - found, len(truth) - found], confusion])


SCORES: dict[str, metrics.Metric] = {
    "F1, IoU 0.5": lambda c: spotting_scores.f1(c[..., 0, :]),
    "precision": lambda c: c[..., 0, 0] / np.maximum(c[..., 0, :2].sum(-1), 1),
    "recall": lambda c: c[..., 0, 0] / np.maximum(c[..., 0, 0] + c[..., 0, 2], 1),
    "recognition F1": lambda c: metrics.present_uf1(c[..., 1:, :]),
    "STRS": lambda c: spotting_scores.f1(c[..., 0, :]) * metrics.present_uf1(c[..., 1:, :]),
}


def chance(truth: pd.DataFrame, spots: pd.DataFrame, duration_ms: float) -> float:
    """Mean F1 of as many spots of the same lengths at random times of the same videos."""
    rng = np.random.default_rng(0)
    length = (spots["offset_ms"] - spots["onset_ms"]).to_numpy()
    reached = []
    for _ in range(CHANCE_DRAWS):
        onset = rng.uniform(0, duration_ms - length)
        drawn = spots.assign(onset_ms=onset, offset_ms=onset + length)
        reached.append(spotting_scores.megc_scores(truth, drawn).f1)
    return float(np.mean(reached))


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""

    def add(kind: Any, *values: Any, **limits: Any) -> None:
        kind(*values, flag_values=given, **limits)

    number, whole = flags.DEFINE_float, flags.DEFINE_integer
    add(flags.DEFINE_string, "model", "assets/demo_model", "folder of a model of either system")
    add(whole, "people", 12, "how many people are scored", lower_bound=1)
    add(whole, "first", SCORED_FROM, "number of the first of them", lower_bound=0)
    add(number, "seconds", 20.0, "length of a video", lower_bound=2.0)
    add(whole, "events", 5, "micro-expressions in a video", lower_bound=1)
    add(number, "fps", 100.0, "frames per second", lower_bound=1.0)
    add(number, "window_ms", 300.0, "length of a window", lower_bound=1.0)
    add(number, "stride_ms", 50.0, "from one window to the next", lower_bound=1.0)
    add(flags.DEFINE_boolean, "auc", False, "what tells windows in events from others; slow")


def main(given: flags.FlagValues) -> None:
    """Film, spot and print the scores."""
    reader = Predictor(given.model, crop="none")
    if reader.info.classes != PROTOCOL.classes:
        raise ConfigError(
            f"--model={given.model} tells {', '.join(reader.info.classes) or 'no emotions'}; "
            f"the videos show {', '.join(PROTOCOL.classes)}"
        )
    truth, spots, alarms, areas = [], [], [], []
    people = range(given.first, given.first + given.people)
    for person in tqdm(people, desc="spotting", unit="person", disable=None):
        told = scene(person, given.events, given)
        truth.append(truth_of(person, told))
        found, middles, motion = cut(shown(person, told), reader, given)
        events = spotting.spot(middles, motion)
        spots.append(named(events, found, middles, reader).assign(video=person))
        if given.auc:
            areas.append(separation(found, middles, truth[-1], reader))
        _, middles, motion = cut(shown(person, scene(person, 0, given)), reader, given)
        alarms.append(len(spotting.spot(middles, motion)))
    _tell(truth, spots, alarms, given)
    if areas:
        texts = ("motion", "surest emotion", "surest unit")
        for text, area in zip(texts, np.mean(areas, axis=0), strict=True):
            sys.stdout.write(f"AUC of windows, {text}: {area:.3f}\n")


def _tell(
    truth: list[pd.DataFrame],
    spots: list[pd.DataFrame],
    alarms: list[int],
    given: flags.FlagValues,
) -> None:
    counts = np.stack([counts_of(*pair) for pair in zip(truth, spots, strict=True)])[None]
    events, found = pd.concat(truth, ignore_index=True), pd.concat(spots, ignore_index=True)
    tp, fp, fn = counts[0, :, 0].sum(0)
    sys.stdout.write(
        f"{len(truth)} people ({given.first} to {given.first + given.people - 1}), 2 x "
        f"{given.seconds:g} s each at {given.fps:g} frames/s; {tp} found, {fp} false, {fn} missed\n"
    )
    for name, metric in SCORES.items():
        _line(name, float(metric(counts.sum(1))[0]), metrics.bootstrap_interval(counts, metric))
    rows = np.array(alarms)[None, :, None, None]

    def rate(c: np.ndarray) -> np.ndarray:
        filmed_ms = given.people * given.seconds * 1000
        return spotting_scores.false_alarms_per_minute(c[..., 0, 0], filmed_ms)

    _line("false alarms/min", float(rate(rows.sum(1))[0]), metrics.bootstrap_interval(rows, rate))
    by_chance = chance(events, found, 1000 * given.seconds)
    sys.stdout.write(f"{'F1 by chance':18}{by_chance:.3f}\n")
    hit = np.zeros(len(events), bool)
    hit[spotting_scores.match(events, found)[:, 0]] = True
    for low, high in AMPLITUDES:
        chosen = events["amplitude"].between(low, high, inclusive="left").to_numpy()
        sys.stdout.write(f"recall, {low:g} to {high:g} px: {hit[chosen].sum()} of {chosen.sum()}\n")


def _line(name: str, value: float, interval: tuple[float, float]) -> None:
    low, high = interval
    sys.stdout.write(f"{name:18}{value:.3f} ({low:.3f} to {high:.3f})\n")


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
