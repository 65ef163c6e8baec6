"""Train a group of folds to the end and predict their held-out clips.

Order: restore, then per epoch train, log, choose, save; then predict and write. The sampler is
advanced only by training, so that its saved position and the saved state always belong together.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int
from tensorboardX import SummaryWriter
from tqdm import tqdm

from merclip_jax import clips, outcome, parallel, sampling, step
from merclip_jax.batch import Predicted, joined
from merclip_jax.checkpoints import FoldCheckpoints
from merclip_jax.cross_validation import Fold
from merclip_jax.members import Choice, Member, Setup


def train_folds(setup: Setup, folds: Sequence[Fold], bar: tqdm) -> None:
    """Train folds, as many at once as the engine takes, and write what they predict."""
    at_once = setup.engine.folds
    for first in range(0, len(folds), at_once):
        members = [_restore(setup, fold) for fold in folds[first : first + at_once]]
        steps = {int(member.state.step) for member in members}
        for done in sorted(steps):  # interrupted at different epochs: they cannot step together
            _train_group(setup, [m for m in members if int(m.state.step) == done], done, bar)


def _restore(setup: Setup, fold: Fold) -> Member:
    """A fold as its newest whole checkpoint left it, or at its start."""
    recipe, groups = setup.config.recipe, setup.task.groups(fold)
    sampler = sampling.iterate(
        sampling.batches(
            fold,
            groups,
            batch_size=recipe.batch_size,
            balanced=recipe.balanced,
            doubling=recipe.doubling,
            seed=setup.seed,
        )
    )
    folder = setup.folder(fold) / "checkpoints" / f"seed{setup.seed}"
    checkpoints = FoldCheckpoints(folder, setup.config.checkpoint.keep)
    params, rest = setup.task.begin(fold, setup.params, setup.rest)
    state = setup.learner.start(params, rest, _key(setup.seed, fold))
    found = checkpoints.restore(state._replace(key=()))
    if found is None:
        return Member(fold, sampler, checkpoints, state, [], Choice())
    _, saved, position = found
    if position["digest"] != sampling.digest(fold, groups):
        warnings.warn(
            f"fold {fold.name}: its training clips changed since {folder} was saved; starting anew",
            stacklevel=2,
        )
        return Member(fold, sampler, checkpoints, state, [], Choice())
    sampler.set_state(position["sampler"])
    restored, choice = saved._replace(key=state.key), Choice(**position["choice"])
    return Member(fold, sampler, checkpoints, restored, position["history"], choice)


def _key(seed: int, fold: Fold) -> jax.Array:
    return jax.random.fold_in(jax.random.key(seed), sampling.fold_number(fold))


def _train_group(setup: Setup, members: list[Member], done: int, bar: tqdm) -> None:
    engine, config, per_epoch = setup.engine, setup.config, setup.learner.steps_per_epoch
    # A short last group is filled up with copies of its folds: one compiled step serves all groups.
    slots = [members[i % len(members)] for i in range(engine.folds)]
    state = engine.put(parallel.stack([member.state for member in slots]), "fold")
    first = parallel.is_first()
    writers = [SummaryWriter(_tensorboard(setup, member)) for member in members if first]
    names = ", ".join(member.fold.name for member in members)
    trained = len(members) * config.recipe.batch_size
    bar.update(done * trained)
    for epoch in range(done // per_epoch, config.recipe.epochs):
        began, compile_s, logged = time.monotonic(), engine.compile_s, []
        for _ in range(per_epoch):
            drawn = [next(member.sampler) for member in members]
            indices = np.stack([drawn[i % len(members)] for i in range(engine.folds)])
            state, scalars = engine.train(state, *_batch(setup, state, indices))
            logged.append(scalars)
            bar.update(trained)
        means = parallel.fetch(jax.tree.map(lambda *x: jnp.stack(x).mean(0), *logged))
        seconds = time.monotonic() - began - (engine.compile_s - compile_s)
        for i, member in enumerate(members):
            scalars = {name: float(x[i]) for name, x in means.items()}
            _log(setup, member, scalars, seconds / len(members))
        for writer, member in zip(writers, members, strict=False):
            _draw(writer, member.history[-1], epoch)
        _choose(setup, members, slots, state, epoch)
        bar.set_postfix_str(f"fold {names}, epoch {epoch + 1}, loss {means['loss'].mean():.3f}")
        if (epoch + 1) % config.checkpoint.every_epochs == 0 or epoch + 1 == config.recipe.epochs:
            saved = parallel.fetch(state._replace(key=()))
            for i, member in enumerate(members):
                _save(setup, member, parallel.unstack(saved, i))
    _close(setup, members, slots, state)


def _choose(
    setup: Setup, members: list[Member], slots: list[Member], state: step.State, epoch: int
) -> None:
    """Keep what this epoch predicts, if it is the best one so far by the declared selection.

    'inner' judges an epoch by subjects of the training side that training leaves out, 'paper' by
    the test subject itself, as published code does. Of equals the first is kept.
    """
    selection = setup.config.eval.selection
    if selection == "last":
        return
    tests = [member.fold.test for member in slots]
    judges = [member.fold.inner for member in slots] if selection == "inner" else tests
    held = _predict(setup, state, judges)
    scores = [setup.task.score(judge, found) for judge, found in zip(judges, held, strict=True)]
    better = [i for i, member in enumerate(members) if scores[i] > member.choice.score]
    if not better:
        return
    aside: Sequence[Predicted | None]
    if selection == "inner":  # what tasks want to know of the training side are its inner clips
        held, aside = _predict(setup, state, tests), held
    else:
        aside = _aside(setup, state, slots)
    for i in better:
        fold = members[i].fold
        rows = outcome.predictions(setup, fold, held[i], aside[i], selection, epoch)
        members[i].choice = Choice(
            epoch, scores[i], {str(name): rows[name].tolist() for name in rows}
        )
        if selection == "inner" and parallel.is_first():
            outcome.keep_attention(setup, fold, held[i])
        if selection == "inner" and setup.config.checkpoint.export and parallel.is_first():
            kept = parallel.unstack(parallel.fetch(state._replace(key=())), i)
            outcome.export(setup, fold, kept, held[i], aside[i])


def _close(setup: Setup, members: list[Member], slots: list[Member], state: step.State) -> None:
    """Write what finished folds predict; their models too, if asked for."""
    held = _predict(setup, state, [member.fold.test for member in slots])
    aside = _aside(setup, state, slots)
    exports = setup.config.checkpoint.export and setup.config.eval.selection != "inner"
    final = parallel.fetch(state._replace(key=())) if exports else None
    for i, member in enumerate(members):
        member.checkpoints.close()
        if parallel.is_first():
            if exports:
                kept = parallel.unstack(final, i)
                outcome.export(setup, member.fold, kept, held[i], aside[i])
            if setup.config.eval.selection != "inner":
                outcome.keep_attention(setup, member.fold, held[i])
            # Last of all: its predictions mark the fold as done.
            outcome.finish(setup, member, held[i], aside[i])


def _aside(setup: Setup, state: step.State, slots: list[Member]) -> list[Predicted | None]:
    """What is said of the clips of the training side that the task wants to know of."""
    wanted = [setup.task.aside(member.fold) for member in slots]
    if not any(map(len, wanted)):
        return [None] * len(slots)
    return list(_predict(setup, state, wanted))


def _batch(
    setup: Setup, state: step.State, indices: Int[np.ndarray, "k b"]
) -> tuple[step.Batch, step.Shared]:
    """A training batch and where its rows point: the packed frames, or just its own frames."""
    starts, lengths = clips.first_rows(setup.table)
    rows = setup.engine.choose_rows(state, starts[indices], lengths[indices], True)
    rows, shared = _gather(setup, rows)
    task = setup.task
    batch = step.Batch(rows, task.labels[indices], task.sentence_rows[indices])
    return setup.engine.put_batch(batch), shared


def _gather(setup: Setup, rows: jax.Array) -> tuple[jax.Array | np.ndarray, step.Shared]:
    """Rows and the frames they point into; packs outside the device give just the rows' frames."""
    if setup.clips.on_device:
        return rows, setup.shared
    wanted = parallel.fetch(rows)
    frames = setup.engine.put(setup.clips.frames[wanted.reshape(-1)])
    return np.arange(wanted.size, dtype=np.int32).reshape(wanted.shape), setup.shared._replace(
        frames=frames
    )


def _log(setup: Setup, member: Member, scalars: dict, seconds: float) -> None:
    epoch = len(member.history)
    rate = setup.learner.rate(epoch * setup.learner.steps_per_epoch)
    row = {"fold": member.fold.name, "seed": setup.seed, "epoch": epoch, **scalars}
    member.history.append(row | {"learning_rate": rate, "seconds": seconds})


def _draw(writer: SummaryWriter, row: dict, epoch: int) -> None:
    for name in row.keys() - {"fold", "seed", "epoch"}:
        writer.add_scalar(name, row[name], epoch)
    writer.flush()


def _tensorboard(setup: Setup, member: Member) -> str:
    return str(setup.workdir / "tensorboard" / f"seed{setup.seed}" / member.fold.name)


def _save(setup: Setup, member: Member, state: step.State) -> None:
    position = {
        "sampler": member.sampler.get_state(),
        "digest": sampling.digest(member.fold, setup.task.groups(member.fold)),
        "history": member.history,
        "choice": asdict(member.choice),
    }
    member.checkpoints.save(int(state.step), state, position)


def _predict(
    setup: Setup, state: step.State, tests: Sequence[Int[np.ndarray, " n"]]
) -> list[Predicted]:
    """What is said of each fold's held-out clips; batches are padded, no clip is dropped.

    Attention is summed batch by batch, so that no more than one batch of maps is held.
    """
    size = setup.config.eval.batch_size
    padded = -(-max(map(len, tests)) // size) * size
    indices = np.stack([np.resize(test, padded) for test in tests])
    starts, lengths = clips.first_rows(setup.table)
    found: list[list[Predicted]] = [[] for _ in tests]
    for first in range(0, padded, size):
        part = indices[:, first : first + size]
        rows = setup.engine.choose_rows(state, starts[part], lengths[part], False)
        batch = parallel.fetch(setup.engine.predict(state, *_gather(setup, rows)))
        for i, test in enumerate(tests):
            told = test[first : first + size]
            said = jax.tree.map(lambda x: x[i, : len(told)], batch)  # noqa: B023
            found[i].append(setup.task.summed(told, said))
    return [joined(batches) for batches in found]
