"""Protocols: which clips, which classes, and whether a sample list is a known one.

A table of clips is a data frame with the columns dataset, subject, clip, emotion, objective_class
and split as the records have them; `select` adds label and class. The protocols are in
table.py.
"""

import hashlib
import json
import re
from importlib import resources

import numpy as np
import pandas as pd

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.protocols.table import PROTOCOLS, Part, Protocol

_SPELLINGS = {"other": "others", "happy": "happiness", "sad": "sadness"}


def get(name: str) -> Protocol:
    """The protocol called `name`.

    Raises:
      ConfigError: there is none; the message lists those there are.
    """
    for protocol in PROTOCOLS:
        if protocol.name == name:
            return protocol
    names = ", ".join(protocol.name for protocol in PROTOCOLS)
    raise ConfigError(f"--config.data.protocol={name}: no such protocol; known are {names}")


def of_dataset(dataset: str) -> list[Protocol]:
    """The protocols on this corpus alone."""
    return [protocol for protocol in PROTOCOLS if protocol.datasets == (dataset,)]


def known_emotions(dataset: str) -> frozenset[str] | None:
    """The emotions that some protocol on this corpus maps or leaves out; None: any is known."""
    parts = [part for protocol in PROTOCOLS for part in protocol.parts if part.dataset == dataset]
    by_emotion = [part for part in parts if part.label == "emotion" and part.emotions]
    if not by_emotion or any("*" in part.left_out for part in by_emotion):
        return None
    return frozenset(
        name for part in by_emotion for name in (*(part.emotions or ()), *part.left_out)
    )


def spelled(emotion: str) -> str:
    """An annotated emotion in the spelling that protocols use."""
    name = emotion.strip().lower()
    return _SPELLINGS.get(name, name)


def class_names() -> frozenset[str]:
    """The classes of all protocols, in words."""
    names = {name for protocol in PROTOCOLS for name in protocol.classes}
    return frozenset(name for name in names if not name.isdecimal())


def select(protocol: Protocol, table: pd.DataFrame) -> pd.DataFrame:
    """The protocol's rows of a table of clips, with columns 'label' and 'class' added.

    Rows are by corpus in the protocol's order, then in natural order of (subject, clip), so that
    'EP2' comes before 'EP10'; the index counts from 0. A protocol without classes gives every row
    the class '' and the label -1.

    Raises:
      DataError: an emotion is neither a class of the protocol nor left out by it, or no row of a
        corpus is left.
    """
    parts = [_select(protocol, part, table) for part in protocol.parts]
    return pd.concat(parts, ignore_index=True)


def _select(protocol: Protocol, part: Part, table: pd.DataFrame) -> pd.DataFrame:
    rows = table[table["dataset"] == part.dataset]
    keys = pd.Series(zip(rows["subject"], rows["clip"], strict=True), index=rows.index)
    rows = rows[~keys.isin(list(part.excluded))]
    if part.emotions is None:
        rows = rows.assign(**{"class": ""}, label=np.int32(-1))
    else:
        rows = rows.assign(**{"class": _classes(protocol, part, rows)}).dropna(subset="class")
        rows["label"] = rows["class"].map(protocol.classes.index).astype(np.int32)
    if rows.empty:
        raise DataError(
            f"protocol {protocol.name}: none of the {len(table)} clips belongs to its part "
            f"{part.dataset}; check that config.data.dataset and config.data.protocol go together"
        )
    order = [_natural(*names) for names in zip(rows["subject"], rows["clip"], strict=True)]
    return rows.iloc[sorted(range(len(rows)), key=order.__getitem__)]


def _classes(protocol: Protocol, part: Part, rows: pd.DataFrame) -> pd.Series:
    """The class of each row, NaN for what the protocol leaves out."""
    labels = rows[part.label].fillna("").astype(str).map(spelled)
    keys = pd.Series(zip(rows["subject"], rows["clip"], strict=True), index=rows.index)
    recoded = keys.map(dict(part.recoded))
    labels = labels.where(recoded.isna(), recoded)
    emotions = dict(part.emotions or {})
    if "*" not in part.left_out:
        strange = ~labels.isin([*emotions, *part.left_out])
        if strange.any():
            columns = ["subject", "clip", part.label]
            raise DataError(
                f"protocol {protocol.name}: emotions that it neither maps nor leaves out; correct "
                "the annotation or choose another protocol",
                [
                    f"{subject}/{clip}: emotion {emotion!r}"
                    for subject, clip, emotion in rows.loc[strange, columns].values
                ],
            )
    return labels.map(emotions)


def fingerprint(table: pd.DataFrame) -> str:
    """The SHA-256 of a sample list, whatever the order of its rows.

    Hashed are the sorted UTF-8 lines 'dataset<TAB>subject<TAB>clip<TAB>class<LF>', with subject
    and clip as on disk (CASME II: '01', 'EP02_01f').
    """
    columns = [table[name].astype(str) for name in ("dataset", "subject", "clip", "class")]
    lines = sorted("\t".join(row) + "\n" for row in zip(*columns, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def published() -> dict[str, dict]:
    """The published sample lists we know: name -> sha256, n_clips, n_subjects, classes."""
    text = (
        resources.files("merclip_jax.protocols").joinpath("protocol_fingerprints.json").read_text()
    )
    return json.loads(text)["protocols"]


def match(sha256: str) -> str | None:
    """The name of the published sample list with this fingerprint, or None."""
    return next((name for name, entry in published().items() if entry["sha256"] == sha256), None)


def _natural(subject: str, clip: str) -> tuple[list[tuple[int, str]], str]:
    """A sort key that reads runs of digits as numbers; the plain text breaks ties."""
    text = f"{subject}/{clip}"
    parts = re.findall(r"\d+|\D+", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], text


def listing() -> pd.DataFrame:
    """All protocols as a table: corpora, classes, folds, the counts they should have, a note."""
    lists = published()
    rows = []
    for protocol in PROTOCOLS:
        entry = lists.get(protocol.name, {})
        counts = protocol.counts or (entry.get("n_clips", ""), entry.get("n_subjects", ""))
        rows.append(
            {
                "protocol": protocol.name,
                "corpora": "+".join(protocol.datasets),
                "classes": len(protocol.classes),
                "folds": protocol.folds,
                "clips": counts[0],
                "subjects": counts[1],
                "published list": entry.get("sha256", "")[:12],
                "note": protocol.note,
            }
        )
    return pd.DataFrame(rows)
