"""What the files of a folder depend on, and a digest of each: checked whenever they are read.

A manifest is written last, so files that have none are not finished. It carries a digest of itself.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from merclip_jax import workdir
from merclip_jax.errors import DataError


@dataclass(frozen=True)
class Manifest:
    """What stands in a manifest.

    Attributes:
      identity: digests of what the files were made from, by part: 'pixels', 'settings'.
      files: digests of the files, by their paths from the manifest's folder.
    """

    identity: dict[str, str]
    files: dict[str, str]


def write(path: Path, files: Iterable[Path], identity: Mapping[str, str]) -> None:
    """Write the manifest of some files, which lie in its folder or below."""
    digests = {str(file.relative_to(path.parent)): of_file(file) for file in files}
    content = asdict(Manifest(dict(identity), digests))
    workdir.write(path, json.dumps(content | {"digest": of_json(content)}, indent=2) + "\n")


def read(path: Path) -> Manifest | None:
    """A manifest; None if there is none.

    Raises:
      DataError: it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        digest = content.pop("digest")
        manifest = Manifest(**content)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error})") from error
    if of_json(content) != digest:
        raise DataError(f"{path} changed since it was written")
    return manifest


def faults(path: Path) -> dict[Path, str]:
    """What is wrong with the files of a manifest, or with itself; it must be there."""
    try:
        manifest = read(path)
    except DataError as error:
        return {path: str(error)}
    if manifest is None:
        return {path: f"{path} is missing"}
    listed = {path.parent / name: digest for name, digest in manifest.files.items()}
    return {file: fault for file, digest in listed.items() if (fault := _fault(file, digest))}


def once(made: Path, lock: Path, make: Callable[[], None]) -> None:
    """Have the files of a manifest made, unless they are there and as they were written.

    One process makes them, and others wait and use them; damaged ones are made anew, and said.
    """
    if not faults(made):
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    with workdir.alone(lock, str(made.parent), wait=True):
        damaged = faults(made)
        for fault in damaged.values() if made.exists() else ():
            sys.stderr.write(f"note: {fault}; it is made anew\n")
        if damaged:
            make()


def _fault(file: Path, digest: str) -> str:
    if not file.is_file():
        return f"{file} is missing"
    return "" if of_file(file) == digest else f"{file} changed since it was written"


def of_file(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_json(values: Any) -> str:
    """The SHA-256 of JSON values; the order of keys says nothing."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
