"""Protocols: which clips, which classes, which folds, and whether a sample list is a known one.

A table of clips is a data frame with the columns dataset, subject, clip and emotion as the
records have them; `select` adds label and class.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from merclip_jax.errors import ConfigError, DataError

ClipKey = tuple[str, str]  # subject and clip as written on disk: ('04', 'EP12_01f')

_SPELLINGS = {"other": "others", "happy": "happiness", "sad": "sadness"}


@dataclass(frozen=True)
class Protocol:
    """A recognition task on one corpus.

    Attributes:
      name: such as 'merclip/casme2/5'; also the key of the published list it should match.
      dataset: the corpus its clips come from.
      classes: class names; the position is the label.
      emotions: annotated emotion -> class.
      left_out: annotated emotions that the protocol leaves out on purpose.
      excluded: single clips that the protocol leaves out, each with the reason.
    """

    name: str
    dataset: str
    classes: tuple[str, ...]
    emotions: Mapping[str, str]
    left_out: frozenset[str] = frozenset()
    excluded: Mapping[ClipKey, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fold:
    """One split of a table: positions of its training and of its test rows."""

    name: str
    train: Int[np.ndarray, " train"]
    test: Int[np.ndarray, " test"]


_THREE = {"disgust": "negative", "repression": "negative", "happiness": "positive"}
_THREE |= {"surprise": "surprise"}
_FIVE = ("disgust", "happiness", "others", "repression", "surprise")
_SEVEN = ("disgust", "fear", "happiness", "others", "repression", "sadness", "surprise")
_RARE = frozenset({"fear", "sadness"})

_PROTOCOLS = (
    # MER-CLIP release @31037e9, lists under data/casme2: the 2019 coding, label order included.
    Protocol(
        "merclip/casme2/3",
        "casme2",
        ("negative", "positive", "surprise"),
        _THREE,
        left_out=_RARE | {"others"},
    ),
    Protocol(
        "merclip/casme2/4",
        "casme2",
        ("negative", "positive", "surprise", "others"),
        _THREE | {"others": "others"},
        left_out=_RARE,
    ),
    Protocol("merclip/casme2/5", "casme2", _FIVE, {name: name for name in _FIVE}, left_out=_RARE),
    Protocol("merclip/casme2/7", "casme2", _SEVEN, {name: name for name in _SEVEN}),
    # MEGC2019, combined_3class_gt.csv: drawn up on the 2014 coding.
    Protocol(
        "megc2019/casme2",
        "casme2",
        ("negative", "positive", "surprise"),
        _THREE,
        left_out=_RARE | {"others"},
        excluded={
            ("04", "EP12_01f"): "its apex is '/' in the workbook",
            ("05", "EP09_05f"): "its apex is its onset",
            ("24", "EP07_01"): "sadness in the 2014 coding, surprise only since 2019",
            ("24", "EP07_04f"): "sadness in the 2014 coding, surprise only since 2019",
            ("24", "EP10_03"): "sadness in the 2014 coding, surprise only since 2019",
        },
    ),
    Protocol(
        "synthetic/3",
        "synthetic_me",
        ("negative", "positive", "surprise"),
        _THREE,
        left_out=frozenset({"others"}),
    ),
    Protocol("synthetic/5", "synthetic_me", _FIVE, {name: name for name in _FIVE}),
)


def get(name: str) -> Protocol:
    """The protocol called `name`.

    Raises:
      ConfigError: there is none; the message lists those there are.
    """
    for protocol in _PROTOCOLS:
        if protocol.name == name:
            return protocol
    known = ", ".join(protocol.name for protocol in _PROTOCOLS)
    raise ConfigError(f"config.data.protocol: no protocol {name!r}; known are {known}")


def class_names() -> frozenset[str]:
    """The classes of all protocols."""
    return frozenset(name for protocol in _PROTOCOLS for name in protocol.classes)


def select(protocol: Protocol, table: pd.DataFrame) -> pd.DataFrame:
    """The protocol's rows of a table of clips, with columns 'label' and 'class' added.

    Rows are in natural order of (subject, clip), so that 'EP2' comes before 'EP10', and the
    index counts from 0.

    Raises:
      DataError: an emotion is neither a class of the protocol nor left out by it, or no row is
        left.
    """
    key = pd.Series(zip(table["subject"], table["clip"], strict=True), index=table.index)
    rows = table[(table["dataset"] == protocol.dataset) & ~key.isin(list(protocol.excluded))]
    emotion = rows["emotion"].str.strip().str.lower().replace(_SPELLINGS)
    strange = ~emotion.isin([*protocol.emotions, *protocol.left_out])
    if strange.any():
        raise DataError(
            f"protocol {protocol.name}: emotions that it neither maps nor leaves out; correct "
            "the annotation or choose another protocol",
            [
                f"{subject}/{clip}: emotion {emotion!r}"
                for subject, clip, emotion in rows.loc[
                    strange, ["subject", "clip", "emotion"]
                ].values
            ],
        )
    rows = rows.assign(**{"class": emotion.map(dict(protocol.emotions))}).dropna(subset="class")
    if rows.empty:
        raise DataError(
            f"protocol {protocol.name}: none of the {len(table)} clips belongs to it; check "
            "that config.data.dataset and config.data.protocol go together"
        )
    rows["label"] = rows["class"].map(protocol.classes.index).astype(np.int32)
    keys = [_natural(*names) for names in zip(rows["subject"], rows["clip"], strict=True)]
    return rows.iloc[sorted(range(len(rows)), key=keys.__getitem__)].reset_index(drop=True)


def leave_one_subject_out(table: pd.DataFrame) -> list[Fold]:
    """One fold per subject, in the table's order of subjects; the subject is the fold's name.

    Over several corpora a subject is told apart by its corpus: 'casme2-01', 'samm-006'.

    Raises:
      DataError: fewer than two subjects, so that nothing would be left to train on.
    """
    subject = _subjects(table)
    return [_fold(name, (subject == name).to_numpy()) for name in subject.unique()]


def hold_out(table: pd.DataFrame) -> Fold:
    """The single fold that tests on every tenth subject, from the first on.

    Raises:
      DataError: fewer than two subjects, so that nothing would be left to train on.
    """
    subject = _subjects(table)
    return _fold("hold_out", subject.isin(subject.unique()[::10]).to_numpy())


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


def fingerprint(table: pd.DataFrame) -> str:
    """The SHA-256 of a sample list, whatever the order of its rows.

    Hashed are the sorted UTF-8 lines 'dataset<TAB>subject<TAB>clip<TAB>class<LF>', with subject
    and clip as on disk (CASME II: '01', 'EP02_01f').
    """
    columns = [table[name].astype(str) for name in ("dataset", "subject", "clip", "class")]
    lines = sorted("\t".join(row) + "\n" for row in zip(*columns, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def published() -> dict[str, str]:
    """The published sample lists we know: name -> fingerprint."""
    text = resources.files("merclip_jax").joinpath("protocol_fingerprints.json").read_text()
    return {name: entry["sha256"] for name, entry in json.loads(text)["protocols"].items()}


def match(sha256: str) -> str | None:
    """The name of the published sample list with this fingerprint, or None."""
    return next((name for name, known in published().items() if known == sha256), None)


def _natural(subject: str, clip: str) -> tuple[list[tuple[int, str]], str]:
    """A sort key that reads runs of digits as numbers; the plain text breaks ties."""
    text = f"{subject}/{clip}"
    parts = re.findall(r"\d+|\D+", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], text
