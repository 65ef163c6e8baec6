"""Output folders: used by one process at a time, and bound to what their rows depend on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import merclip_jax
from merclip_jax import manifest, workdir
from merclip_jax.errors import ConfigError
from merclip_jax.tfds_builders.folders import shown
from merclip_jax.video import decode
from merclip_jax.video.inference import Settings
from merclip_jax.video.predictor import Predictor
from merclip_jax.video.sources import pictures

ROWS, SETTINGS = "windows.jsonl", "settings.json"
MODEL = ("config.json", "merclip.json", "model.safetensors", "tokenizer.json")


def made(folder: Path) -> Path:
    """The folder, made if it is not there.

    Raises:
      ConfigError: it cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--output={shown(folder)} cannot be used: {error.strerror}") from error
    return folder


@contextmanager
def held(output: Path) -> Iterator[None]:
    """Hold the folder of a run while the block runs.

    Raises:
      ConfigError: it cannot be made, or another process uses it.
    """
    with workdir.alone(made(output) / workdir.LOCK, f"--output={shown(output)}", wait=False):
        yield


def identity(
    directory: Path, reader: Predictor, source: decode.Source, settings: Settings
) -> dict[str, Any]:
    """What the rows of an output folder depend on; the input by its bytes, whatever its name."""
    assert not isinstance(source.path, int)  # a camera is recorded first
    model = {
        name: manifest.of_file(directory / name) for name in MODEL if (directory / name).is_file()
    }
    is_folder = source.path.is_dir()
    return {
        "program": merclip_jax.__version__,
        "model": manifest.of_json(model),
        "input": pictures.digest(source.path) if is_folder else manifest.of_file(source.path),
        "fps": source.fps,
        "given_fps": source.given_fps,
        "crop": reader.info.crop,
        "window_ms": settings.window_ms,
        "stride_ms": settings.stride_ms,
        "face": settings.face,
    }


def opened(folder: Path, expected: dict[str, Any]) -> str:
    """Begin an output folder, or go on with it if it holds the same run; the digest of which it is.

    Raises:
      ConfigError: it holds rows of something else, or nothing says of what.
    """
    file, rows = made(folder) / SETTINGS, folder / ROWS
    if rows.is_file() and rows.stat().st_size:
        changed = _changed(file, expected)
        if changed:
            raise ConfigError(
                f"--output={shown(folder)} holds a timeline of another configuration "
                f"({'; '.join(changed)}). Give the same to go on, or another --output."
            )
    for partial in folder.glob(f".*{workdir.PARTIAL}"):  # of a killed run; here alone: it may be ~
        partial.unlink()
    workdir.write(file, json.dumps(expected, indent=2) + "\n")
    return manifest.of_json(expected)


def _changed(file: Path, expected: dict[str, Any]) -> list[str]:
    """What differs, in words."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        there = {name: stored.get(name) for name in expected}
    except FileNotFoundError:
        return [f"{SETTINGS} is missing, so nothing says what the rows in {ROWS} are of"]
    except (ValueError, AttributeError) as error:
        return [f"{SETTINGS} is damaged: {error}"]
    return [
        f"{name}: {_short(there[name])} there, {_short(value)} now"
        for name, value in expected.items()
        if there[name] != value
    ]


def _short(value: Any) -> str:
    """A value; of a digest its beginning."""
    return f"{value[:12]!r}" if isinstance(value, str) else repr(value)
