"""Train and test every fold of a protocol, then write the report.

Order: data, model, step, folds, tables, report. A fold that is done is never trained again; one
that was interrupted goes on from its last checkpoint.
"""

import importlib.metadata
import json
import platform
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from absl import flags
from ml_collections import ConfigDict, config_flags
from tokenizers import Tokenizer
from tqdm import tqdm

from merclip_jax import (
    app,
    clips,
    contamination,
    crops,
    cross_validation,
    detection,
    loop,
    members,
    parallel,
    prepare,
    protocols,
    recognition,
    report,
    results,
    step,
    strips,
    workdir,
)
from merclip_jax.errors import ConfigError
from merclip_jax.models import MerClip, start
from merclip_jax.models.micro_au import MicroAu
from merclip_jax.report import Report

USAGE = """Train and test every fold of a protocol and write the report; run it again to resume.

Example:
  python -m merclip_jax.train --config=configs/casme2.py:classes=5 \\
      --config.data.manual_dir=/where/CASME2/lies --workdir=runs/casme2 --config.recipe.epochs=30

configs/base.py lists every field with its meaning. The report is workdir/report.html."""

CHOICES = {
    "data.temporal": ("uniform", "first"),
    "data.motion": ("full", "none"),
    "data.crop": crops.WAYS,
    "model.dtype": ("auto", "float32", "bfloat16"),
    "model.head": ("inference", "linear"),
    "model.system": ("merclip", "micro_au"),
    "au.sides": ("merged", "kept"),
    "au.threshold": ("zero", "inner"),
    "au.emotion": ("rules", "text"),
    "au.dependency_form": ("correlation", "instance"),
    "text.content": ("action_units", "emotions"),
    "recipe.decay_form": ("sound", "released"),
    "recipe.alignment_positives": ("same_sentence", "released"),
    "folds.scheme": ("protocol", "loso", "lodo", "official", "hold_out"),
    "eval.selection": ("last", "inner", "paper"),
}
POSITIVE = (
    "recipe.epochs",
    "recipe.batch_size",
    "recipe.accumulate",
    "data.frames",
    "data.image_size",
    "eval.batch_size",
)
RANDOM_START = (
    "The model is small and started from random weights: its scores show that the run works, and "
    "say nothing of MER-CLIP."
)


def run(config: ConfigDict, directory: str | Path) -> Report:
    """Run a config to its report; `directory` is created, or resumed if it holds the same run.

    Raises:
      ConfigError: a field that cannot be used, or a workdir that cannot be written.
      DataError: data that cannot be used.
    """
    began = time.monotonic()
    directory = Path(directory)
    _check(config)
    start.check(config)
    protocol = protocols.get(config.data.protocol)
    if not protocol.classes and config.model.system == "merclip":
        raise ConfigError(
            f"data.protocol={protocol.name} has no emotion classes, and MER-CLIP learns them: set "
            "model.system='micro_au', which learns action units, or choose another protocol"
        )
    parallel.join(config.parallel)
    if parallel.is_first():
        workdir.open_run(directory, config)
    with parallel.first_alone("packing"):  # it prepares and packs what is missing
        packed, table = load_clips(config, protocol)
    folds = cross_validation.of_protocol(protocol, table, config.folds.scheme)
    if config.eval.selection == "inner":
        folds = [cross_validation.with_inner(fold, table) for fold in folds]
    seen = start.about(config).get("seen") if config.model.init_from else {}
    notices = contamination.check(seen, table, folds, config.eval.allow_seen)
    notices += start.notices(config) + clips.faceless(table)
    if parallel.is_first():
        strips.write(directory, packed, table, folds)
    timing = {"build_s": time.monotonic() - began, "compile_s": 0.0}

    per_epoch = _steps_per_epoch(config, folds)
    total = len(config.seeds) * len(folds) * config.recipe.epochs * per_epoch
    with tqdm(
        total=total * config.recipe.batch_size,
        desc="training",
        unit="clip",
        mininterval=0.5 if sys.stderr.isatty() else 30,
        disable=not parallel.is_first(),
    ) as bar:
        for seed in config.seeds:
            pending = [f for f in folds if not _is_done(directory, f, seed)]
            done = (len(folds) - len(pending)) * config.recipe.epochs * per_epoch
            bar.update(done * config.recipe.batch_size)
            if pending:
                setup = _set_up(
                    config, directory, seed, packed, table, protocol, len(pending), per_epoch, seen
                )
                loop.train_folds(setup, pending, bar)
                timing["compile_s"] += setup.engine.compile_s
    with parallel.first_alone("reporting"):
        if not parallel.is_first():
            return report.build(results.read(directory))
        _collect(directory, config, protocol, folds, timing, notices)
        return report.write(directory)


def load_clips(
    config: ConfigDict, protocol: protocols.Protocol
) -> tuple[clips.Clips, pd.DataFrame]:
    """The packed corpus of a config, prepared if need be, and the protocol's rows of its table."""
    data = config.data
    builders = prepare.prepare_all(
        data.dataset, data.manual_dir, data.data_dir, data.builder_config
    )
    packed = clips.load(builders, data.image_size, Path(data.data_dir), data.placement, data.crop)
    return packed, protocols.select(protocol, packed.table)


def _check(config: ConfigDict) -> None:
    def value(name: str):
        part, leaf = name.split(".")
        return config[part][leaf]

    for name, allowed in CHOICES.items():
        if value(name) not in allowed:
            raise ConfigError(f"{name}={value(name)!r}: give one of {', '.join(allowed)}")
    for name in POSITIVE:
        if value(name) < 1:
            raise ConfigError(f"{name}={value(name)}: must be at least 1")
    if config.au.threshold == "inner" and config.eval.selection != "inner":
        raise ConfigError(
            "au.threshold='inner' needs inner subjects: set eval.selection='inner', too"
        )
    if not config.seeds:
        raise ConfigError("seeds=(): give at least one seed, such as (0,)")


def _steps_per_epoch(config: ConfigDict, folds: list[cross_validation.Fold]) -> int:
    """Those of the mean fold, so that folds step together; whole updates, of at least one."""
    together = config.recipe.batch_size * config.recipe.accumulate
    updates = max(1, round(np.mean([len(fold.train) for fold in folds]) / together))
    return updates * config.recipe.accumulate


def _is_done(directory: Path, fold: cross_validation.Fold, seed: int) -> bool:
    return members.results(directory / "folds" / fold.name, "predictions", seed).exists()


def _task(
    config: ConfigDict,
    table: pd.DataFrame,
    protocol: protocols.Protocol,
    model: MerClip | MicroAu,
    tokenizer: Tokenizer,
) -> members.Task:
    """What is learnt: the emotion with its sentence, or the action units."""
    if isinstance(model, MicroAu):
        return detection.Task.create(table, protocol.classes, model, tokenizer, config)
    context = model.cfg.text.context
    return recognition.Task.create(table, protocol.classes, tokenizer, context, config)


def _set_up(
    config: ConfigDict,
    directory: Path,
    seed: int,
    packed: clips.Clips,
    table: pd.DataFrame,
    protocol: protocols.Protocol,
    pending: int,
    per_epoch: int,
    seen: contamination.Seen | None,
) -> members.Setup:
    """Model, texts, step and devices for the folds of one seed."""
    model, tokenizer = start.build(config, protocol.classes, seed)
    task = _task(config, table, protocol, model, tokenizer)
    texts = task.texts(model, config)
    learner, params, rest, frozen = step.Learner.create(model, config, per_epoch)
    at_once = config.folds.parallel or (1 if jax.default_backend() == "cpu" else 4)
    engine = parallel.Engine(learner, min(at_once, pending))
    frames = packed.frames if packed.on_device else np.zeros((0,), np.uint8)
    return members.Setup(
        config=config,
        seed=seed,
        workdir=directory,
        protocol=protocol,
        seen=seen or {},
        clips=packed,
        table=table,
        task=task,
        learner=learner,
        engine=engine,
        shared=engine.put(step.Shared(frames, texts, frozen)),
        params=params,
        rest=rest,
        tokenizer=tokenizer,
    )


def _collect(
    directory: Path,
    config: ConfigDict,
    protocol: protocols.Protocol,
    folds: list[cross_validation.Fold],
    timing: dict[str, float],
    notices: list[str],
) -> None:
    """Join the folds' tables, mark the folds done, and write run.json."""
    for kind in ("predictions", "history"):
        files = [
            members.results(directory / "folds" / fold.name, kind, seed)
            for seed in config.seeds
            for fold in folds
        ]
        workdir.write_table(directory / f"{kind}.csv", pd.concat(map(workdir.read_table, files)))
    for fold in folds:
        workdir.write(directory / "folds" / fold.name / "DONE", "")
    history = workdir.read_table(directory / "history.csv")
    train_s = float(history["seconds"].sum())
    per_epoch = _steps_per_epoch(config, folds)
    trained = len(history) * per_epoch * config.recipe.batch_size
    timing |= {
        "train_s": train_s,
        "clips_per_s": trained / train_s,
        "folds_per_hour": len(folds) * len(config.seeds) * 3600 / train_s,
    }
    about = {
        "protocol": {"name": protocol.name, "classes": list(protocol.classes)},
        "selection": config.eval.selection,
        "seeds": list(config.seeds),
        "config": json.loads(config.to_json()),
        "timing": timing,
        "environment": _environment(),
        "notices": notices + ([] if config.model.init_from else [RANDOM_START]),
    }
    workdir.write(directory / "run.json", json.dumps(about, indent=2) + "\n")


def _environment() -> dict[str, str]:
    packages = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")
    versions = {name: importlib.metadata.version(name) for name in packages}
    devices = jax.devices()
    return {
        "merclip_jax": importlib.metadata.version("merclip_jax"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": f"{len(devices)} x {devices[0].device_kind}",
        **versions,
    }


def main() -> None:
    """The command: flags in, the report's table out."""
    if not flags.FLAGS.workdir:
        raise ConfigError("--workdir is missing: name the folder of this run")
    found = run(_CONFIG.value, flags.FLAGS.workdir)
    sys.stdout.write(found.table() + "\n")


if __name__ == "__main__":
    _CONFIG = config_flags.DEFINE_config_file("config", help_string="the run's config file")
    flags.DEFINE_string("workdir", None, "the run's folder; the same folder resumes")
    app.run(main, USAGE)
