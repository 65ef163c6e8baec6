"""Train a group of folds to the end and predict their held-out clips.

Order: restore, then per epoch train, log, save; then predict and write. The sampler is advanced
only by training, so that its saved position and the saved state always belong together.
"""

import json
import shutil
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from flax import nnx
from jaxtyping import Float, Int
from ml_collections import ConfigDict
from tensorboardX import SummaryWriter
from tokenizers import Tokenizer
from tqdm import tqdm

from merclip_jax import clips, explain, metrics, parallel, sampling, step, text, workdir
from merclip_jax.checkpoints import FoldCheckpoints
from merclip_jax.protocols import Fold, Protocol

# What is predicted of a fold's held-out clips: probabilities, similarities to the sentences.
Held = tuple[Float[np.ndarray, "n c"], Float[np.ndarray, "n s"]]


@dataclass(frozen=True)
class Setup:
    """What all folds of one seed share.

    Attributes:
      sentences: those of the clips of `table`.
      params, rest: trained parameters and BatchNorm statistics before the first step.
    """

    config: ConfigDict
    seed: int
    workdir: Path
    protocol: Protocol
    clips: clips.Clips
    table: pd.DataFrame
    sentences: text.SentenceTable
    learner: step.Learner
    engine: parallel.Engine
    shared: step.Shared
    params: nnx.State
    rest: nnx.State
    tokenizer: Tokenizer

    def folder(self, fold: Fold) -> Path:
        """Where a fold keeps its files."""
        return self.workdir / "folds" / fold.name


@dataclass
class Member:
    """A fold in training: its sampler, its checkpoints and what it logged so far."""

    fold: Fold
    sampler: sampling.grain.DatasetIterator
    checkpoints: FoldCheckpoints
    state: step.State
    history: list[dict]


def results(folder: Path, kind: str, seed: int) -> Path:
    """A fold's finished table of 'predictions' or 'history'."""
    return folder / f"{kind}-seed{seed}.csv"


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
    recipe, labels = setup.config.recipe, setup.table["label"].to_numpy()
    sampler = sampling.iterate(
        sampling.batches(
            fold,
            labels,
            batch_size=recipe.batch_size,
            balanced=recipe.balanced,
            doubling=recipe.doubling,
            seed=setup.seed,
        )
    )
    folder = setup.folder(fold) / "checkpoints" / f"seed{setup.seed}"
    checkpoints = FoldCheckpoints(folder, setup.config.checkpoint.keep)
    state = setup.learner.start(setup.params, setup.rest, _key(setup.seed, fold))
    found = checkpoints.restore(state._replace(key=()))
    if found is None:
        return Member(fold, sampler, checkpoints, state, [])
    _, saved, position = found
    if position["digest"] != sampling.digest(fold, labels):
        warnings.warn(
            f"fold {fold.name}: its training clips changed since {folder} was saved; starting anew",
            stacklevel=2,
        )
        return Member(fold, sampler, checkpoints, state, [])
    sampler.set_state(position["sampler"])
    return Member(fold, sampler, checkpoints, saved._replace(key=state.key), position["history"])


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
        bar.set_postfix_str(f"fold {names}, epoch {epoch + 1}, loss {means['loss'].mean():.3f}")
        if (epoch + 1) % config.checkpoint.every_epochs == 0 or epoch + 1 == config.recipe.epochs:
            saved = parallel.fetch(state._replace(key=()))
            for i, member in enumerate(members):
                _save(setup, member, parallel.unstack(saved, i))
    _close(setup, members, state, _predict(setup, state, [member.fold.test for member in slots]))


def _close(setup: Setup, members: list[Member], state: step.State, predicted: list[Held]) -> None:
    """Write what finished folds predicted; their models too, if asked for."""
    exports = setup.config.checkpoint.export
    final = parallel.fetch(state._replace(key=())) if exports else None
    for i, member in enumerate(members):
        member.checkpoints.close()
        if parallel.is_first():
            if exports:
                _export(setup, member, parallel.unstack(final, i), predicted[i][0])
            _finish(setup, member, predicted[i])  # last: its predictions mark the fold as done


def _batch(
    setup: Setup, state: step.State, indices: Int[np.ndarray, "k b"]
) -> tuple[step.Batch, step.Shared]:
    """A training batch and where its rows point: the packed frames, or just its own frames."""
    starts, lengths = clips.first_rows(setup.table)
    rows = setup.engine.choose_rows(state, starts[indices], lengths[indices], True)
    rows, shared = _gather(setup, rows)
    labels = setup.table["label"].to_numpy(np.int32)[indices]
    batch = step.Batch(rows, labels, setup.sentences.of_clip[indices])
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
        "digest": sampling.digest(member.fold, setup.table["label"].to_numpy()),
        "history": member.history,
    }
    member.checkpoints.save(int(state.step), state, position)


def _predict(setup: Setup, state: step.State, tests: Sequence[Int[np.ndarray, " n"]]) -> list[Held]:
    """What is said of each fold's held-out clips; batches are padded, no clip is dropped."""
    size = setup.config.eval.batch_size
    padded = -(-max(map(len, tests)) // size) * size
    indices = np.stack([np.resize(test, padded) for test in tests])
    starts, lengths = clips.first_rows(setup.table)
    found = []
    for part in np.split(indices, padded // size, axis=1):
        rows = setup.engine.choose_rows(state, starts[part], lengths[part], False)
        found.append(parallel.fetch(setup.engine.predict(state, *_gather(setup, rows))))
    together = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *found)
    return [
        (together.probabilities[i, : len(test)], together.similarity[i, : len(test)])
        for i, test in enumerate(tests)
    ]


def _finish(setup: Setup, member: Member, predicted: Held) -> None:
    """Write what a fold logged and predicted, and drop what is not to be kept."""
    probabilities, similarity = predicted
    fold, folder = member.fold, setup.folder(member.fold)
    table = setup.table.iloc[fold.test][["clip_id", "dataset", "subject", "label"]].assign(
        fold=fold.name,
        seed=setup.seed,
        selection="last",
        epoch=setup.config.recipe.epochs - 1,
        prediction=probabilities.argmax(1),
    )
    for name, column in zip(setup.protocol.classes, probabilities.T, strict=True):
        table[f"p_{name}"] = column
    known = setup.sentences.of_clip[fold.train]
    table = table.assign(**explain.columns(similarity, setup.sentences.sentences, known))
    workdir.write_table(results(folder, "history", setup.seed), pd.DataFrame(member.history))
    workdir.write_table(results(folder, "predictions", setup.seed), table)
    if not setup.config.checkpoint.keep_finished:
        shutil.rmtree(folder / "checkpoints")


def _export(
    setup: Setup, member: Member, state: step.State, probabilities: Float[np.ndarray, "n c"]
) -> None:
    """Save a fold's model to predict with or to start from, and say what it has seen."""
    seen, tested = (setup.table.iloc[part] for part in (member.fold.train, member.fold.test))
    counts = metrics.confusion(
        tested["label"].to_numpy(), probabilities.argmax(1), len(setup.protocol.classes)
    )
    about = {
        "classes": list(setup.protocol.classes),
        "protocol": setup.protocol.name,
        "dataset": setup.protocol.dataset,
        "seen_subjects": sorted(set(seen["subject"])),
        "seed": setup.seed,
        "scores": {
            "n_clips": len(tested),
            "n_subjects": tested["subject"].nunique(),
            "uf1": float(metrics.uf1(counts)),
            "uar": float(metrics.uar(counts)),
        },
        "config": _without_places(setup.config),
    }
    model = nnx.merge(setup.learner.graphdef, state.params, setup.shared.frozen, state.rest)
    model.save_pretrained(
        setup.folder(member.fold) / f"model-seed{setup.seed}", setup.tokenizer, about
    )


def _without_places(config: ConfigDict) -> dict:
    """A config as JSON values; shared weights name no paths of the machine they are from."""
    values = json.loads(config.to_json())
    del values["data"]["manual_dir"], values["data"]["data_dir"]
    values["model"]["init_from"] = Path(config.model.init_from).name
    return values
