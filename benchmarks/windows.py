"""What reading, following a face and cutting windows cost, stage by stage.

OPENBLAS_NUM_THREADS=1 python -m benchmarks.windows --video=FILE [--frames=480]

Every stage is timed alone on one core, in seconds of processor time, so that other work on the
machine counts little; 'x real time' is how many seconds of this video one second of a core does.
Without --video, the films of `benchmarks.real_faces` are fetched and the talking face is taken.
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
from merclip_jax.faces import face
from merclip_jax.video import decode, motion, quality
from merclip_jax.video.tracks import SEARCH_MS

COUNT, SIZE = 16, 224  # frames of a window and their side, as the full-size models have them
WINDOW_MS, STRIDE_MS = 500.0, 250.0
LOOKS = 30  # a second at most; see `windows.LOOK_MS`
_, TALKS = real_faces.FILMS  # the package with the talking face
TALKING = "package/examples/media/franck.mp4"


def stages(path: Path, count: int) -> pd.DataFrame:
    """Processor milliseconds per call and calls per second of the video, by stage."""
    cv2.setNumThreads(1)
    source = decode.open_source(path)
    decoding, frames = cost(lambda: list(itertools.islice(decode.frames(source), count)), 1)
    images = [frame.image for frame in frames]
    first = next(mesh for mesh in map(face.landmarks, images) if mesh is not None)
    face.eye_opening(images[0], first)  # the networks are loaded now
    matrix = face.alignment([first], SIZE)
    some = images[:: max(1, count // 40)]
    window = np.stack([face.crop(image, matrix, SIZE) for image in images[:COUNT]])
    looks, strides = min(LOOKS, source.fps), 1000 / STRIDE_MS
    rows = [("decode", decoding / len(frames), source.fps)]
    for name, task, rate in (
        ("detect", lambda: [face.detect(image) for image in some], 1000 / SEARCH_MS),
        ("mesh", lambda: [face.follow(image, first) for image in some], looks),
        ("eyes", lambda: [face.eye_opening(image, first) for image in some], looks),
        ("crop", lambda: [face.crop(image, matrix, SIZE) for image in some], COUNT * strides),
        ("blur", lambda: [quality.sharpness(window) for _ in some], strides),
        ("motion", lambda: [motion.motion_energy(window) for _ in some], strides),
    ):
        rows.append((name, cost(task, 3)[0] / len(some), rate))
    table = pd.DataFrame(rows, columns=["stage", "ms", "calls per second"]).set_index("stage")
    table.loc["all"] = ((table["ms"] * table["calls per second"]).sum(), 1.0)
    table["x real time"] = 1000 / (table["ms"] * table["calls per second"])
    return table


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


def main(given: flags.FlagValues) -> None:
    """Run the command."""
    with tempfile.TemporaryDirectory() as folder:
        if not given.video:
            real_faces.fetch([TALKS], Path(folder))
        path = Path(given.video or real_faces.place(Path(folder), TALKS) / TALKING)
        source = decode.open_source(path)
        print(f"{path.name}: {source.fps:.1f} frames per second")
        print(stages(path, given.frames).round(2).to_string())


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
