"""Whether the weights that a run starts from have seen the subjects that it tests.

Weights say in merclip.json what they were trained on: {"seen": {"dfme": ["sub0003", ...]}}. A
corpus with the single subject '*' was seen whole, or by nobody knows whom.
"""

from collections.abc import Iterable

import pandas as pd

from merclip_jax.errors import ConfigError
from merclip_jax.protocols.folds import Fold

EVERYONE = "*"
NAMED = 5  # subjects that a message names

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
    met = [
        f"{name}/{subject}"
        for name, subject in tested[["dataset", "subject"]].drop_duplicates().values
        if {subject, EVERYONE} & set(seen.get(name, ()))
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
