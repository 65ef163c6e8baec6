"""What folds left, joined to the files of a run that a report is made of."""

import importlib.metadata
import json
import platform

import jax
import pandas as pd

import merclip_jax
from merclip_jax import manifest, systems, workdir
from merclip_jax.experiment.runs import Run
from merclip_jax.reports import results
from merclip_jax.scoring import attention
from merclip_jax.training import finished

RANDOM_START = (
    "The model is small and started from random weights: its scores show that the run works, and "
    "say nothing of MER-CLIP."
)


def is_whole(run: Run) -> bool:
    """Whether the files of the run are there, written from the same data and settings."""
    place = run.directory / results.MANIFEST
    if manifest.faults(place):
        return False
    written = manifest.read(place)
    return written is not None and written.identity == run.identity


def collect(run: Run) -> None:
    """Join the folds' tables, mark the folds done, write run.json and the run's manifest."""
    done = [(run.folder(fold), seed) for seed in run.config.seeds for fold in run.folds]
    for kind in finished.TABLES:
        tables = [workdir.read_table(finished.results(*where, kind)) for where in done]
        table = _with_names(pd.concat(tables), run.protocol.classes)
        workdir.write_table(run.directory / f"{kind}.csv", table)
    for fold in run.folds:
        workdir.write(run.folder(fold) / "DONE", "")
        # One that was killed after the last file of its fold has left its lock.
        (run.folder(fold) / workdir.LOCK).unlink(missing_ok=True)
    history = workdir.read_table(run.directory / "history.csv")
    train_s = float(history["seconds"].sum())
    trained = len(history) * run.steps_per_epoch * run.config.recipe.batch_size
    timing = run.timing | {
        "train_s": train_s,
        "clips_per_s": trained / train_s,
        "folds_per_hour": len(run.folds) * len(run.config.seeds) * 3600 / train_s,
    }
    system = systems.get(run.config.model.system)
    by_nature = run.config.model.init_from or system.is_baseline
    facts = {
        "system": system.title,
        "protocol": {"name": run.protocol.name, "classes": list(run.protocol.classes)},
        "selection": run.config.eval.selection,
        "seeds": list(run.config.seeds),
        "config": json.loads(run.config.to_json()),
        "timing": timing,
        "environment": _environment(),
        "made": workdir.provenance(),
        "notices": run.notices + ([] if by_nature else [RANDOM_START]),
    }
    workdir.write(run.directory / "run.json", json.dumps(facts, indent=2) + "\n")
    files = [run.directory / name for name in results.FILES]
    files += [path for where in done if (path := attention.file(*where)).exists()]
    manifest.write(run.directory / results.MANIFEST, files, run.identity)


def _with_names(table: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """Predictions with the names of the true and of the predicted class; others as they are."""
    if not classes or "prediction" not in table:
        return table
    names = dict(enumerate(classes))
    return table.assign(
        **{"class": table["label"].map(names), "predicted": table["prediction"].map(names)}
    )


def _environment() -> dict[str, str]:
    packages = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")
    versions = {name: importlib.metadata.version(name) for name in packages}
    devices = jax.devices()
    return {
        "merclip_jax": merclip_jax.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": f"{len(devices)} x {devices[0].device_kind}",
        **versions,
    }
