"""A user's own labelled clips: their table, and the protocol that their columns give."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from ml_collections import ConfigDict

from merclip_jax.data import datasets
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.protocols import folds, selection
from merclip_jax.protocols.folds import Fold
from merclip_jax.protocols.table import Part, Protocol

NAME = "own_clips"  # of the dataset and of its protocol


@dataclass(frozen=True)
class OwnClips:
    """Clips as `train` takes them: `--config=own_clips --config.data.manual_dir=` their folder.

    Attributes:
      manual_dir: the folder of the CSV.
      table: a row per clip: subject, clip, split, emotion, aus, class, label and others.
      protocol: the classes, and how clips are held out.
      folds: what is held out in turn; rows of `table` to train on and to test.
    """

    manual_dir: Path
    table: pd.DataFrame
    protocol: Protocol
    folds: list[Fold]

    def __repr__(self) -> str:
        counts = self.table["class"].value_counts().to_dict()
        classes = ", ".join(f"{name} {counts.get(name, 0)}" for name in self.protocol.classes)
        return (
            f"<{len(self.table)} clips of {self.table['subject'].nunique()} subjects in "
            f"{self.manual_dir}: {classes or 'no labels, action units alone'}; "
            f"{len(self.folds)} folds ({self.protocol.folds})>"
        )


def from_csv(path: str | Path) -> OwnClips:
    """Check a user's CSV and what it names; nothing is prepared or written.

    Args:
      path: the CSV, or its folder. Columns: `path` (a video or a folder of numbered pictures, seen
        from the CSV) and `subject`; and as they are known `label`, `AUs` ('1+2+L12') or OpenFace's
        AU01_c, AU01_r ..., `onset`, `apex`, `offset` (numbers of frames, of a video from 1),
        `fps`, `split`, `clip` (a name). tfds_builders/own_clips/README.md says all.

    Returns:
      The clips. Their classes are the labels. Subjects are left out in turn, unless a `split`
      says 'train' of some clips and something else of the rest.

    Raises:
      ConfigError: no such file.
      DataError: faults of the CSV or of the files; all are listed, by row and column.
    """
    path = Path(path).expanduser()
    folder = path if path.is_dir() else path.parent
    own = datasets.corpus(NAME, folder)
    if path.is_file() and own.annotation().name != path.name:
        raise ConfigError(
            f"{path}: {own.annotation().name} lies in the same folder and is read instead; call "
            "the list clips.csv, or put it into a folder of its own"
        )
    if not path.exists():
        raise ConfigError(f"{path}: no such file")
    facts = datasets.facts(own.clips())
    chosen = of_table(facts)
    table = selection.select(chosen, facts)
    return OwnClips(folder, table, chosen, folds.of_protocol(chosen, table))


def protocol(data: ConfigDict) -> Protocol:
    """The protocol of a run: by name, or of a user's own clips as their columns give it.

    Raises:
      ConfigError: there is none of that name, or no clips.
      DataError: the CSV has faults; all are listed.
    """
    named = selection.get(data.protocol)
    if data.protocol != NAME or data.dataset != NAME:
        return named
    table = datasets.annotations(NAME, data.manual_dir, data.data_dir, data.builder_config)
    return of_table(table)


def of_table(table: pd.DataFrame) -> Protocol:
    """The protocol of a table of clips: a class per label, and folds by subject or by split.

    Raises:
      DataError: a single label; or a split that trains on nobody, or on people whom it tests.
    """
    labels = {selection.spelled(label) for label in table["emotion"]} - {""}
    classes = tuple(sorted(labels))
    if len(classes) == 1:
        raise DataError(f"every clip has the label {classes[0]!r}: nothing can be told apart")
    part = Part(NAME, {name: name for name in classes} if classes else None)
    by_subject = replace(selection.get(NAME), classes=classes, parts=(part,))
    if not table["split"].any():
        return by_subject
    if faults := [*_wrong_split(table)]:
        raise DataError("the column split cannot be used", faults)
    return replace(by_subject, folds="official")


def _wrong_split(table: pd.DataFrame) -> Iterator[str]:
    train = table["split"] == "train"
    if not train.any() or train.all():
        there = ", ".join(sorted(map(repr, table["split"].unique())))
        yield f"some clips must be 'train' and some something else; found {there}"
    for clip in table.loc[table["split"] == "", "clip_id"]:
        yield f"{clip}: split is blank, and is not for others"
    for subject in sorted({*table.loc[train, "subject"]} & {*table.loc[~train, "subject"]}):
        yield f"subject {subject!r} is trained on and tested; a person is one or the other"
