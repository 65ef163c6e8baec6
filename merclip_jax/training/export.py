"""What a fold leaves behind: its predictions, its history and, if asked for, its model."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from flax import nnx
from ml_collections import ConfigDict

from merclip_jax import clips, contamination, crops, step, workdir
from merclip_jax.au import attention
from merclip_jax.batch import Predicted
from merclip_jax.cross_validation import Fold
from merclip_jax.members import Member, Setup, results

MEASURED = 16  # clips whose first pictures tell how large faces are


def predictions(
    setup: Setup, fold: Fold, held: Predicted, aside: Predicted | None, selection: str, epoch: int
) -> pd.DataFrame:
    """The rows of predictions.csv of a fold's held-out clips."""
    facts = ["clip_id", "dataset", "subject", *(["label"] if setup.protocol.classes else [])]
    table = setup.table.iloc[fold.test][facts].assign(
        fold=fold.name, seed=setup.seed, selection=selection, epoch=epoch
    )
    return table.assign(**setup.task.columns(fold, held, aside))


def finish(setup: Setup, member: Member, held: Predicted, aside: Predicted | None) -> None:
    """Write what a fold logged and predicted, and drop what is not to be kept."""
    folder = setup.folder(member.fold)
    last = setup.config.recipe.epochs - 1
    table = predictions(setup, member.fold, held, aside, "last", last)
    if member.choice.rows:
        chosen = pd.DataFrame(member.choice.rows).astype(table.dtypes)
        table = pd.concat([table, chosen])
    workdir.write_table(results(folder, "history", setup.seed), pd.DataFrame(member.history))
    workdir.write_table(results(folder, "predictions", setup.seed), table)
    if not setup.config.checkpoint.keep_finished:
        shutil.rmtree(folder / "checkpoints")


def keep_attention(setup: Setup, fold: Fold, held: Predicted) -> None:
    """Write where the model looked in a fold's held-out clips, if the task tells units."""
    if held.attention is not None:
        path = attention.file(setup.folder(fold), setup.seed)
        attention.write(path, held.attention, setup.task.about()["units"])


def export(
    setup: Setup, fold: Fold, state: step.State, held: Predicted, aside: Predicted | None
) -> None:
    """Save a fold's model to predict with or to start from, and say what it has seen."""
    tested = setup.table.iloc[fold.test]
    seen = setup.table.iloc[np.concatenate([fold.train, fold.inner])]
    about = {
        **setup.task.about(),
        **setup.task.learnt(fold, aside),
        "protocol": setup.protocol.name,
        "dataset": "+".join(setup.protocol.datasets),
        "crop": setup.config.data.crop,
        **_margin(setup, fold),
        "seen": contamination.with_clips(setup.seen, seen),
        "seed": setup.seed,
        "scores": {
            "n_clips": len(tested),
            "n_subjects": len(tested[["dataset", "subject"]].drop_duplicates()),
            **setup.task.scores(fold.test, held),
        },
        "config": _without_places(setup.config),
    }
    model = nnx.merge(setup.learner.graphdef, state.params, setup.shared.frozen, state.rest)
    model.save_pretrained(setup.folder(fold) / f"model-seed{setup.seed}", setup.tokenizer, about)


def _margin(setup: Setup, fold: Fold) -> dict[str, float]:
    """How large the faces of an owner's crop are, if it can be measured."""
    if setup.config.data.crop != "owner":
        return {}
    starts, _ = clips.first_rows(setup.table)
    chosen = starts[fold.train[:: max(1, len(fold.train) // MEASURED)]]
    margin = crops.face_margin(list(np.asarray(setup.clips.frames[np.sort(chosen)])))
    return {} if margin is None else {"margin": margin}


def _without_places(config: ConfigDict) -> dict:
    """A config as JSON values; shared weights name no paths of the machine they are from."""
    values = json.loads(config.to_json())
    del values["data"]["manual_dir"], values["data"]["data_dir"]
    values["model"]["init_from"] = Path(config.model.init_from).name
    return values
