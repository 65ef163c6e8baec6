"""How fast clips are packed and drawn, beside what a training step takes of them.

python -m benchmarks.speed.input [--json=FILE]

Packs 250 clips of 60 frames of 280 x 340 pixels (the size of CASME II's crops, random content) to
224 px, then draws class-balanced batches of indices, and gathers frames from the pack.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import tensorflow_datasets as tfds
from absl import flags

from merclip_jax import app
from merclip_jax.data import pack, sampling
from merclip_jax.protocols.folds import Fold
from merclip_jax.tfds_builders import records
from merclip_jax.tfds_builders.builder import CorpusConfig

CLIPS, FRAMES, SIZE = 250, 60, (340, 280)


class Noise(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Clips of smooth noise in the size of CASME II's crops."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (CorpusConfig(name="noise"),)
    clips = CLIPS

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(builder=self, features=records.features())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        del dl_manager
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        rng = np.random.default_rng(0)
        rough = rng.integers(0, 256, (20, 34, 28, 3), np.uint8)
        pool = [cv2.imencode(".jpg", cv2.resize(r, SIZE[::-1]))[1].tobytes() for r in rough]
        for i in range(self.clips):
            frames = [pool[(i + j) % len(pool)] for j in range(FRAMES)]
            numbers = list(range(1, FRAMES + 1))
            yield records.Clip(
                "noise", f"{i % 26:02d}", f"c{i}", "others", "4", 1, 9, FRAMES, 1, 9, FRAMES,
                True, 200.0, numbers, frames,
            ).example()  # fmt: skip


def measure(folder: Path, clips: int = CLIPS) -> dict[str, float]:
    """Seconds and rates of packing, sampling and gathering."""
    builder = Noise(data_dir=folder, file_format="array_record")
    builder.clips = clips
    builder.download_and_prepare()
    began = time.perf_counter()
    packed = pack.load([builder], 224, folder, "memmap")
    pack_s = time.perf_counter() - began

    labels = np.arange(clips) % 5
    fold = Fold("01", np.arange(10, clips), np.arange(10))
    iterator = sampling.iterate(sampling.batches(fold, labels, batch_size=8, balanced=True, seed=0))
    next(iterator)
    began = time.perf_counter()
    drawn = [next(iterator) for _ in range(2 * clips)]
    draw_s = (time.perf_counter() - began) / len(drawn)

    starts, lengths = pack.first_rows(packed.table)
    spread = np.linspace(0, 1, 16)
    began = time.perf_counter()
    for batch in drawn[:20]:
        rows = starts[batch][:, None] + (spread * (lengths[batch][:, None] - 1)).astype(int)
        np.array(packed.frames[rows.reshape(-1)])
    gather_s = (time.perf_counter() - began) / 20
    return {
        "pack_clips_per_s": clips / pack_s,
        "pack_frames_per_s": clips * FRAMES / pack_s,
        "draw_batch_ms": draw_s * 1e3,
        "draw_clips_per_s": 8 / draw_s,
        "gather_clips_per_s": 8 / gather_s,
    }


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_string("json", "", "also write the figures to this file", flag_values=given)


def main(given: flags.FlagValues) -> None:
    """Print every figure, and write them if asked to."""
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    for name, value in figures.items():
        sys.stdout.write(f"{name:32}{value:.2f}\n")
    if given.json:
        Path(given.json).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
