"""A small fabricated workdir of a finished Micro-AU CLIP run, as `train` leaves it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from workdirs import edit, make_workdir

UNITS = ("4", "L12", "R12")


def make_au_workdir(
    root: Path, labels: np.ndarray, probabilities: np.ndarray, units=UNITS, **given
) -> Path:
    """Like `make_workdir`, with `labels` [n, k] and `probabilities` [n, k] of `units`, any seed."""
    workdir = make_workdir(root, **given)
    run = json.loads((workdir / "run.json").read_text())
    run["system"] = "Micro-AU CLIP"
    run["config"] |= {
        "data": {"crop": "owner"},
        "model": {"system": "micro_au"},
        "au": {"dependency": True, "regions": True, "eye_distance": 0.0, "eye_height": 0.39},
    }
    (workdir / "run.json").write_text(json.dumps(run))

    def with_units(table: pd.DataFrame) -> pd.DataFrame:
        seeds = len(table) // len(labels)
        columns = {f"au_{unit}": np.tile(labels[:, i], seeds) for i, unit in enumerate(units)}
        columns |= {
            f"au_p_{unit}": np.tile(probabilities[:, i], seeds) for i, unit in enumerate(units)
        }
        return table.assign(**columns)

    edit(workdir, "predictions.csv", with_units)
    return workdir
