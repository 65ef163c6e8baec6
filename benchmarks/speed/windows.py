"""What reading, following a face, measuring its motion and the model cost, stage by stage.

OPENBLAS_NUM_THREADS=1 taskset -c 0 python -m benchmarks.speed.windows --video=FILE [--frames=480]

Every stage is timed alone, in seconds of processor time, so that other work on the machine counts
little; 'x real time' is how many seconds of this video one second of a core does. Windows are those
of `predict`: 300 ms every 50 ms. Without --video, the films of `benchmarks.real_faces` are fetched
and the talking face is taken.
"""

import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from absl import flags

from benchmarks import real_faces
from merclip_jax import app
from merclip_jax.data import inputs
from merclip_jax.faces import face
from merclip_jax.video import decode, patches, quality, windows
from merclip_jax.video.motion import Motions
from merclip_jax.video.predictor import Predictor
from merclip_jax.video.tracks import SEARCH_MS

WINDOW_MS, STRIDE_MS = 300.0, 50.0
_, TALKS = real_faces.FILMS  # the package with the talking face
TALKING = "package/examples/media/franck.mp4"


def stages(path: Path, count: int, reader: Predictor) -> pd.DataFrame:
    """Processor milliseconds per call and calls per second of the video, by stage."""
    cv2.setNumThreads(1)
    source, size = decode.open_source(path), reader.info.size
    decoding, frames = cost(lambda: list(itertools.islice(decode.frames(source), count)), 1)
    images = [frame.image for frame in frames]
    first = next(mesh for mesh in map(face.landmarks, images) if mesh is not None)
    face.eye_opening(images[0], first)  # the networks are loaded now
    matrix, area = face.alignment([first], size, reader.info.margin), windows._area(first)
    some = images[:: max(1, count // 40)]
    largest = windows.AREA * windows.DETAIL * size
    kept = {frame.time_ms: patches.of_frame(frame.image, area, largest) for frame in frames}
    shown = [patch.cut(matrix, size) for patch in kept.values()][: reader.info.count]
    window = np.stack(shown)
    batch = [inputs.of_frames(window, reader.info.input)] * reader.batch_size
    reader.compile()
    looks, strides = min(1000 / windows.LOOK_MS, source.fps), 1000 / STRIDE_MS
    rows = [("decode", decoding / len(frames), source.fps)]
    for name, task, rate in (
        ("detect", lambda: [face.detect(image) for image in some], 1000 / SEARCH_MS),
        ("mesh", lambda: [face.follow(image, first) for image in some], looks),
        ("eyes", lambda: [face.eye_opening(image, first) for image in some], looks),
        ("keep", lambda: [patches.of_frame(i, area, largest) for i in some], source.fps),
        ("cut", lambda: [p.cut(matrix, size) for p in kept.values()], len(window) * strides),
        ("blur", lambda: [quality.sharpness(window) for _ in some], strides),
        ("motion", lambda: motions(kept, matrix, size), strides),
        ("model", lambda: list(reader.read(batch).probabilities), strides),
    ):
        least, done = cost(task, 3)
        rows.append((name, least / len(done), rate))
    table = pd.DataFrame(rows, columns=["stage", "ms", "calls per second"]).set_index("stage")
    table.loc["all"] = ((table["ms"] * table["calls per second"]).sum(), 1.0)
    table["x real time"] = 1000 / (table["ms"] * table["calls per second"])
    return table


def motions(kept: dict[float, patches.Patch], matrix: np.ndarray, size: int) -> list[np.ndarray]:
    """The motion of every window of a film."""
    measured, last = Motions(size, WINDOW_MS), max(kept)
    starts = np.arange(0, max(last - WINDOW_MS, 1), STRIDE_MS)
    spans = ({t: p for t, p in kept.items() if s <= t < s + WINDOW_MS} for s in starts)
    return [measured.of(0, span, matrix) for span in spans]


def cost(task: Callable[[], list], repeats: int) -> tuple[float, list]:
    """The least processor time of some runs in milliseconds, and what the last one gave."""
    least = np.inf
    for _ in range(repeats):
        began = time.process_time()
        result = task()
        least = min(least, 1000 * (time.process_time() - began))
    return least, result


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_string(
        "video", None, "a video with one face; fetched if not given", flag_values=given
    )
    flags.DEFINE_integer("frames", 480, "frames to read", flag_values=given)
    flags.DEFINE_string("model", "assets/demo_model", "folder of a model", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Run the command."""
    with tempfile.TemporaryDirectory() as folder:
        if not given.video:
            real_faces.fetch([TALKS], Path(folder))
        path = Path(given.video or real_faces.place(Path(folder), TALKS) / TALKING)
        source = decode.open_source(path)
        print(f"{path.name}: {source.fps:.1f} frames per second")
        print(stages(path, given.frames, Predictor(given.model)).round(2).to_string())


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
