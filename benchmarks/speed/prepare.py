"""How fast a corpus is prepared and packed, where the time goes, and what memory it takes.

python -m benchmarks.speed.prepare [--clips=250] [--json=FILE]

Makes a CASME II of 250 clips of 60 frames of 340 x 280 pixels (the owner's crops: smooth shapes
with a camera's noise, about 20 kB each) in a temporary folder. Then `prepare` and the packing to
224 px run in a process of their own, so that the peak of its memory is theirs. In the same process
the corpus is packed to 112 px with its motion, and so is the demo's (108 clips of 24 frames of 112
pixels). Where other work runs on the machine, clips per second of processor time tell more: what
so many cores can reach that are free.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from absl import flags

from merclip_jax import app
from merclip_jax.data import datasets, motion, pack
from merclip_jax.faces import crops
from merclip_jax.tfds_builders import corpus
from merclip_jax.tfds_builders.builder import CorpusBuilder

FRAMES, SIZE, IMAGE_SIZE, PEOPLE = 60, (340, 280), 224, 26


def make_corpus(folder: Path, count: int) -> None:
    """Write a workbook and the frames; the noise is new in every one of 40 pictures."""
    rng = np.random.default_rng(0)
    pool = [_picture(rng) for _ in range(40)]
    rows = []
    for i in range(count):
        person, clip = f"{i % PEOPLE + 1:02d}", f"EP{i:03d}"
        rows.append((person, clip, 1, 30, FRAMES, "4+7", "disgust"))
        place = folder / "Cropped" / f"sub{person}" / clip
        place.mkdir(parents=True)
        for number in range(1, FRAMES + 1):
            (place / f"reg_img{number}.jpg").write_bytes(pool[(i + number) % len(pool)])
    header = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame"]
    header += ["Action Units", "Estimated Emotion"]
    table = pd.DataFrame(rows, columns=header, dtype=object)
    table.to_excel(folder / "CASME2-coding-20190701.xlsx", index=False)


def _picture(rng: np.random.Generator) -> bytes:
    """A JPEG of smooth shapes and noise."""
    rough = rng.integers(0, 256, (SIZE[0] // 20, SIZE[1] // 20, 3), np.uint8)
    smooth = cv2.resize(rough, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    noisy = np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def measure(folder: Path) -> dict[str, float]:
    """Rates, the share of the time in each part, and the peak of this process's memory."""
    spent: dict[str, float] = {}
    _timed(spent, "reading the annotation", corpus.Corpus, "sheet")
    _timed(spent, "finding and checking frames", corpus.Corpus, "on_disk")
    began = time.perf_counter()
    builder = datasets.prepare("casme2", folder / "corpus", folder / "data")
    build_s = time.perf_counter() - began
    figures = {"build_clips_per_s": _count(builder) / build_s}
    figures |= {f"build: {name}": s / build_s for name, s in spent.items()}
    figures["build: storing"] = 1 - sum(spent.values()) / build_s

    spent.clear()
    image = builder.info.features["frames"].feature
    _timed(spent, "decoding", type(image), "decode_example_np")
    _timed(spent, "resizing", crops, "resize_and_crop")
    began = time.perf_counter()
    pack.load([builder], IMAGE_SIZE, folder / "data", "memmap")
    pack_s = time.perf_counter() - began
    figures["pack_clips_per_s"] = _count(builder) / pack_s
    threads_s = pack_s * (os.cpu_count() or 1)
    figures |= {f"pack: {name}": s / threads_s for name, s in spent.items()}
    figures["pack: reading, writing, waiting"] = 1 - sum(spent.values()) / threads_s
    demo = datasets.prepare("synthetic_me", "", folder / "data", "demo")
    for name, packed in (("casme2", builder), ("demo", demo)):
        figures |= _with_motion(name, packed, folder / "data")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
    return figures | {"peak_memory_gib": peak / 2**20}


def _with_motion(name: str, builder: CorpusBuilder, data_dir: Path) -> dict[str, float]:
    """Clips that are packed with their motion per second, and per second of processor time."""
    began, worked = time.perf_counter(), time.process_time()
    pack.load([builder], motion.WORKING, data_dir, "memmap", kind="motion")
    passed, work = time.perf_counter() - began, time.process_time() - worked
    count = _count(builder)
    return {
        f"{name}_motion_clips_per_s": count / passed,
        f"{name}_motion_clips_per_processor_s": count / work,
    }


def _count(builder: CorpusBuilder) -> int:
    return builder.info.splits["train"].num_examples


def _timed(spent: dict[str, float], name: str, owner: object, function: str) -> None:
    """Replace a function by one that adds up the seconds it takes."""
    plain: Callable = getattr(owner, function)

    def timed(*args, **kwargs):
        began = time.perf_counter()
        try:
            return plain(*args, **kwargs)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - began

    setattr(owner, function, timed)


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_integer(
        "clips", 250, "how many clips the corpus has", lower_bound=1, flag_values=given
    )
    flags.DEFINE_string("json", "", "also write the figures to this file", flag_values=given)
    flags.DEFINE_string("measured", "", "the corpus to measure; used by itself", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Print every figure, and write them if asked to."""
    if given.measured:
        sys.stdout.write(json.dumps(measure(Path(given.measured))))
        return
    with tempfile.TemporaryDirectory() as folder:
        make_corpus(Path(folder) / "corpus", given.clips)
        files = [path.stat().st_size for path in Path(folder).glob("corpus/Cropped/*/*/*.jpg")]
        command = [sys.executable, "-m", "benchmarks.speed.prepare", f"--measured={folder}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    figures = {"clips": given.clips, "picture_kb": float(np.mean(files)) / 1e3}
    figures |= json.loads(done.stdout)
    for name, value in figures.items():
        share = f"{value:.0%}" if ": " in name else f"{value:.2f}"
        sys.stdout.write(f"{name:40}{share}\n")
    if given.json:
        Path(given.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
