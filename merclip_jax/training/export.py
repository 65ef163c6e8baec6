"""What a fold leaves behind: its predictions, its history and, if asked for, its model."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from flax import nnx
from ml_collections import ConfigDict

from merclip_jax import workdir
from merclip_jax.data import pack
from merclip_jax.faces import crops
from merclip_jax.protocols import contamination
from merclip_jax.protocols.folds import Fold
from merclip_jax.towers import card
from merclip_jax.training import finished, parallel
from merclip_jax.training.batch import Predicted, State
from merclip_jax.training.finished import results
from merclip_jax.training.fold import FoldState, RunContext

MARGIN_CLIPS = 16  # clips whose first pictures tell how large faces are


def predictions(
    context: RunContext,
    fold: Fold,
    test_pred: Predicted,
    val_pred: Predicted | None,
    selection: str,
    epoch: int,
) -> pd.DataFrame:
    """The rows of predictions.csv of a fold's held-out clips."""
    facts = ["clip_id", "dataset", "subject", *(["label"] if context.protocol.classes else [])]
    table = context.table.iloc[fold.test][facts].assign(
        fold=fold.name, seed=context.seed, selection=selection, epoch=epoch
    )
    return table.assign(**context.task.columns(fold, test_pred, val_pred))


def finish(
    context: RunContext, member: FoldState, test_pred: Predicted, val_pred: Predicted | None
) -> None:
    """Write what a fold logged and predicted, and drop what is not to be kept."""
    last = context.config.recipe.epochs - 1
    table = predictions(context, member.fold, test_pred, val_pred, "last", last)
    if member.choice.rows:
        chosen = pd.DataFrame(member.choice.rows).astype(table.dtypes)
        table = pd.concat([table, chosen])
    write(context, member.fold, member.history, table)
    if not context.config.checkpoint.keep_finished:
        shutil.rmtree(context.folder(member.fold) / "checkpoints")


def write(context: RunContext, fold: Fold, history: list[dict], table: pd.DataFrame) -> None:
    """Write a fold's history and its predictions; their manifest last, which marks it as done."""
    folder, seed = context.folder(fold), context.seed
    folder.mkdir(parents=True, exist_ok=True)
    workdir.write_table(results(folder, seed, "history"), pd.DataFrame(history))
    workdir.write_table(results(folder, seed, "predictions"), table)
    finished.mark(folder, seed, context.identity)


def keep(
    context: RunContext,
    member: FoldState,
    state: State,
    test_pred: Predicted,
    val_pred: Predicted | None,
) -> None:
    """Keep what an epoch that counts leaves of a fold: what the task shows, and the model.

    Args:
      context: of the run; `checkpoint.export` asks for the model.
      member: the fold whose epoch it is; the process that saves it keeps it.
      state: of all folds that step together.
      test_pred: of its held-out clips.
      val_pred: of the clips that the task asked for.
    """
    if not context.engine.saves(member.slot):
        return
    context.task.keep(context.folder(member.fold), context.seed, test_pred)
    if context.config.checkpoint.export:
        params, model_state = parallel.of_fold((state.params, state.model_state), member.slot)
        frozen = context.shared.frozen
        model = nnx.merge(context.learner.graphdef, params, frozen, model_state)
        save_model(context, member.fold, model, test_pred, val_pred)


def save_model(
    context: RunContext,
    fold: Fold,
    model: Any,
    test_pred: Predicted,
    val_pred: Predicted | None,
) -> None:
    """Save a fold's model to predict with or to start from, and say what it has seen."""
    test = context.table.iloc[fold.test]
    clips = context.table.iloc[np.concatenate([fold.train, fold.inner])]
    metadata = {
        **context.task.model_info(),
        **context.task.fold_metadata(fold, val_pred),
        "protocol": context.protocol.name,
        "dataset": "+".join(context.protocol.datasets),
        "crop": context.config.data.crop,
        **_margin(context, fold),
        "seen": contamination.with_clips(context.seen, clips),
        "seed": context.seed,
        "scores": {
            "n_clips": len(test),
            "n_subjects": len(test[["dataset", "subject"]].drop_duplicates()),
            **context.task.card_scores(fold.test, test_pred),
        },
        "identity": context.identity,
        "config": _without_places(context.config),
        **card.made_from(context.config.model.init_from),
    }
    folder = context.folder(fold) / f"model-seed{context.seed}"
    model.save_pretrained(folder, context.tokenizer, metadata)


def _margin(context: RunContext, fold: Fold) -> dict[str, float]:
    """How large the faces of an owner's crop are, if it can be measured."""
    if context.config.data.crop != "owner":
        return {}
    starts, _ = pack.first_rows(context.table)
    chosen = starts[fold.train[:: max(1, len(fold.train) // MARGIN_CLIPS)]]
    margin = crops.face_margin(list(np.asarray(context.clips.frames[np.sort(chosen)])))
    return {} if margin is None else {"margin": margin}


def _without_places(config: ConfigDict) -> dict[str, Any]:
    """A config as JSON values; shared weights name no paths of the machine they are from."""
    values = json.loads(config.to_json())
    del values["data"]["manual_dir"], values["data"]["data_dir"]
    values["model"]["init_from"] = Path(config.model.init_from).name
    return values
