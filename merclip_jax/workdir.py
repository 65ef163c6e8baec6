"""Files of a run: written whole or not at all, and never mixed between runs."""

import datetime
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
from ml_collections import ConfigDict

from merclip_jax.errors import ConfigError
from merclip_jax.settings import fields

_CODE = Path(__file__).parent


def write(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader, or a killed run, never sees half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(partial, path)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV; floats keep every digit."""
    write(path, table.to_csv(index=False, lineterminator="\n"))


def read_table(path: Path) -> pd.DataFrame:
    """Read a table written here; ids such as '01' stay text and 'NA' is no missing value."""
    ids = dict.fromkeys(
        ("clip_id", "dataset", "subject", "clip", "split", "emotion", "class", "aus", "fold"), str
    )
    unmeasured = {"head_motion": [""], "roll": [""]}  # of a clip in which no face was found
    return pd.read_csv(
        path,
        dtype=ids,
        keep_default_na=False,
        na_values=unmeasured,
        float_precision="round_trip",
    )


def provenance() -> dict[str, str]:
    """What makes a result again: the command, the date (UTC), and the code's commit.

    The commit is '' where the code is no git checkout; '+' behind it says that files were changed.
    """
    program, *arguments = sys.argv
    path = Path(program)
    called = f"python -m merclip_jax.{path.stem}" if path.parent == _CODE else program
    return {
        "command": f"{called} {shlex.join(arguments)}".strip(),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
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
    old, new = _flat(stored), _flat(expected)
    free = {field.name for field in fields.FIELDS if field.free}
    changed = [
        f"{field}: {old.get(field)!r} there, {new.get(field)!r} now"
        for field in sorted(old | new)
        if old.get(field) != new.get(field) and field not in free
    ]
    if changed:
        raise ConfigError(
            f"--workdir={workdir} holds a run of another configuration ({'; '.join(changed)}). "
            "Give the same configuration to resume it, or another --workdir."
        )


def _flat(tree: dict, prefix: str = "") -> dict:
    flat: dict = {}
    for key, value in tree.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat
