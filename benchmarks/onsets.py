"""What a window's start costs: emotions read in windows that begin before or after an onset.

python -m benchmarks.onsets [--model=assets/demo_model] [--people=16] [--fps=100]

Events of long drawn videos (`benchmarks.spotting`) of people whom no model here has seen and on
whom no threshold was chosen. Of each event the model reads windows of 300 ms that begin at set
times from its onset; beside them the event itself, cut at onset and offset as training clips are,
and from onset to apex. `all frames` measures motion in all frames of the window and then takes as
many as the model reads, as `predict` does; `read alone` measures it in those few. The class that is
likeliest is right; drawn at random it would be in a third. Intervals (95 %) are over people.
"""

import sys
from collections.abc import Sequence

import numpy as np
import pandas as pd
from absl import flags
from jaxtyping import UInt8
from tqdm import tqdm

from benchmarks import spotting
from benchmarks.explanations import sampled, with_interval
from merclip_jax import app
from merclip_jax.data import inputs
from merclip_jax.data.inputs import Stored
from merclip_jax.tfds_builders.synthetic_me.long_videos import Expression
from merclip_jax.video.model_info import ModelInfo
from merclip_jax.video.predictor import Predictor

FIRST = 300_400  # number of the first person
WINDOW_MS = 300.0
STARTS_MS = (-200, -150, -100, -50, 0, 50, 100, 150)  # from the onset

Film = UInt8[np.ndarray, "t s s 3"]


def spans(event: Expression) -> dict[str, tuple[float, float]]:
    """What is read of an event, from when to when in milliseconds."""
    windows = {f"{start:+d} ms": event.onset_ms + start for start in STARTS_MS}
    return {
        "onset to offset": (event.onset_ms, event.offset_ms),
        "onset to apex": (event.onset_ms, event.apex_ms),
    } | {name: (start, start + WINDOW_MS) for name, start in windows.items()}


def ways(film: Film, info: ModelInfo) -> dict[str, Stored]:
    """A window as the model may see it."""
    chosen, kind = sampled(len(film), info), info.input
    return {
        "all frames": inputs.of_frames(film, kind).rows(chosen),
        "read alone": inputs.of_frames(film[chosen], kind),
    }


def rows_of(person: int, given: flags.FlagValues, reader: Predictor) -> list[dict]:
    """What is right of a person's events, by what is read and how."""
    told = spotting.scene(person, given.events, given)
    film = np.stack([frame.image for frame in spotting.shown(person, told)])
    emotions = spotting.truth_of(person, told)["emotion"]
    seen, rows = [], []
    for event, emotion in zip(told.events, emotions, strict=True):
        for name, span in spans(event).items():
            first, last = (round(time * told.fps / 1000) for time in span)
            part = film[max(first, 0) : last]
            for way, stored in ways(part, reader.info).items():
                seen.append(stored)
                rows.append({"person": person, "read": name, "way": way, "emotion": emotion})
    said = reader.read(seen).probabilities.argmax(1)
    for row, k in zip(rows, said, strict=True):
        row["right"] = float(reader.info.classes[k] == row.pop("emotion"))
    return rows


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""

    def whole(name: str, default: int, meaning: str) -> None:
        flags.DEFINE_integer(name, default, meaning, lower_bound=1, flag_values=given)

    flags.DEFINE_string("model", "assets/demo_model", "folder of a model", flag_values=given)
    whole("people", 16, "drawn people")
    whole("first", FIRST, "number of the first of them")
    whole("events", 5, "micro-expressions in a video")
    flags.DEFINE_float("seconds", 20.0, "length of a video", flag_values=given)
    flags.DEFINE_float("fps", 100.0, "frames per second", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Print the table."""
    reader = Predictor(given.model, crop="none")
    people = range(given.first, given.first + given.people)
    rows = []
    for person in tqdm(people, desc="reading", unit="person", disable=None):
        rows += rows_of(person, given, reader)
    table = pd.DataFrame(rows)
    print(f"{given.people * given.events} events of {given.people} people, {given.fps:g} frames/s")
    for name, of_name in table.groupby("read", sort=False):
        cells = [
            f"{way} {with_interval(found['right'], found['person'])}"
            for way, found in of_name.groupby("way", sort=False)
        ]
        print(f"{name:18}" + "   ".join(cells))


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
