"""A run from its config to its report.

Order: checks, data, folds, training, tables, report. A fold that is done is never trained again;
one that was interrupted goes on from its last checkpoint.
"""

import contextlib
import importlib.metadata
import json
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from ml_collections import ConfigDict
from tqdm import tqdm

import merclip_jax
from merclip_jax import manifest, systems, workdir
from merclip_jax.data import datasets, identity, own_clips, pack, strips
from merclip_jax.errors import ConfigError
from merclip_jax.protocols import contamination, folds, selection
from merclip_jax.protocols.folds import Fold
from merclip_jax.protocols.table import Protocol
from merclip_jax.reports import report, results
from merclip_jax.reports.report import Report
from merclip_jax.scoring import attention
from merclip_jax.settings import checks
from merclip_jax.towers import files as weight_files
from merclip_jax.training import finished, parallel, step
from merclip_jax.training.batch import Shared
from merclip_jax.training.fold import RunContext

RANDOM_START = (
    "The model is small and started from random weights: its scores show that the run works, and "
    "say nothing of MER-CLIP."
)


@dataclass(frozen=True)
class Run:
    """What is known of a run once its data are at hand.

    Attributes:
      seen: corpus -> subjects that the weights at the start were trained on.
      notices: what the report must say; training adds to it.
      timing: seconds, by what took them; training adds to it.
      identity: digests of what the results depend on, by part (`data.identity`).
    """

    config: ConfigDict
    directory: Path
    protocol: Protocol
    clips: pack.Clips
    table: pd.DataFrame
    folds: list[Fold]
    seen: contamination.Seen
    notices: list[str]
    timing: dict[str, float]
    identity: dict[str, str]


def run(config: ConfigDict, directory: str | Path) -> Report:
    """Run a config to its report; `directory` is created, or resumed if it holds the same run.

    Raises:
      ConfigError: a field that cannot be used, or a workdir that cannot be written.
      DataError: data that cannot be used.
    """
    began, directory = time.monotonic(), Path(directory)
    protocol = check(config)
    with workdir.held(directory) if parallel.is_first() else contextlib.nullcontext():
        return _run(config, directory, protocol, began)


def _run(config: ConfigDict, directory: Path, protocol: Protocol, began: float) -> Report:
    if parallel.is_first():
        workdir.open_run(directory, config)
    with parallel.first_alone("packing"):  # it prepares and packs what is missing
        clips, table = load_clips(config, protocol)
    run_folds = _folds(config, protocol, table)
    described = strips.clips(table, run_folds)
    parts = identity.of(described, workdir.settings(config), config.model.init_from)
    finished.check_identity(directory, described, parts)
    weights = (
        weight_files.metadata(config.model.init_from) if config.model.init_from else {"seen": {}}
    )
    notices = contamination.check(weights.get("seen"), table, run_folds, config.eval.allow_seen)
    notices += _other_crop(weights, config) + pack.faceless(table)
    notices += pack.without_apex(table) if config.data.temporal == "apex" else []
    for notice in notices if parallel.is_first() else ():
        sys.stderr.write(f"note: {notice}\n")
    if parallel.is_first():
        workdir.write_table(directory / "clips.csv", described)
        strips.write(directory, clips, table, run_folds)
    timing = {"build_s": time.monotonic() - began, "compile_s": 0.0}
    seen = weights.get("seen") or {}
    whole = Run(config, directory, protocol, clips, table, run_folds, seen, notices, timing, parts)
    _train(whole)
    with parallel.first_alone("reporting"):
        if not parallel.is_first():
            return report.build(results.read(directory))
        _collect(whole)
        return report.write(directory)


def check(config: ConfigDict) -> Protocol:
    """Refuse, before any data is read, what cannot run; say on stderr what has no effect.

    It joins the other processes of a run, if there are any, since only then devices are known.

    Raises:
      ConfigError: the first fault found, with the flag's full name.
    """
    for word in checks.check(config):
        sys.stderr.write(f"{word}\n")
    system = systems.get(config.model.system)
    protocol = own_clips.protocol(config.data)
    if not protocol.classes and system.needs_classes:
        raise ConfigError(
            f"--config.data.protocol={protocol.name} has no emotion classes, and {system.title} "
            "learns them: set --config.model.system=micro_au, which learns action units, or "
            "choose another protocol"
        )
    system.check(config, protocol.classes)
    if config.eval.baseline:
        results.read(Path(config.eval.baseline))
    parallel.join(config.parallel)
    parallel.check(config)
    datasets.check(config.data, protocol)
    return protocol


def load_clips(config: ConfigDict, protocol: Protocol) -> tuple[pack.Clips, pd.DataFrame]:
    """The packed corpus of a config, prepared if need be, and the protocol's rows of its table."""
    data = config.data
    builders = datasets.prepare_all(
        data.dataset, data.manual_dir, data.data_dir, data.builder_config
    )
    clips = pack.load(
        builders, data.image_size, Path(data.data_dir), data.placement, data.crop, data.input
    )
    return clips, selection.select(protocol, clips.table)


def _other_crop(weights: dict, config: ConfigDict) -> list[str]:
    """What the report says of weights that have seen faces cropped otherwise than the run's."""
    then, now = weights.get("crop"), config.data.crop
    if then in (None, now):
        return []
    return [
        f"The weights that it started from were trained with data.crop={then!r}, this run has "
        f"{now!r}: faces differ in size and place from those that the weights know."
    ]


def _folds(config: ConfigDict, protocol: Protocol, table: pd.DataFrame) -> list[Fold]:
    all_folds = folds.of_protocol(protocol, table, config.folds.scheme)
    if config.eval.selection == "inner":
        return [folds.with_inner(fold, table) for fold in all_folds]
    return all_folds


def _train(run: Run) -> None:
    """Train what is not done, seed by seed, under one progress bar."""
    per_epoch = _steps_per_epoch(run.config, run.folds)
    of_a_fold = run.config.recipe.epochs * per_epoch * run.config.recipe.batch_size
    with tqdm(
        total=len(run.config.seeds) * len(run.folds) * of_a_fold,
        desc="training",
        unit="clip",
        mininterval=0.5 if sys.stderr.isatty() else 30,
        disable=not parallel.is_first(),
    ) as bar:
        for seed in run.config.seeds:
            pending = _pending(run, seed, bar)
            bar.update((len(run.folds) - len(pending)) * of_a_fold)
            if not pending:
                continue
            system = systems.get(run.config.model.system)
            model, tokenizer = system.start(run.config, run.protocol.classes, seed)
            task = system.task(run.config, run.table, run.protocol.classes, model, tokenizer)
            texts = task.texts(model)
            learner, params, model_state, frozen = step.Learner.create(
                model, task, run.config, per_epoch
            )
            engine = parallel.Engine(learner, parallel.folds_at_once(run.config, len(pending)))
            context = RunContext(
                config=run.config,
                seed=seed,
                workdir=run.directory,
                protocol=run.protocol,
                seen=run.seen,
                clips=run.clips,
                table=run.table,
                task=task,
                learner=learner,
                engine=engine,
                shared=engine.put(Shared(run.clips.shared, texts, frozen)),
                params=params,
                model_state=model_state,
                tokenizer=tokenizer,
                notices=run.notices,
                identity=run.identity,
            )
            system.train(context, pending, bar)
            run.timing["compile_s"] += engine.compile_s


def _steps_per_epoch(config: ConfigDict, run_folds: list[Fold]) -> int:
    """Those of the mean fold, so that folds step together; whole updates, of at least one."""
    together = config.recipe.batch_size * config.recipe.accumulate
    updates = max(1, round(np.mean([len(fold.train) for fold in run_folds]) / together))
    return updates * config.recipe.accumulate


def _pending(run: Run, seed: int, bar: tqdm) -> list[Fold]:
    """The folds that are not done, or whose files changed since they were."""
    places = {fold.name: run.directory / "folds" / fold.name for fold in run.folds}
    with parallel.first_alone("looking for finished folds"):
        faults = [fault for folder in places.values() for fault in finished.check(folder, seed)]
        for fault in faults:
            bar.write(f"note: {fault}", sys.stderr)
        run.notices.extend(f"{fault}." for fault in faults)
        return [fold for fold in run.folds if not finished.is_done(places[fold.name], seed)]


def _collect(run: Run) -> None:
    """Join the folds' tables, mark the folds done, write run.json and the run's manifest."""
    done = [
        (run.directory / "folds" / f.name, seed) for seed in run.config.seeds for f in run.folds
    ]
    for kind in finished.TABLES:
        tables = [workdir.read_table(finished.results(*where, kind)) for where in done]
        table = _with_names(pd.concat(tables), run.protocol.classes)
        workdir.write_table(run.directory / f"{kind}.csv", table)
    for fold in run.folds:
        workdir.write(run.directory / "folds" / fold.name / "DONE", "")
    history = workdir.read_table(run.directory / "history.csv")
    train_s = float(history["seconds"].sum())
    trained = len(history) * _steps_per_epoch(run.config, run.folds) * run.config.recipe.batch_size
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
