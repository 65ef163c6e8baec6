"""The list of a run's clips, and a film strip of each for the report."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from merclip_jax import workdir
from merclip_jax.data import pack
from merclip_jax.faces import crops
from merclip_jax.facs import notation
from merclip_jax.protocols import folds as cross_validation

STRIP_FRAMES, STRIP_HEIGHT = 8, 96  # frames, pixels


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
    """Write a film strip of every clip that is tested: no other is shown."""
    (directory / "strips").mkdir(exist_ok=True)
    tested = table.iloc[sorted(int(i) for fold in folds for i in fold.test)]
    for clip_id, start_row, count in zip(
        tested["clip_id"], tested["start"], tested["n_frames"], strict=True
    ):
        rows = start_row + np.linspace(0, count - 1, STRIP_FRAMES).round().astype(int)
        frames = [
            cv2.resize(frame, (STRIP_HEIGHT, STRIP_HEIGHT), interpolation=cv2.INTER_AREA)
            for frame in np.asarray(packed.frames[rows])
        ]
        strip = cv2.cvtColor(np.hstack(frames), cv2.COLOR_RGB2BGR)
        path = directory / "strips" / f"{clip_id.replace('/', '__')}.jpg"
        workdir.write(path, cv2.imencode(".jpg", strip)[1].tobytes())
