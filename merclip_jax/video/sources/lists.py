"""Lists of inputs, and the names of their folders, which never lead out of the output."""

import csv
import io
import itertools
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.tfds_builders.folders import shown as named
from merclip_jax.video import decode
from merclip_jax.video.decode import Source

LISTS = frozenset({".csv", ".txt"})
LONGEST = 80  # letters of a folder's name: with a number and UTF-8, file systems take it
TAKEN = ("index.html", "index.json")  # what lies beside the folders


def sources(given: str, fps: float) -> list[Source]:
    """One input, or those of a list: a .txt with a path per line or a .csv with a column 'path'.

    Relative paths are taken from the list's folder. Each source of a list has a name that can be
    a folder's, and no two have the same.

    Raises:
      ConfigError: as `open_source`; or an empty list, or one without the column.
      DataError: as `open_source`; of a list, every fault at once.
    """
    listed = Path(given)
    if listed.suffix.lower() not in LISTS or not listed.is_file():
        return [decode.open_source(given, fps)]
    paths = [listed.parent / line for line in _lines(listed)]
    if not paths:
        raise ConfigError(f"{named(listed)}: the list is empty; write one path per line")
    opened, faults = [], []
    for path in paths:
        try:
            opened.append(decode.open_source(path, fps))
        except (ConfigError, DataError) as error:
            faults.append(str(error))
    counts = Counter(path.resolve() for path in paths)
    faults += [f"{named(path)}: listed twice" for path, n in counts.items() if n > 1]
    if faults:
        raise DataError(f"{named(listed)}: mend these lines or take them out", faults)
    return _named_apart(opened)


def _lines(listed: Path) -> list[str]:
    """The paths as they stand there; a name that is no text stays what it is on the disk."""
    try:
        content = listed.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise DataError(f"{named(listed)}: cannot be read ({error.strerror})") from error
    if "\0" in content:
        raise DataError(f"{named(listed)}: cannot be read as a list of paths; save it as UTF-8")
    is_table = listed.suffix.lower() == ".csv"
    lines = _cells(listed, content) if is_table else content.split("\n")
    return [line.strip() for line in lines if line.strip()]


def _cells(listed: Path, content: str) -> list[str]:
    """The column 'path' of a table."""
    table = csv.DictReader(io.StringIO(content, newline=""), restval="")
    try:
        if table.fieldnames and "path" not in table.fieldnames:
            raise ConfigError(f"{named(listed)}: no column 'path'; name the column of the clips so")
        cells = [(table.line_num, row["path"]) for row in table]
    except csv.Error as error:
        raise DataError(f"{named(listed)}: not a table of commas ({error})") from error
    blank = [f"line {line}: no path" for line, cell in cells if not cell.strip()]
    if blank:
        raise DataError(f"{named(listed)}: fill these lines or take them out", blank)
    return [cell for _, cell in cells]


def _named_apart(opened: list[Source]) -> list[Source]:
    """Sources named as folders; those of one name are numbered from the second on: clip, clip-2."""
    taken, renamed = set(TAKEN), []
    for source in opened:
        base = folder_name(source.name)
        numbered = (f"{base}-{number}" for number in itertools.count(2))
        names = itertools.chain([base], numbered)
        name = next(name for name in names if name.casefold() not in taken)
        taken.add(name.casefold())  # some disks do not tell Clip from clip
        renamed.append(replace(source, name=name))
    return renamed


def folder_name(name: str) -> str:
    """A name as one that a folder can have on any disk, and that leads nowhere else.

    Letters, digits and a few signs of any script stay; what starts with a dot would be hidden.
    """
    safe = re.sub(r"[^\w .()+,=@-]", "_", name).lstrip(". ")[:LONGEST].rstrip(". ")
    return safe or "video"
