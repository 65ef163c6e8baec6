"""The emotion from the action units (AUs) alone, by rules that anyone can read and edit.

No emotion label is used: a class is a set of prototypes (emotion_rules.yaml), and the evidence for
a prototype is how likely the model's unit probabilities are if exactly its units moved, given the
misses and false alarms that the model makes on the training side of the fold.
"""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import yaml
from jaxtyping import Bool, Float
from scipy import special

from merclip_jax.errors import ConfigError
from merclip_jax.facs.notation import number_and_side

MARGIN = 0.05  # of probability between the two likeliest classes, below which a clip is undecided

Rules = tuple[Bool[np.ndarray, "_ k"], ...]  # prototypes of each class


def read(classes: Sequence[str], units: Sequence[str], file: str = "") -> Rules:
    """The prototypes of each class over the units of a run; those it cannot tell drop out.

    Raises:
      ConfigError: the file cannot be read, or says nothing of a class.
    """
    table = _table(file)
    named = [number_and_side(unit) for unit in units]
    rules = []
    for name in classes:
        if name not in table:
            raise ConfigError(
                f"emotion rules: no rule for the class {name!r}; add one to {_place(file)}"
            )
        lines = [line for line in _lines(table, name) if _can_be_seen(line, named)]
        rows = [_row(line, named) for line in lines] or [[False] * len(named)]
        rules.append(np.unique(np.array(rows), axis=0))
    return tuple(rules)


def emotions(classes: Sequence[str], file: str = "") -> list[tuple[str, ...]]:
    """The emotions that each class stands for: those it is made of in the file, or itself."""
    table = _table(file)
    return [_parts(table, name) for name in classes]


def _parts(table: dict, name: str) -> tuple[str, ...]:
    entry = table.get(name)
    if not isinstance(entry, dict):
        return (name,)
    return tuple(emotion for part in entry["any_of"] for emotion in _parts(table, part))


def _place(file: str) -> Path | resources.abc.Traversable:
    return (
        Path(file) if file else resources.files("merclip_jax.facs").joinpath("emotion_rules.yaml")
    )


def _table(file: str) -> dict:
    try:
        return yaml.safe_load(_place(file).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"--config.au.rules={file}: {error}") from error


def _lines(table: dict, name: str) -> list[list]:
    entry = table[name]
    if isinstance(entry, dict):
        return [line for part in entry["any_of"] for line in _lines(table, part)]
    return entry


def _can_be_seen(line: Sequence[object], units: Sequence[tuple[int, str]]) -> bool:
    """Whether the run tells every unit of a line, with its side if the line names one."""
    available = set(units)
    return all(
        (number, side) in available or (not side and any(number == n for n, _ in available))
        for number, side in (number_and_side(str(unit)) for unit in line)
    )


def _row(line: Sequence[object], units: Sequence[tuple[int, str]]) -> list[bool]:
    """Which units of the run a line names; one without a side names both sides."""
    named = [number_and_side(str(unit)) for unit in line]
    return [
        any(number == n and (not s or not side or s == side) for n, s in named)
        for number, side in units
    ]


def infer(
    rules: Rules, probabilities: Float[np.ndarray, "n k"], rates: Float[np.ndarray, "2 k"]
) -> Float[np.ndarray, "n c"]:
    """Probability of each class: the mean likelihood of its prototypes, normalised.

    The mean, and not the best: of many prototypes one always fits by chance.
    A unit that is said with probability q has, if it moved, the likelihood q * hit + (1 - q) *
    (1 - hit), and accordingly with the false-alarm rate if it was still.
    """
    q = probabilities[:, None, :]
    still, moved = (np.log(q * rate + (1 - q) * (1 - rate)) for rate in rates)
    means = [
        special.logsumexp(np.where(rows, moved, still).sum(-1), axis=1) - np.log(len(rows))
        for rows in rules
    ]
    return special.softmax(np.stack(means, axis=1), axis=1)


def undecided(classes: Float[np.ndarray, "n c"]) -> Bool[np.ndarray, " n"]:
    """Clips whose two likeliest classes are within MARGIN: the rules abstain."""
    top = np.sort(classes, axis=1)
    return top[:, -1] - top[:, -2] < MARGIN
