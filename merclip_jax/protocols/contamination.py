"""Whether the weights that a run starts from have seen the subjects that it tests.

Weights say in merclip.json what they were trained on: {"seen": {"dfme": ["sub0003", ...]}}. A
corpus with the single subject '*' was seen whole, or by nobody knows whom. Some people are in two
corpora: whoever saw them in the one has seen them in the other.
"""

from collections.abc import Iterable

import pandas as pd

from merclip_jax.errors import ConfigError
from merclip_jax.protocols.folds import Fold

EVERYONE = "*"
NAMED = 5  # subjects that a message names
# corpora that show people of others; subjects of a composite are called 'casme2-01'
COMPOSITES = {"megc2019_flow": ("smic", "casme2", "samm")}
RECUT = {"smic_e": "smic"}  # longer clips of the same people, called alike

Seen = dict[str, list[str]]


def with_clips(seen: Seen, table: pd.DataFrame) -> Seen:
    """What weights have seen once they were trained on the clips of a table, too."""
    subjects = {name: set(names) for name, names in seen.items()}
    for name, rows in table.groupby("dataset"):
        subjects[str(name)] = subjects.get(str(name), set()) | set(rows["subject"])
    return {name: sorted(names) for name, names in subjects.items()}


def check(
    seen: Seen | None, table: pd.DataFrame, folds: Iterable[Fold], allowed: bool
) -> list[str]:
    """Notices for the report about what the weights at the start have seen.

    Args:
      seen: what merclip.json says; None for weights that do not say.
      table: the run's clips.
      folds: its folds, whose held-out subjects are looked up.
      allowed: `eval.allow_seen`.

    Raises:
      ConfigError: they have seen subjects that the run tests, and it is not allowed.
    """
    if seen is None:
        return [
            "The weights that it started from do not say which clips they have seen. If the tested "
            "subjects were among them, the scores are too high."
        ]
    tested = table.iloc[[i for fold in folds for i in fold.test]]
    trained_on = {
        person for name, names in seen.items() for each in names for person in _people(name, each)
    }
    met = [
        f"{name}/{subject}"
        for name, subject in tested[["dataset", "subject"]].drop_duplicates().values
        if any(
            {(corpus, each), (corpus, EVERYONE)} & trained_on
            for corpus, each in _people(name, subject)
        )
    ]
    if not met:
        return []
    some = ", ".join(met[:NAMED]) + (", ..." if len(met) > NAMED else "")
    if not allowed:
        raise ConfigError(
            f"the weights of --config.model.init_from have been trained on {len(met)} of the "
            f"subjects that this run tests ({some}): its scores would be those of training "
            "clips. Start from other weights, or set --config.eval.allow_seen=True; the report "
            "then says so"
        )
    return [
        f"CONTAMINATED: the weights that it started from were trained on {len(met)} of the tested "
        f"subjects ({some}). The scores say nothing about people whom the model has not seen."
    ]


def _people(dataset: str, subject: str) -> list[tuple[str, str]]:
    """Who a subject is, by the corpus that first showed them: [('casme2', '01')]."""
    if dataset not in COMPOSITES:
        return [(RECUT.get(dataset, dataset), subject)]
    if subject == EVERYONE:
        return [(corpus, EVERYONE) for corpus in COMPOSITES[dataset]]
    corpus, _, own = subject.partition("-")
    return [(corpus, own)]
