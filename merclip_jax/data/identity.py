"""What a run's results depend on, as one digest per part: so that a mismatch says which differs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from merclip_jax import manifest
from merclip_jax.errors import ConfigError
from merclip_jax.towers import files

# Columns of clips.csv by the part that they belong to.
PARTS = {
    "clips": ("dataset", "clip", "split", "fold"),
    "subjects": ("subject",),
    "labels": ("emotion", "class", "label"),
    "action units": ("aus",),
    "pixels": ("n_frames", "apex", "pixels"),
}
NAMED = 5  # clips that a message names


def of(clips: pd.DataFrame, settings: Mapping[str, Any], init_from: str) -> dict[str, str]:
    """The digest of each part: those of the clips, the settings and the weights at the start.

    Args:
      clips: a run's clips.csv.
      settings: the fields that say what is computed (`workdir.settings`).
      init_from: `config.model.init_from`.

    Raises:
      ConfigError: there are no such weights.
    """
    parts = {
        part: manifest.of_json(clips[["clip_id", *names]].astype(str).to_numpy().tolist())
        for part, names in PARTS.items()
    }
    return parts | {"settings": manifest.of_json(settings), "weights": _of_weights(init_from)}


def _of_weights(init_from: str) -> str:
    if not init_from:
        return ""
    place = files.locate(init_from)
    # The card is for people; all else may change what is computed.
    chosen = [place] if place.is_file() else [p for p in sorted(place.iterdir()) if p.is_file()]
    return manifest.of_json(
        [(p.name, manifest.of_file(p)) for p in chosen if p.name != "README.md"]
    )


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The parts that differ, or that only one has."""
    return [part for part in {**one, **other} if one.get(part) != other.get(part)]


def mismatch(
    where: Path, parts: list[str], before: pd.DataFrame | None, now: pd.DataFrame
) -> ConfigError:
    """What to raise where results belong to other parts than those at hand.

    Args:
      where: what was computed from other parts.
      parts: those that differ.
      before: clips.csv as it was then, if it is still whole.
      now: as it would be now.
    """
    differences = "" if before is None else _told(before.astype(str), now.astype(str))
    return ConfigError(
        f"{where} was computed with other {', '.join(parts)} than there are now{differences}. "
        "Bring back what it was computed with, or give another --workdir: folds of both would be "
        "mixed"
    )


def _told(before: pd.DataFrame, now: pd.DataFrame) -> str:
    """The first clips that differ, and how."""
    old, new = before.set_index("clip_id"), now.set_index("clip_id")
    differences = [f"{name} is gone" for name in old.index.difference(new.index)]
    differences += [f"{name} is new" for name in new.index.difference(old.index)]
    columns = [name for names in PARTS.values() for name in names if name in old]
    for name in new.index.intersection(old.index):
        for column in columns:
            was, now_is = old.loc[name, column], new.loc[name, column]
            if was != now_is:
                differences.append(f"{name}: {column} {was!r} then, {now_is!r} now")
    more = f"; {len(differences) - NAMED} more" if len(differences) > NAMED else ""
    return f" ({'; '.join(differences[:NAMED])}{more})" if differences else ""
