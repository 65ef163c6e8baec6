"""What a fold leaves behind: its predictions, its history and, if asked for, its model."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from flax import nnx
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from merclip_jax import contamination, explain, metrics, step, workdir
from merclip_jax.cross_validation import Fold
from merclip_jax.members import Held, Member, Setup, results


def score(
    setup: Setup, tested: Int[np.ndarray, " n"], probabilities: Float[np.ndarray, "n c"]
) -> float:
    """UF1 of some clips over the classes shown or predicted, by which an epoch is chosen."""
    labels = setup.table["label"].to_numpy()[tested]
    counts = metrics.confusion(labels, probabilities.argmax(1), len(setup.protocol.classes))
    return float(metrics.present_uf1(counts))


def predictions(setup: Setup, fold: Fold, held: Held, selection: str, epoch: int) -> pd.DataFrame:
    """The rows of predictions.csv of a fold's held-out clips."""
    probabilities, similarity = held
    table = setup.table.iloc[fold.test][["clip_id", "dataset", "subject", "label"]].assign(
        fold=fold.name,
        seed=setup.seed,
        selection=selection,
        epoch=epoch,
        prediction=probabilities.argmax(1),
    )
    for name, column in zip(setup.protocol.classes, probabilities.T, strict=True):
        table[f"p_{name}"] = column
    known = setup.sentences.of_clip[fold.train]
    return table.assign(**explain.columns(similarity, setup.sentences.sentences, known))


def finish(setup: Setup, member: Member, held: Held) -> None:
    """Write what a fold logged and predicted, and drop what is not to be kept."""
    folder = setup.folder(member.fold)
    table = predictions(setup, member.fold, held, "last", setup.config.recipe.epochs - 1)
    if member.choice.rows:
        chosen = pd.DataFrame(member.choice.rows).astype(table.dtypes)
        table = pd.concat([table, chosen])
    workdir.write_table(results(folder, "history", setup.seed), pd.DataFrame(member.history))
    workdir.write_table(results(folder, "predictions", setup.seed), table)
    if not setup.config.checkpoint.keep_finished:
        shutil.rmtree(folder / "checkpoints")


def export(
    setup: Setup, fold: Fold, state: step.State, probabilities: Float[np.ndarray, "n c"]
) -> None:
    """Save a fold's model to predict with or to start from, and say what it has seen."""
    tested = setup.table.iloc[fold.test]
    seen = setup.table.iloc[np.concatenate([fold.train, fold.inner])]
    counts = metrics.confusion(
        tested["label"].to_numpy(), probabilities.argmax(1), len(setup.protocol.classes)
    )
    about = {
        "classes": list(setup.protocol.classes),
        "protocol": setup.protocol.name,
        "dataset": "+".join(setup.protocol.datasets),
        "seen": contamination.with_clips(setup.seen, seen),
        "seed": setup.seed,
        "scores": {
            "n_clips": len(tested),
            "n_subjects": len(tested[["dataset", "subject"]].drop_duplicates()),
            "uf1": float(metrics.uf1(counts)),
            "uar": float(metrics.uar(counts)),
        },
        "config": _without_places(setup.config),
    }
    model = nnx.merge(setup.learner.graphdef, state.params, setup.shared.frozen, state.rest)
    model.save_pretrained(setup.folder(fold) / f"model-seed{setup.seed}", setup.tokenizer, about)


def _without_places(config: ConfigDict) -> dict:
    """A config as JSON values; shared weights name no paths of the machine they are from."""
    values = json.loads(config.to_json())
    del values["data"]["manual_dir"], values["data"]["data_dir"]
    values["model"]["init_from"] = Path(config.model.init_from).name
    return values
