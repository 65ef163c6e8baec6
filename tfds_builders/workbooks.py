"""Which file is the annotation: found by its name, and never guessed between several."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import folders

SUFFIX = re.compile(r"\.(xlsx?|csv)$", re.IGNORECASE)


@dataclass(frozen=True)
class Book:
    """A workbook as its owner calls it.

    Attributes:
      wanted: the owner's name of it, for messages.
      patterns: regular expressions, searched in a name without regard to case: the owner's names
        in the order of preference, then what copies are called.
      depth: how many folders down to look.
    """

    wanted: str
    patterns: Sequence[str]
    depth: int = 1

    def find(self, folder: Path) -> Path:
        """The workbook to read: as `find`."""
        return find(folder, self.patterns, self.wanted, self.depth)

    def there(self, folder: Path) -> bool:
        """Whether any file could be meant."""
        return any(_ranks(folder, self.patterns, self.depth))

    def others(self, folder: Path) -> list[Path]:
        """The workbooks that could be meant as well, and are not read."""
        chosen = self.find(folder)
        ranks = _ranks(folder, self.patterns, self.depth)
        return [path for path in dict.fromkeys(sum(ranks, [])) if path != chosen]


def find(folder: Path, pattern: str | Sequence[str], wanted: str, depth: int = 1) -> Path:
    """The file below `folder` whose name matches.

    Of several with an owner's name that in the fewest folders is taken; of those in one folder,
    that with the newest date in its name, or that which says it is updated. Nothing is guessed
    between others.

    Args:
      folder: where to look, and down to `depth` folders below.
      pattern: as `Book.patterns`; a single one is the owner's.
      wanted: as in `Book`.
      depth: as in `Book`.

    Raises:
      DataError: there is none, and the message lists the workbooks that are there; or several
        could be meant, and it lists them.
    """
    patterns = [pattern] if isinstance(pattern, str) else pattern
    ranks = _ranks(folder, patterns, depth)
    matches = next(filter(None, ranks), [])
    if not matches:
        files = _files(folder, depth)
        there = ", ".join(path.name for path in files if SUFFIX.search(path.name))
        raise DataError(
            f"{folder}: no annotation; put {wanted} there (workbooks found: {there or 'none'})"
        )
    owners = len(patterns) == 1 or matches is not ranks[-1]
    best = max(_precedence(folder, path, owners) for path in matches)
    chosen = [path for path in matches if _precedence(folder, path, owners) == best]
    newer = [path for path in sum(ranks, []) if _is_newer(folder, path, chosen[0])]
    doubtful = dict.fromkeys([*chosen, *newer])
    if len({path.read_bytes() for path in doubtful}) > 1:
        named = ", ".join(folders.shown(path.relative_to(folder)) for path in doubtful)
        raise DataError(
            f"{folder}: each of these could be the annotation: {named}; keep the one that is meant "
            f"under its owner's name ({wanted}), and take the others out"
        )
    return chosen[0]


def _files(folder: Path, depth: int) -> list[Path]:
    return list(folders.below(folder, depth))


def _ranks(folder: Path, patterns: Sequence[str], depth: int) -> list[list[Path]]:
    """The files that match each of the patterns."""
    files = _files(folder, depth)
    return [[p for p in files if re.search(one, p.name, re.IGNORECASE)] for one in patterns]


def _precedence(folder: Path, path: Path, owners: bool) -> tuple:
    date, updated = re.findall(r"\d{8}", path.name)[-1:], "updat" in path.name.lower()
    return (-_depth(folder, path), *((date, updated) if owners else ()))


def _is_newer(folder: Path, path: Path, chosen: Path) -> bool:
    """Whether a file that is no deeper than the chosen one has a later date in its name."""
    dates = [re.findall(r"\d{8}", one.name)[-1:] for one in (path, chosen)]
    return _depth(folder, path) <= _depth(folder, chosen) and dates[0] > dates[1]


def _depth(folder: Path, path: Path) -> int:
    return len(path.relative_to(folder).parts)
