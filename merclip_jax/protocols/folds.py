"""Folds: which clips of a table train a model, and which test it."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from merclip_jax.errors import DataError
from merclip_jax.protocols.table import Protocol

INNER_EVERY = 5  # of the training subjects one is set aside to choose an epoch by


@dataclass(frozen=True)
class Fold:
    """One split of a table: positions of its training, its test and its inner rows.

    Inner rows are those of training subjects that training leaves out, to choose an epoch by.
    """

    name: str
    train: Int[np.ndarray, " train"]
    test: Int[np.ndarray, " test"]
    inner: Int[np.ndarray, " inner"] = field(default_factory=lambda: np.zeros(0, np.int64))


def of_protocol(protocol: Protocol, table: pd.DataFrame, scheme: str = "protocol") -> list[Fold]:
    """The folds of a table that `select` gave.

    Args:
      protocol: says the scheme, unless another is asked for.
      table: its clips.
      scheme: 'protocol', or 'loso', 'lodo', 'official', 'hold_out' (every tenth subject).

    Raises:
      DataError: a fold would have nothing to train on or nothing to test.
    """
    made = {
        "loso": leave_one_subject_out,
        "lodo": leave_one_dataset_out,
        "official": official,
        "hold_out": lambda rows: [hold_out(rows)],
    }
    return made[protocol.folds if scheme == "protocol" else scheme](table)


def leave_one_subject_out(table: pd.DataFrame) -> list[Fold]:
    """One fold per subject, in the table's order of subjects; the subject is the fold's name.

    Over several corpora a subject is told apart by its corpus: 'casme2-01', 'samm-006'.

    Raises:
      DataError: fewer than two subjects, so that nothing would be left to train on.
    """
    subject = _subjects(table)
    return [_fold(name, (subject == name).to_numpy()) for name in subject.unique()]


def leave_one_dataset_out(table: pd.DataFrame) -> list[Fold]:
    """One fold per corpus, which is its name (CD6ME, Varanka et al.).

    Raises:
      DataError: fewer than two corpora.
    """
    if table["dataset"].nunique() < 2:
        raise DataError("--config.folds.scheme=lodo leaves one corpus out: at least 2 are needed")
    return [
        _fold(name, (table["dataset"] == name).to_numpy()) for name in table["dataset"].unique()
    ]


def official(table: pd.DataFrame) -> list[Fold]:
    """The single fold that trains on the owner's split 'train' and tests on its others.

    Raises:
      DataError: the clips name no such splits.
    """
    test = (table["split"] != "train").to_numpy()
    if test.all() or not test.any():
        raise DataError(
            "--config.folds.scheme=official needs clips of the owner's split 'train' and of "
            f"another; found {', '.join(sorted(set(table['split']))) or 'none'}"
        )
    return [_fold("official", test)]


def hold_out(table: pd.DataFrame) -> Fold:
    """The single fold that tests on every tenth subject, from the first on.

    Raises:
      DataError: fewer than two subjects, so that nothing would be left to train on.
    """
    subject = _subjects(table)
    return _fold("hold_out", subject.isin(subject.unique()[::10]).to_numpy())


def with_inner(fold: Fold, table: pd.DataFrame) -> Fold:
    """The fold with every fifth of its training subjects set aside, to choose an epoch by.

    Raises:
      DataError: the training side has fewer than two subjects.
    """
    rows = table.iloc[fold.train]
    subject = _subjects(rows)
    aside = subject.isin(subject.unique()[::INNER_EVERY]).to_numpy()
    return replace(fold, train=fold.train[~aside], inner=fold.train[aside])


def _subjects(table: pd.DataFrame) -> pd.Series:
    subject = table["subject"]
    if table["dataset"].nunique() > 1:
        subject = table["dataset"] + "-" + subject
    if subject.nunique() < 2:
        raise DataError(
            f"{len(table)} clips of {subject.nunique()} subject(s) "
            f"({', '.join(subject.unique()) or 'none'}) leave an empty fold; subjects are held "
            "out whole, so at least 2 are needed"
        )
    return subject


def _fold(name: str, test: Bool[np.ndarray, " n"]) -> Fold:
    return Fold(name, np.flatnonzero(~test), np.flatnonzero(test))
