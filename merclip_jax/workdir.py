"""Files of a run: written whole or not at all, never by two at once, never mixed between runs."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout
from ml_collections import ConfigDict

from merclip_jax.errors import ConfigError
from merclip_jax.settings import fields

PARTIAL = ".partial"  # ends the name of what is not yet whole
LOCK = ".lock"  # in a folder that one process at a time may write to
_CODE = Path(__file__).parent


def write(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader, or a killed run, never sees half of it.

    Raises:
      OSError: it cannot be written; the file is named, and one that was there is left as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        publish(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno:  # a full disk names no file
            error.filename = str(path)
        raise


def publish(partial: Path, path: Path) -> None:
    """Give a finished file or folder its name, once the disk has all of it.

    A power cut may otherwise leave the name without the content. A folder that has the name goes.
    """
    for part in (*partial.rglob("*"), partial) if partial.is_dir() else (partial,):
        _flush(part)
    if partial.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    os.replace(partial, path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def remove_partial(folder: Path, apart_from: Path | None = None) -> None:
    """Remove files that a killed process had begun; only who holds the folder may do so."""
    for path in folder.rglob(f".*{PARTIAL}"):
        if apart_from not in path.parents:
            path.unlink(missing_ok=True)


@contextmanager
def alone(lock: Path, what: str, wait: bool) -> Iterator[None]:
    """Hold a lock file while the block runs; it goes when the process ends, however it ends.

    The lock is the operating system's (`flock`). On a network drive it holds between machines only
    where the drive passes locks on.

    Args:
      lock: the file, in a folder that is there; it says who holds it.
      what: for messages: what is not to be used by two at once.
      wait: for another holder to end, saying so; otherwise refuse.

    Raises:
      ConfigError: another process holds it, and `wait` is not set.
    """
    held = FileLock(lock)
    try:
        held.acquire(blocking=False)
    except Timeout:
        if not wait:
            raise ConfigError(
                f"{what} is in use by {_holder(lock)}: wait until it ends, or stop it"
            ) from None
        sys.stderr.write(f"note: {what} is in use by {_holder(lock)}; waiting until it ends\n")
        held.acquire()
    try:
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        lock.write_text(f"process {os.getpid()} on {socket.gethostname()}, since {since}\n")
        yield
    finally:
        lock.unlink(missing_ok=True)  # who waits for it notices, and begins with a new file
        held.release()


def _holder(lock: Path) -> str:
    try:
        return lock.read_text().strip() or "another process"
    except OSError:  # it has just ended
        return "another process"


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV; floats keep every digit."""
    write(path, table.to_csv(index=False, lineterminator="\n"))


def read_table(path: Path) -> pd.DataFrame:
    """Read a table written here; ids such as '01' stay text and 'NA' is no missing value."""
    ids = dict.fromkeys(
        (
            *("clip_id", "dataset", "subject", "clip", "split", "emotion", "class", "aus", "fold"),
            "pixels",
        ),
        str,
    )
    unmeasured = {"head_motion": [""], "roll": [""]}  # of a clip in which no face was found
    return pd.read_csv(
        path,
        dtype=ids,
        keep_default_na=False,
        na_values=unmeasured,
        float_precision="round_trip",
    )


@contextmanager
def held(workdir: Path, wait: bool = False) -> Iterator[None]:
    """Make the workdir of a run and hold it while the block runs; not its folds, see `alone`.

    Raises:
      ConfigError: it cannot be made, or another process holds it, and `wait` is not set.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--workdir={workdir} cannot be used: {error}") from error
    with alone(workdir / LOCK, f"--workdir={workdir}", wait):
        remove_partial(workdir, apart_from=workdir / "folds")
        yield


def provenance() -> dict[str, str]:
    """What makes a result again: the command, the date (UTC), and the code's commit.

    The commit is '' where the code is no git checkout; '+' behind it says that files were changed.
    """
    program, *arguments = sys.argv
    path = Path(program)
    called = f"python -m merclip_jax.{path.stem}" if path.parent == _CODE else program
    return {
        "command": f"{called} {shlex.join(arguments)}".strip(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _git("rev-parse", "HEAD")
        + ("+" if _git("status", "--porcelain", "--untracked-files=no") else ""),
    }


def _git(*arguments: str) -> str:
    """What git says of the code's own checkout; '' where there is none."""
    if not (_CODE.parent / ".git").exists():
        return ""
    command = ["git", "-C", str(_CODE.parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def open_run(workdir: Path, config: ConfigDict) -> None:
    """Create or reopen the workdir of a run.

    Raises:
      ConfigError: it cannot be written, or holds folds trained with another config.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        expected = json.loads(config.to_json())
        if (workdir / "folds").exists():  # a run that failed before its first fold binds nobody
            _same_run(workdir, json.loads((workdir / "config.json").read_text()), expected)
        write(workdir / "config.json", json.dumps(expected, indent=2) + "\n")
    except (OSError, json.JSONDecodeError) as error:
        raise ConfigError(f"--workdir={workdir} cannot be used: {error}") from error


def _same_run(workdir: Path, stored: dict, expected: dict) -> None:
    old, new = _computed(stored), _computed(expected)
    changed = [
        f"{field}: {old.get(field)!r} there, {new.get(field)!r} now"
        for field in sorted(old | new)
        if old.get(field) != new.get(field)
    ]
    if changed:
        raise ConfigError(
            f"--workdir={workdir} holds a run of another configuration ({'; '.join(changed)}). "
            "Give the same configuration to resume it, or another --workdir."
        )


def settings(config: ConfigDict) -> dict[str, Any]:
    """The fields that say what is computed, not where and how fast, by their full names."""
    return _computed(json.loads(config.to_json()))


def _computed(values: dict) -> dict[str, Any]:
    free = {field.name for field in fields.FIELDS if field.free}
    return {name: value for name, value in _flat(values).items() if name not in free}


def _flat(tree: dict, prefix: str = "") -> dict:
    flat: dict = {}
    for key, value in tree.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat
