"""A run from its config to its report.

Order: checks, data, folds, training, tables, report. A fold that is done is never trained again;
one that was interrupted goes on from its last checkpoint.
"""

import contextlib
import sys
import time
from pathlib import Path

import pandas as pd
from ml_collections import ConfigDict

from merclip_jax import systems, workdir
from merclip_jax.data import datasets, identity, own_clips, pack, strips
from merclip_jax.errors import ConfigError
from merclip_jax.experiment import collected, trained
from merclip_jax.experiment.runs import Run
from merclip_jax.protocols import contamination, folds, selection
from merclip_jax.protocols.folds import Fold
from merclip_jax.protocols.table import Protocol
from merclip_jax.reports import report, results
from merclip_jax.reports.report import Report
from merclip_jax.settings import checks
from merclip_jax.towers import files as weight_files
from merclip_jax.training import finished, parallel, processes


def run(config: ConfigDict, directory: str | Path) -> Report:
    """Run a config to its report; `directory` is created, or resumed if it holds the same run.

    Raises:
      ConfigError: a field that cannot be used, or a workdir that cannot be written.
      DataError: data that cannot be used.
    """
    began, directory = time.monotonic(), Path(directory)
    protocol, shared = check(config), config.parallel.share_folds
    with contextlib.ExitStack() as held:
        if processes.is_first():
            held.enter_context(workdir.held(directory, wait=shared))
        whole = _open(config, directory, protocol, began)
        if shared:
            held.close()  # each fold has a lock of its own
        trained.train(whole)
        if shared:
            held.enter_context(workdir.held(directory, wait=True))
        return _report(whole)


def _open(config: ConfigDict, directory: Path, protocol: Protocol, began: float) -> Run:
    """Everything of a run but its training: its data at hand, its folder in order."""
    if processes.is_first():
        workdir.open_run(directory, config)
    with processes.first_alone("packing"):  # it prepares and packs what is missing
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
    notices += _damaged(directory, run_folds, config.seeds)
    for notice in notices if processes.is_first() else ():
        sys.stderr.write(f"note: {notice}\n")
    if processes.is_first():
        workdir.write_table(directory / "clips.csv", described)
        strips.write(directory, clips, table, run_folds)
    timing = {"build_s": time.monotonic() - began, "compile_s": 0.0}
    seen = weights.get("seen") or {}
    return Run(config, directory, protocol, clips, table, run_folds, seen, notices, timing, parts)


def _damaged(directory: Path, run_folds: list[Fold], seeds: tuple[int, ...]) -> list[str]:
    """What is wrong with folds that were done; they are not, after this."""
    with processes.first_alone("looking for finished folds"):
        return [
            f"{fault}."
            for fold in run_folds
            for seed in seeds
            for fault in finished.check(directory / "folds" / fold.name, seed)
        ]


def _report(run: Run) -> Report:
    with processes.first_alone("reporting"):
        others = run.config.parallel.share_folds and collected.is_whole(run)
        if others or not processes.is_first():  # another process has written it
            return report.build(results.read(run.directory))
        collected.collect(run)
        return report.write(run.directory)


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
    processes.join(config.parallel)
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
