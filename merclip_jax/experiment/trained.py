"""The training of a run's folds: of all, or of those that this process gets of a shared run."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tqdm import tqdm

from merclip_jax import systems, workdir
from merclip_jax.errors import ConfigError
from merclip_jax.experiment.runs import Run
from merclip_jax.protocols.folds import Fold
from merclip_jax.training import finished, parallel, processes, step
from merclip_jax.training.batch import Shared
from merclip_jax.training.fold import RunContext

LOOK_S = 2  # how often a shared run is asked for a fold that others have left


def train(run: Run) -> None:
    """Train what is not done, seed by seed, under one progress bar."""
    of_a_fold = run.config.recipe.epochs * run.steps_per_epoch * run.config.recipe.batch_size
    with tqdm(
        total=len(run.config.seeds) * len(run.folds) * of_a_fold,
        desc="training",
        unit="clip",
        mininterval=0.5 if sys.stderr.isatty() else 30,
        disable=not processes.is_first(),
    ) as bar:
        for seed in run.config.seeds:
            pending = run.pending(seed)
            bar.update((len(run.folds) - len(pending)) * of_a_fold)
            if pending:
                context = _context(run, seed, len(pending))
                for group in _groups(run, context, pending, bar, of_a_fold):
                    systems.get(run.config.model.system).train(context, group, bar)
                run.timing["compile_s"] += context.engine.compile_s


def _context(run: Run, seed: int, pending: int) -> RunContext:
    system = systems.get(run.config.model.system)
    model, tokenizer = system.start(run.config, run.protocol.classes, seed)
    task = system.task(run.config, run.table, run.protocol.classes, model, tokenizer)
    texts = task.texts(model)
    learner, params, model_state, frozen = step.Learner.create(
        model, task, run.config, run.steps_per_epoch
    )
    engine = parallel.Engine(learner, parallel.folds_at_once(run.config, pending))
    return RunContext(
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


def _groups(
    run: Run, context: RunContext, pending: list[Fold], bar: tqdm, of_a_fold: int
) -> Iterator[list[Fold]]:
    """Folds to train, held by this process, until all of the run are done."""
    shared, waits = run.config.parallel.share_folds, False
    while pending:
        most = context.engine.folds if shared else len(pending)
        with _held(run, context.seed, pending, most) as group:
            if group:
                yield group
            else:
                time.sleep(LOOK_S)
        if not shared:
            return  # of several processes the first may not have marked them as done yet
        left = run.pending(context.seed)
        bar.update((len(pending) - len(left) - len(group)) * of_a_fold)  # others trained these
        if not group and not waits:
            bar.write(f"note: other processes train the last {len(left)} folds", sys.stderr)
            waits = True
        pending = left


@contextmanager
def _held(run: Run, seed: int, pending: list[Fold], most: int) -> Iterator[list[Fold]]:
    """Up to so many of the pending folds, held while the block trains them.

    Raises:
      ConfigError: another process trains one, and the run is not shared.
    """
    with ExitStack() as held:
        group: list[Fold] = []
        for fold in pending:
            # Another process may have trained it since it was found pending.
            free = len(group) < most and _hold(run, fold, held)
            if free and not finished.is_done(run.folder(fold), seed):
                group.append(fold)
        yield group


def _hold(run: Run, fold: Fold, held: ExitStack) -> bool:
    """Whether this process has the fold now."""
    if not processes.is_first():
        return True
    folder = run.folder(fold)
    folder.mkdir(parents=True, exist_ok=True)
    what = f"fold {fold.name} of --workdir={run.directory}"
    try:
        held.enter_context(workdir.alone(folder / workdir.LOCK, what, wait=False))
    except ConfigError:
        if run.config.parallel.share_folds:
            return False
        raise
    workdir.remove_partial(folder)
    return True
