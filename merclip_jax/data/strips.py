"""The list of a run's clips, and pictures of each for the report: a film strip, and its change."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from jaxtyping import UInt8

from merclip_jax import workdir
from merclip_jax.data import pack
from merclip_jax.faces import crops
from merclip_jax.facs import notation
from merclip_jax.protocols import folds as cross_validation

STRIP_FRAMES, STRIP_HEIGHT = 8, 96  # frames, pixels
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 85]  # a page holds the strips of all clips
STRONGER = 6  # how many times the difference of two frames is shown


def clips(table: pd.DataFrame, folds: list[cross_validation.Fold]) -> pd.DataFrame:
    """A run's clips.csv: what it knows of each clip, and the fold that tests it."""
    fold_of = {int(i): fold.name for fold in folds for i in fold.test}
    measured = [name for name in crops.MEASURED if name in table]
    described = table[
        ["clip_id", "dataset", "subject", "clip", "split", "emotion", "class", "label", "n_frames"]
        + ["apex", "pixels", *measured]
    ]
    return described.assign(
        aus=[notation.canonical(units) for units in table["action_units"]],
        fold=[fold_of.get(i, "") for i in range(len(table))],
    )


def write(
    directory: Path, packed: pack.Clips, table: pd.DataFrame, folds: list[cross_validation.Fold]
) -> None:
    """Write the pictures of every clip that is tested: no other is shown.

    strips/NAME.jpg is a film strip from onset to offset; strips/NAME__change.jpg the onset, the
    apex, and how much lighter or darker the apex is, on grey and six times as strong.
    """
    (directory / "strips").mkdir(exist_ok=True)
    tested = table.iloc[sorted(int(i) for fold in folds for i in fold.test)]
    for clip_id, start_row, count, apex in zip(
        *(tested[name] for name in ("clip_id", "start", "n_frames", "apex")), strict=True
    ):
        rows = start_row + np.linspace(0, count - 1, STRIP_FRAMES).round().astype(int)
        onset, peak = _small(packed.frames[[start_row, start_row + apex]])
        change = np.clip(
            128 + STRONGER * (peak.astype(int) - onset).mean(-1, keepdims=True), 0, 255
        )
        pictures = {
            "": _small(packed.frames[rows]),
            "__change": [onset, peak, change.repeat(3, -1)],
        }
        for kind, frames in pictures.items():
            strip = cv2.cvtColor(np.hstack(frames).astype(np.uint8), cv2.COLOR_RGB2BGR)
            path = directory / "strips" / f"{clip_id.replace('/', '__')}{kind}.jpg"
            workdir.write(path, cv2.imencode(".jpg", strip, QUALITY)[1].tobytes())


def _small(frames: UInt8[np.ndarray, "n h w 3"]) -> list[UInt8[np.ndarray, "s s 3"]]:
    size = (STRIP_HEIGHT, STRIP_HEIGHT)
    return [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in np.asarray(frames)]
