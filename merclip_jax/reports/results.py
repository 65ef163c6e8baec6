"""What a run left in its workdir, read back and checked: every report starts here."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from merclip_jax import manifest
from merclip_jax import workdir as files
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.facs import notation

RUN = ("system", "protocol", "selection", "seeds", "config", "timing", "environment", "notices")
CLIPS = (
    *("clip_id", "dataset", "subject", "clip", "split", "emotion", "class", "label", "aus"),
    *("n_frames", "fold"),
)
PREDICTIONS = ("clip_id", "fold", "seed", "epoch", "selection")
FILES = ("run.json", "clips.csv", "predictions.csv", "history.csv")
MANIFEST = "manifest.json"  # of these; runs of earlier versions have none
HISTORY = ("fold", "seed", "epoch", "loss", "accuracy")


@dataclass(frozen=True)
class Predictions:
    """What one way of choosing the epoch predicted, in the order of the clips.

    Attributes:
      classes: predicted class of each clip, one row per seed; -1 where the protocol has none.
      probabilities: of every class, as the model gave them.
      nearest: sentences of training clips, the nearest first; none where no text was used, '' where
        a fold's training clips have fewer.
      similarity: their cosine with the clip; NaN beside ''.
      units: action units that the run finds; none where it names emotions alone.
      au_labels: 1, 0 or -1 (unknown) of each clip and unit, as annotated.
      au_probabilities: that each unit moved, one table per seed.
    """

    classes: Int[np.ndarray, "k n"]
    probabilities: Float[np.ndarray, "k n c"]
    nearest: Shaped[np.ndarray, "k n r"]
    similarity: Float[np.ndarray, "k n r"]
    units: tuple[str, ...]
    au_labels: Int[np.ndarray, "n u"]
    au_probabilities: Float[np.ndarray, "k n u"]


@dataclass(frozen=True)
class Results:
    """A finished run.

    Attributes:
      workdir: where it lies.
      run: run.json as it stands.
      clips: one row per clip that a fold tests (clips.csv).
      only_trained: clips that no fold tests, in a hold-out run.
      history: one row per seed, fold and epoch (history.csv); may be empty.
      predictions: by selection, 'last', 'inner' or 'paper'.
    """

    workdir: Path
    run: dict
    clips: pd.DataFrame
    only_trained: pd.DataFrame
    history: pd.DataFrame
    predictions: dict[str, Predictions]

    @property
    def class_names(self) -> list[str]:
        """The protocol's classes, in the order of their labels; none if it is of units alone."""
        return self.run["protocol"]["classes"]

    @property
    def labels(self) -> Int[np.ndarray, " n"]:
        """The true class of each clip, -1 where the protocol has none."""
        return self.clips["label"].to_numpy(np.int64)

    @property
    def subjects(self) -> Shaped[np.ndarray, " n"]:
        """'dataset/subject' of each clip: corpora may use the same subject names."""
        return (self.clips["dataset"] + "/" + self.clips["subject"]).to_numpy(object)

    @property
    def parts(self) -> dict[str, Bool[np.ndarray, " n"]]:
        """The clips of each corpus, or of each of the owner's splits; {} if there is but one."""
        by = "dataset" if self.clips["dataset"].nunique() > 1 else "split"
        names = self.clips[by]
        if names.nunique() < 2:
            return {}
        return {str(name): (names == name).to_numpy() for name in names.unique()}

    @property
    def headline(self) -> Predictions:
        """The predictions that count: a choice made on the test subjects never does."""
        return self.predictions["inner" if self.run["selection"] == "inner" else "last"]


def read(workdir: Path) -> Results:
    """Read a finished run and check that its files belong together.

    Raises:
      ConfigError: there is no such folder.
      DataError: a file is missing or damaged, folds are missing, or the predictions are not
        those of the run's clips.
    """
    if not workdir.is_dir():
        raise ConfigError(f"--workdir={workdir}: there is no such folder")
    _check_unchanged(workdir / MANIFEST)
    run = _read_run(workdir / "run.json")
    clips = _table(workdir / "clips.csv", CLIPS, whole=("label", "n_frames"))
    _check_clips(workdir / "clips.csv", clips, run["protocol"]["classes"])
    clips["action_units"] = notation.parse_column(clips["aus"])
    tested = clips[clips["fold"] != ""].reset_index(drop=True)
    path = workdir / "predictions.csv"
    probabilities = [f"p_{name}" for name in run["protocol"]["classes"]]
    classes = ("label", "prediction") if probabilities else ()
    columns, whole = (*PREDICTIONS, *classes, *probabilities), ("seed", "epoch", *classes)
    table = _table(path, columns, whole, real=probabilities)
    if not probabilities and not any(str(name).startswith("au_p_") for name in table):
        raise DataError(f"{path}: the run tells neither classes nor action units")
    declared = ("last", "paper") if run["selection"] == "paper" else (run["selection"],)
    selections = dict.fromkeys((*declared, *table["selection"]))
    predictions = {
        selection: _predictions(path, table[table["selection"] == selection], tested, run)
        for selection in selections
    }
    history = _table(workdir / "history.csv", HISTORY, ("seed", "epoch"))
    only_trained = clips[clips["fold"] == ""]
    return Results(workdir, run, tested, only_trained, history, predictions)


def _check_unchanged(path: Path) -> None:
    faults = manifest.faults(path) if path.exists() else {}
    if faults:
        raise DataError(
            f"{path.parent}: files are not as the run left them. Give the same train command "
            "again: it writes them anew from its folds and trains only what is damaged.",
            list(faults.values()),
        )


def _read_run(path: Path) -> dict:
    try:
        run = json.loads(path.read_text())
        missing = [key for key in RUN if key not in run]
        missing += [f"protocol.{key}" for key in ("name", "classes") if key not in run["protocol"]]
    except FileNotFoundError as error:
        raise _absent(path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}): train again in a new workdir") from error
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}: it was not written by this version")
    if run["selection"] not in ("last", "inner", "paper"):
        raise DataError(f"{path}: selection {run['selection']!r} is none of last, inner, paper")
    return run


def _table(
    path: Path, columns: Iterable[str], whole: Iterable[str], real: Iterable[str] = ()
) -> pd.DataFrame:
    """Read a table, check its columns and its numbers."""
    try:
        table = files.read_table(path)
    except FileNotFoundError as error:
        raise _absent(path) from error
    except ValueError as error:  # pandas' parser errors and broken UTF-8 are ValueErrors
        raise DataError(f"{path} is damaged ({error}): train again in a new workdir") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise DataError(f"{path} lacks the columns {', '.join(missing)}")
    for column in (*whole, *real):
        numbers = pd.to_numeric(table[column], errors="coerce")
        good = numbers.notna() & ((numbers % 1 == 0) | (column in real))
        _refuse(path, f"{column} is no number here", table[~good], column)
        table[column] = numbers.astype(np.float64 if column in real else np.int64)
    return table


def _check_clips(path: Path, clips: pd.DataFrame, classes: list[str]) -> None:
    if (clips["fold"] == "").all():
        raise DataError(f"{path} lists no clip that a fold tests: train again in a new workdir")
    _refuse(path, "the clip is listed twice", clips[clips["clip_id"].duplicated()], "clip_id")
    named = clips["label"].map(dict(enumerate(classes)) if classes else {-1: ""})
    wrong = clips[named != clips["class"]]
    _refuse(path, f"label and class disagree (classes: {', '.join(classes)})", wrong, "label")


def _predictions(path: Path, rows: pd.DataFrame, clips: pd.DataFrame, run: dict) -> Predictions:
    """The predictions of one selection, complete and in the order of the clips."""
    classes, seeds = run["protocol"]["classes"], run["seeds"]
    of_clips = rows["clip_id"].isin(clips["clip_id"])
    _refuse(path, "no fold of clips.csv tests this clip", rows[~of_clips], "clip_id")
    _refuse(path, f"run.json knows only seeds {seeds}", rows[~rows["seed"].isin(seeds)], "seed")
    twice = rows[rows.duplicated(["seed", "clip_id"])]
    _refuse(path, "the clip is predicted twice", twice, "clip_id")
    _check_complete(path, rows, clips, seeds)
    order = pd.MultiIndex.from_product([seeds, clips["clip_id"]], names=["seed", "clip_id"])
    rows = rows.assign(line=rows.index).set_index(["seed", "clip_id"]).loc[order].reset_index()
    if classes:
        truth = np.tile(clips["label"].to_numpy(), len(seeds))
        _refuse(path, "label is not that of clips.csv", rows[rows["label"] != truth], "label")
        beyond = rows[~rows["prediction"].between(0, len(classes) - 1)]
        _refuse(path, f"prediction is no class (0 to {len(classes) - 1})", beyond, "prediction")
    else:
        rows = rows.assign(prediction=-1)
    shape = (len(seeds), len(clips))
    named = rows.filter(regex=r"^nearest_\d+$")
    alike = rows.filter(regex=r"^similarity_\d+$").apply(pd.to_numeric, errors="coerce")
    units = [str(name).removeprefix("au_p_") for name in rows if str(name).startswith("au_p_")]
    unit_probabilities = rows[[f"au_p_{unit}" for unit in units]].apply(
        pd.to_numeric, errors="coerce"
    )
    states = rows[[f"au_{unit}" for unit in units]].apply(pd.to_numeric, errors="coerce")
    damaged = rows[unit_probabilities.isna().any(axis=1) | states.isna().any(axis=1)]
    _refuse(path, "an action unit's label or probability is no number", damaged, "clip_id")
    return Predictions(
        rows["prediction"].to_numpy(np.int64).reshape(shape),
        _per_seed(rows[[f"p_{name}" for name in classes]], shape),
        named.to_numpy(object).reshape(*shape, named.shape[1]),
        _per_seed(alike, shape),
        tuple(units),
        states.to_numpy(np.int64)[: len(clips)],
        _per_seed(unit_probabilities, shape),
    )


def _per_seed(columns: pd.DataFrame, shape: tuple[int, int]) -> Float[np.ndarray, "k n _"]:
    return columns.to_numpy(np.float64).reshape(*shape, columns.shape[1])


def _check_complete(
    path: Path, rows: pd.DataFrame, clips: pd.DataFrame, seeds: Iterable[int]
) -> None:
    """Every seed must have predicted every clip; else the folds that lack are named."""
    faults = []
    for seed in seeds:
        done = rows.loc[rows["seed"] == seed, "clip_id"]
        lacking = clips[~clips["clip_id"].isin(done)]
        if len(lacking):
            folds = ", ".join(dict.fromkeys(lacking["fold"]))
            faults.append(f"seed {seed}: folds {folds} ({len(lacking)} clips)")
    if faults:
        raise DataError(
            f"{path}: the run is not complete, and a score of some folds would mislead. "
            "Give the same train command again; it resumes where it stopped.",
            faults,
        )


def _refuse(path: Path, problem: str, rows: pd.DataFrame, column: str) -> None:
    """Raise an error that names file, line and value, if any row is at fault."""
    if rows.empty:
        return
    # Line 1 is the header; 'line' is kept where the rows have been put into another order.
    lines = rows["line"] if "line" in rows else rows.index
    faults = [f"line {line + 2}: {value}" for line, value in zip(lines, rows[column], strict=True)]
    raise DataError(f"{path}: {problem}. Correct it, or train again in a new workdir.", faults)


def _absent(path: Path) -> DataError:
    return DataError(
        f"{path} is missing: the run has not finished, or this is no workdir of a run. "
        f"Run python -m merclip_jax.train --workdir={path.parent} with its configuration first."
    )
