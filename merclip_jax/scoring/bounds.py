"""What anyone should know before reading a score: the marks that need no model at all.

They come from the annotation alone: no frames are needed. `all_bounds` gives the set that every
report shows; the command prints them for any protocol.
"""

from collections.abc import Hashable

import numpy as np
import pandas as pd
from jaxtyping import Int, Shaped
from ml_collections import ConfigDict

from merclip_jax.errors import ConfigError
from merclip_jax.facs import emotion_rules, notation
from merclip_jax.facs import labels as au_labels
from merclip_jax.protocols import selection
from merclip_jax.protocols.folds import of_protocol as folds_of
from merclip_jax.scoring import au_baselines, baselines
from merclip_jax.scoring.baselines import AuSets, Bound

EPOCHS = (1, 10, 55)  # 55 is what the MER-CLIP release trains for

# name in report.json -> short name, and what it says to a reader
MEANINGS = {
    "majority": ("majority class", "Every clip gets the most frequent class."),
    "random": (
        "random guess",
        "Guesses that know only how frequent each class is.",
    ),
    "random_best_of_epochs": (
        f"random, best of {EPOCHS[-1]}",
        f"The same guesses, {EPOCHS[-1]} times over, with the best try kept for each test subject. "
        "This is what choosing the epoch on the test subject gives to a model that knows nothing.",
    ),
    "au_oracle_loso": (
        "AU oracle, LOSO",
        "Told the true action units of each clip, answer with the class that the other subjects "
        "mostly showed with them. About what perfect AU detection would give.",
    ),
    "au_oracle_ceiling": (
        "AU oracle, ceiling",
        "The best rule from action units to classes, fitted on the test clips themselves. A score "
        "above it uses more than the annotated action units, or profits from a leak.",
    ),
    "au_rules": (
        "AU oracle, by rule",
        "Told the true state of the action units that the run tells, answer by the run's rules. "
        "What its emotions would reach if it missed and imagined no unit.",
    ),
}


def all_bounds(
    labels: Int[np.ndarray, " n"],
    subjects: Shaped[np.ndarray, " n"],
    au_sets: AuSets,
    n_classes: int,
    seed: int = 0,
) -> dict[str, Bound | None]:
    """Every bound under its name in report.json, None where it is not defined.

    The oracles need action units, the one that leaves a subject out needs a second subject.

    Args:
      labels: class of each clip.
      subjects: person of each clip, unique over all corpora.
      au_sets: action units of each clip, as any hashable tokens.
      n_classes: classes of the protocol.
      seed: of the guesses and restarts.
    """
    reached = {
        "majority": baselines.majority(labels, n_classes),
        "random": baselines.random_best_of_epochs(labels, subjects, n_classes, 1, seed),
        "random_best_of_epochs": baselines.random_best_of_epochs(
            labels, subjects, n_classes, EPOCHS[-1], seed
        ),
    }
    loso = ceiling = None
    if any(au_sets):
        ceiling = baselines.au_oracle_ceiling(labels, au_sets, n_classes, seed=seed)
        if len(np.unique(subjects)) > 1:
            loso = baselines.au_oracle_loso(labels, subjects, au_sets, n_classes)
    return reached | {"au_oracle_loso": loso, "au_oracle_ceiling": ceiling}


def au_set(units: notation.ActionUnits) -> frozenset[Hashable]:
    """What moved in a clip, with sides; where the annotator named alternatives, they are one token.

    Sides are kept, as in MER-CLIP's sentences: merged, the ceiling would be too low.
    """
    return frozenset(tuple((unit.number, unit.side) for unit in group) for group in units.moved)


def of_protocol(protocol: selection.Protocol, table: pd.DataFrame, seed: int = 0) -> dict:
    """The bounds of a protocol as JSON values: {protocol, n_clips, majority: {uf1, uar}, ...}.

    Chance with the best epoch kept is given for every number of epochs in EPOCHS; what is not
    defined is null.

    Args:
      protocol: which clips and classes.
      table: a table of clips, with their action-unit cells.
      seed: of the guesses and restarts.

    Raises:
      ConfigError: the protocol has no classes.
      DataError: the table does not fit the protocol.
    """
    if not protocol.classes:
        raise ConfigError(
            f"protocol {protocol.name} has no classes to guess; with model.system='micro_au' its "
            "action units are guessed"
        )
    rows = selection.select(protocol, table)
    labels = rows["label"].to_numpy()
    subjects = (rows["dataset"] + "/" + rows["subject"]).to_numpy(str)
    au_sets = [au_set(units) for units in rows["action_units"]]
    n_classes = len(protocol.classes)
    reached = all_bounds(labels, subjects, au_sets, n_classes, seed)
    values = {name: bound and bound._asdict() for name, bound in reached.items()}
    best = {EPOCHS[0]: reached["random"], EPOCHS[-1]: reached["random_best_of_epochs"]}
    for epochs in EPOCHS[1:-1]:
        best[epochs] = baselines.random_best_of_epochs(labels, subjects, n_classes, epochs, seed)
    values["random_best_of_epochs"] = {
        str(epochs): bound._asdict() for epochs in EPOCHS if (bound := best[epochs])
    }
    return {"protocol": protocol.name, "n_clips": len(rows), **values}


def of_units(
    protocol: selection.Protocol, table: pd.DataFrame, config: ConfigDict
) -> dict[str, dict[str, float]]:
    """What guessers of the config's action units reach on the clips that its folds test.

    Returns:
      {'always' | 'base_rate': {'f1', 'f1_macro'}}.

    Raises:
      DataError: the table does not fit the protocol.
    """
    rows, _, moved = _annotated(protocol, table, config)
    folds = np.full(len(rows), "", object)
    for fold in folds_of(protocol, rows, config.folds.scheme):
        folds[fold.test] = fold.name
    return au_baselines.all_marks(moved, folds)


def of_rules(
    protocol: selection.Protocol, table: pd.DataFrame, config: ConfigDict
) -> dict[str, float]:
    """What the config's rules reach if they are told its action units: {'uf1', 'uar'}.

    Raises:
      ConfigError: the rules cannot be read, or say nothing of a class.
      DataError: the table does not fit the protocol.
    """
    rows, units, moved = _annotated(protocol, table, config)
    rules = emotion_rules.read(protocol.classes, units, config.au.rules)
    return au_baselines.told_the_truth(rules, moved, rows["label"].to_numpy())._asdict()


def _annotated(
    protocol: selection.Protocol, table: pd.DataFrame, config: ConfigDict
) -> tuple[pd.DataFrame, tuple[str, ...], au_labels.Labels]:
    """The protocol's clips, the config's units, and which of them moved in each clip."""
    rows = selection.select(protocol, table)
    units = au_labels.units(config.au.units, config.au.sides)
    return rows, units, au_labels.matrix(rows["action_units"], units)


def printed(values: dict) -> str:
    """The bounds as a table for a terminal."""
    lines = [f"{values['protocol']}: {values['n_clips']} clips"]
    if "majority" in values:
        lines += _of_classes(values)
    if "au" in values:
        lines.append(f"{'action units':26}F1     F1 of both states")
        for name, (title, _) in au_baselines.MEANINGS.items():
            scores = values["au"][name]
            lines.append(f"  {title:24}{scores['f1']:.3f}  {scores['f1_macro']:.3f}")
    return "\n".join(lines)


def _of_classes(values: dict) -> list[str]:
    lines = [f"{'':26}UF1    UAR"]
    for name, (short, _) in MEANINGS.items():
        if name not in values:
            continue
        value = values[name]
        each = {short: value}
        if name == "random_best_of_epochs":
            each = {f"random, best of {n}": bound for n, bound in value.items() if n != "1"}
        for title, bound in each.items():
            scores = "not defined" if bound is None else f"{bound['uf1']:.3f}  {bound['uar']:.3f}"
            lines.append(f"  {title:24}{scores}")
    return lines
