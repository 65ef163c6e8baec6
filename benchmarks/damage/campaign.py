"""Random damage to copies of the eleven corpora: is it read right, named, or taken in silence?

python -m benchmarks.damage [--count=10200] [--seed=0] [--only=WORDS] [--show=5]

Each damage is made to a fresh copy of a small fabricated corpus in its owner's layout. 'right': the
clips are those of the undamaged copy, or say exactly what the changed cell says. 'message': a fault
that names workbook, sheet and row, or file. Wrong are 'unclear' (a message that does not), 'silent'
(other clips and no word) and 'traceback'. The exit code is 1 if anything is wrong.
"""

import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from absl import flags

from benchmarks.damage import copies
from benchmarks.damage.cells import cell_damages
from benchmarks.damage.files import file_damages
from benchmarks.damage.sheets import sheet_damages
from merclip_jax import app
from merclip_jax.errors import DataError

OUTCOMES = ("right", "message", "unclear", "silent", "traceback")
WRONG = OUTCOMES[2:]
IN_WORKBOOKS = {**cell_damages(), **sheet_damages()}
CLASSES = {**IN_WORKBOOKS, **file_damages()}


def campaign(count: int, seed: int = 0, only: str = "") -> pd.DataFrame:
    """One row per damage: what was done, to which corpus, what came of it, and the text.

    Args:
      count: how many; every class meets every corpus in turn.
      seed: all damages follow from it.
      only: words of the classes to make.
    """
    made = []
    with tempfile.TemporaryDirectory() as folder:
        plains = [copies.Plain(name, Path(folder) / name) for name in copies.CORPORA]
        pairs = [(what, plain) for what in CLASSES if only in what for plain in plains]
        pairs = [(what, plain) for what, plain in pairs if plain.spots or what not in IN_WORKBOOKS]
        random.Random(seed).shuffle(pairs)  # so that few damages are of many classes
        for number in range(count):
            what, plain = pairs[number % len(pairs)]
            copy = plain.copy(Path(folder) / "copy")
            expected = CLASSES[what](copy, random.Random(f"{seed} {number}"))
            if expected:
                made.append((number, what, plain.name, *copies.outcome(copy, expected)))
            shutil.rmtree(copy.root)
    return pd.DataFrame(made, columns=["number", "damage", "corpus", "outcome", "text"])


def table(made: pd.DataFrame) -> pd.DataFrame:
    """How many of each class came to what."""
    counts = pd.crosstab(made["damage"], made["outcome"]).reindex(columns=OUTCOMES, fill_value=0)
    counts = counts.loc[[what for what in CLASSES if what in counts.index]]
    counts.loc["all"] = counts.sum()
    return counts


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    flags.DEFINE_integer("count", 10_200, "how many damages to try", flag_values=given)
    flags.DEFINE_integer("seed", 0, "of all damages", flag_values=given)
    flags.DEFINE_string("only", "", "words of the classes to make", flag_values=given)
    flags.DEFINE_integer("show", 5, "how many wrong ones to show", flag_values=given)


def _run(given: flags.FlagValues) -> None:
    made = campaign(given.count, given.seed, given.only)
    print(table(made).to_string())
    for row in made[made["outcome"].isin(WRONG)].head(given.show).itertuples():
        print(f"\n{row.number} {row.damage}, {row.corpus}: {row.outcome}\n{row.text}")
    if made["outcome"].isin(WRONG).any():
        raise DataError("some damages are taken in silence, or are not named")


COMMAND = app.Command(__doc__, _define, _run)
