"""Train a group of folds to the end and predict their held-out clips.

Order: restore, then per epoch train, log, choose, save; then predict and write. The sampler is
advanced only by training, so that its saved position and the saved state always belong together.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int
from tensorboardX import SummaryWriter
from tqdm import tqdm

from merclip_jax.data import identity, pack, sampling
from merclip_jax.protocols.folds import Fold
from merclip_jax.training import export, parallel, processes
from merclip_jax.training.batch import Batch, Predicted, Shared, State, joined
from merclip_jax.training.checkpoints import FoldCheckpoints
from merclip_jax.training.fold import Choice, FoldState, RunContext


def train_folds(context: RunContext, folds: Sequence[Fold], bar: tqdm) -> None:
    """Train folds, as many at once as the engine takes, and write what they predict."""
    at_once = context.engine.folds
    for first in range(0, len(folds), at_once):
        group = [
            _restore(context, fold, slot, bar)
            for slot, fold in enumerate(folds[first : first + at_once])
        ]
        steps = {member.step for member in group}
        for done in sorted(steps):  # interrupted at different epochs: they cannot step together
            _train_group(context, [m for m in group if m.step == done], done, bar)


def _restore(context: RunContext, fold: Fold, slot: int, bar: tqdm) -> FoldState:
    """A fold as its newest whole checkpoint left it, or at its start."""
    recipe, strata = context.config.recipe, context.task.strata(fold)
    sampler = sampling.iterate(
        sampling.batches(
            fold,
            strata,
            batch_size=recipe.batch_size,
            balanced=recipe.balanced,
            curriculum=recipe.curriculum,
            seed=context.seed,
        )
    )
    folder = context.folder(fold) / "checkpoints" / f"seed{context.seed}"
    checkpoints = FoldCheckpoints(folder, context.config.checkpoint.keep)
    state = _start(context, fold)
    saved, notices = checkpoints.restore(state._replace(key=()))
    if saved and (parts := identity.differing(saved.position["identity"], context.identity)):
        changed = ", ".join(parts)
        notices.append(f"its {changed} changed since {folder} was saved; starting anew")
        checkpoints.set_aside()
        saved = None
    for notice in notices:
        bar.write(f"fold {fold.name}: {notice}")
    context.notices.extend(f"Fold {fold.name}: {notice}." for notice in notices)
    member = FoldState(fold, slot, sampler, checkpoints, 0, state, [], Choice())
    if saved:
        position = saved.position
        sampler.set_state(position["sampler"])
        member.step, member.state = saved.step, saved.state._replace(key=state.key)
        member.history, member.choice = position["history"], Choice(**position["choice"])
    if not context.engine.holds(slot):
        member.state = None
    return member


def _start(context: RunContext, fold: Fold) -> State:
    params, model_state = context.task.init_fold(fold, context.params, context.model_state)
    key = jax.random.fold_in(jax.random.key(context.seed), sampling.fold_number(fold))
    return context.learner.start(params, model_state, key)


def _assemble(context: RunContext, group: list[FoldState]) -> State:
    """The state of a group, taken from its members; a slot that is free trains for nothing."""
    states = {member.slot: member.state for member in group}
    for slot in range(context.engine.folds):
        if slot not in states and context.engine.holds(slot):
            states[slot] = _start(context, group[0].fold)
    for member in group:
        member.state = None
    return context.engine.assemble([states.get(slot) for slot in range(context.engine.folds)])


def _train_group(context: RunContext, group: list[FoldState], done: int, bar: tqdm) -> None:
    engine, config = context.engine, context.config
    # One compiled step serves all groups: the free slots of a short one see what its first sees.
    taken = {member.slot: member for member in group}
    slots = [taken.get(slot, group[0]) for slot in range(engine.folds)]
    state = _assemble(context, group)
    writers = [SummaryWriter(_tensorboard(context, m)) for m in group if processes.is_first()]
    names = ", ".join(member.fold.name for member in group)
    bar.update(done * len(group) * config.recipe.batch_size)
    for epoch in range(done // context.learner.steps_per_epoch, config.recipe.epochs):
        state, means = _train_epoch(context, slots, state, bar)
        for writer, member in zip(writers, group, strict=False):
            _draw(writer, member.history[-1], epoch + 1)
        _choose(context, group, slots, state, epoch)
        bar.set_postfix_str(f"fold {names}, epoch {epoch + 1}, loss {means['loss'].mean():.3f}")
        if (epoch + 1) % config.checkpoint.every_epochs == 0 or epoch + 1 == config.recipe.epochs:
            for member in group:
                _save(context, member, state)
    _close(context, group, slots, state)


def _train_epoch(
    context: RunContext, slots: list[FoldState], state: State, bar: tqdm
) -> tuple[State, dict[str, np.ndarray]]:
    """One epoch of a group: the state after it, and the mean of each scalar per slot."""
    engine, per_epoch = context.engine, context.learner.steps_per_epoch
    group = [member for slot, member in enumerate(slots) if member.slot == slot]
    began, compile_s, logged = time.monotonic(), engine.compile_s, []
    for _ in range(per_epoch):
        drawn = {member.slot: next(member.sampler) for member in group}
        indices = np.stack([drawn[member.slot] for member in slots])
        state, scalars = engine.train(state, *_batch(context, state, indices))
        logged.append(scalars)
        bar.update(len(group) * context.config.recipe.batch_size)
    means = processes.fetch(jax.tree.map(lambda *x: jnp.stack(x).mean(0), *logged))
    seconds = time.monotonic() - began - (engine.compile_s - compile_s)
    for member in group:
        scalars = {name: float(x[member.slot]) for name, x in means.items()}
        _log(context, member, scalars, seconds / len(group))
    return state, means


def _choose(
    context: RunContext, group: list[FoldState], slots: list[FoldState], state: State, epoch: int
) -> None:
    """Keep what this epoch predicts, if it is the best one so far by the declared selection.

    'inner' scores an epoch on subjects of the training side that training leaves out, 'paper' on
    the test subject itself, as published code does. Of equals the first is kept.
    """
    task, selection = context.task, context.config.eval.selection
    if selection == "last":
        return
    inner = selection == "inner"
    scored = [member.fold.inner if inner else member.fold.test for member in slots]
    predicted = _predict(context, state, scored)
    scores = [task.score(*pair) for pair in zip(scored, predicted, strict=True)]
    better = [member for member in group if scores[member.slot] > member.choice.score]
    if not better:
        return
    test_pred, val_pred = predicted, _val_pred(context, state, slots, predicted if inner else None)
    if inner:
        test_pred = _predict(context, state, [member.fold.test for member in slots])
    for member in better:
        own = test_pred[member.slot], val_pred[member.slot]
        rows = export.predictions(context, member.fold, *own, selection, epoch)
        columns = {str(name): rows[name].tolist() for name in rows}
        member.choice = Choice(epoch, scores[member.slot], columns)
        if inner:
            export.keep(context, member, state, *own)


def _close(
    context: RunContext, group: list[FoldState], slots: list[FoldState], state: State
) -> None:
    """Write what finished folds predict; their models too, if asked for."""
    test_pred = _predict(context, state, [member.fold.test for member in slots])
    val_pred = _val_pred(context, state, slots)
    for member in group:
        member.checkpoints.close()
        if context.config.eval.selection != "inner":
            export.keep(context, member, state, test_pred[member.slot], val_pred[member.slot])
    processes.wait_for_all("saving folds")
    for member in group if processes.is_first() else ():
        # Last of all: its predictions mark the fold as done.
        export.finish(context, member, test_pred[member.slot], val_pred[member.slot])


def _val_pred(
    context: RunContext,
    state: State,
    slots: list[FoldState],
    of_inner: list[Predicted] | None = None,
) -> Sequence[Predicted | None]:
    """What is predicted of the clips of the training side that the task asks for.

    `of_inner` are predictions of the inner clips, if they are at hand: where a fold has any, they
    are what tasks ask for.
    """
    if of_inner is not None:
        return of_inner
    indices = [context.task.val_indices(member.fold) for member in slots]
    return _predict(context, state, indices) if any(map(len, indices)) else [None] * len(slots)


def _batch(
    context: RunContext, state: State, indices: Int[np.ndarray, "k b"]
) -> tuple[Batch, Shared]:
    """A training batch and where its rows point: the packed frames, or just its own frames."""
    rows, shared = _gather(context, _rows(context, state, indices, train=True))
    task = context.task
    sentences, mirrored = task.sentence_rows[indices], task.mirrored_rows[indices]
    batch = Batch(rows, task.labels[indices], sentences, mirrored)
    return context.engine.put_batch(batch), shared


def _rows(
    context: RunContext, state: State, indices: Int[np.ndarray, "k b"], train: bool
) -> jax.Array:
    """Rows `[k, b, t]` of the packed frames that a step sees of clips."""
    places = (*pack.first_rows(context.table), pack.apexes(context.table))
    return context.engine.choose_rows(state, *(place[indices] for place in places), train)


def _gather(context: RunContext, rows: jax.Array) -> tuple[jax.Array | np.ndarray, Shared]:
    """Rows and the frames they point into; packs outside the device give just the rows' frames."""
    if context.clips.on_device:
        return rows, context.shared
    chosen = processes.fetch(rows)
    stored = context.engine.put(context.clips.stored.rows(chosen.reshape(-1)))
    own_rows = np.arange(chosen.size, dtype=np.int32).reshape(chosen.shape)
    return own_rows, context.shared._replace(stored=stored)


def _log(context: RunContext, member: FoldState, scalars: dict, seconds: float) -> None:
    epoch = len(member.history)
    rate = context.learner.rate(epoch * context.learner.steps_per_epoch)
    row = {"fold": member.fold.name, "seed": context.seed, "epoch": epoch, **scalars}
    member.history.append(row | {"learning_rate": rate, "seconds": seconds})


def _draw(writer: SummaryWriter, row: dict, epoch: int) -> None:
    """The curves of TensorBoard; epochs are counted from 1 for people, from 0 in tables."""
    for name in row.keys() - {"fold", "seed", "epoch"}:
        writer.add_scalar(name, row[name], epoch)
    writer.flush()


def _tensorboard(context: RunContext, member: FoldState) -> str:
    return str(context.workdir / "tensorboard" / f"seed{context.seed}" / member.fold.name)


def _save(context: RunContext, member: FoldState, state: State) -> None:
    if not context.engine.saves(member.slot):
        return
    own = parallel.of_fold(state._replace(key=()), member.slot)
    position = {
        "sampler": member.sampler.get_state(),
        "identity": context.identity,
        "history": member.history,
        "choice": asdict(member.choice),
    }
    member.checkpoints.save(int(own.step), own, position)


def _predict(
    context: RunContext, state: State, clips: Sequence[Int[np.ndarray, " _"]]
) -> list[Predicted]:
    """What is predicted of each fold's clips; batches are padded, no clip is dropped.

    The task sums batch by batch what it wants as sums, so no more than one batch of maps is held.
    """
    size = -(-context.config.eval.batch_size // context.engine.over_data) * context.engine.over_data
    padded = -(-max(map(len, clips)) // size) * size
    indices = np.stack([np.resize(own, padded) for own in clips])
    batches: list[list[Predicted]] = [[] for _ in clips]
    for first in range(0, padded, size):
        chosen = _rows(context, state, indices[:, first : first + size], train=False)
        rows, shared = _gather(context, chosen)
        rows = context.engine.put(rows, "fold", "data")
        predicted = processes.fetch(context.engine.predict(state, rows, shared))
        for i, own in enumerate(clips):
            real = own[first : first + size]
            unpadded = jax.tree.map(lambda x: x[i, : len(real)], predicted)  # noqa: B023
            batches[i].append(context.task.aggregate(real, unpadded))
    return [joined(parts) for parts in batches]
