"""Folders of models: found here or on the hub; their config, weights and tokenizer."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tokenizers import Tokenizer

import merclip_jax
from merclip_jax import manifest
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.towers import checkpoint

Sizes = TypeVar("Sizes")
HUB_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
OPEN_CLIP = "open_clip_config.json"
OURS = "merclip"  # key of our own sizes in the config.json of a tower that is a CLIP
DIGEST = "model_sha256"  # in merclip.json; what was saved by earlier versions has none


def locate(name: str | os.PathLike) -> Path:
    """A path here or in the package; else an id of the Hugging Face hub.

    An id is 'openai/clip-vit-base-patch16', or with a revision (a branch, a tag or a commit)
    'openai/clip-vit-base-patch16@main'. Fetched files are kept in Hugging Face's cache, and later
    used from there without a network.

    Raises:
      ConfigError: neither such a path nor a hub id that can be fetched.
    """
    for folder in (".", *merclip_jax.__path__):  # the package brings the demo's weights along
        if Path(folder, name).exists():
            return Path(folder, name)
    match = HUB_ID.fullmatch(str(name))
    if not match:
        raise ConfigError(f"{name}: no such file or folder, and no id of the Hugging Face hub")
    import huggingface_hub  # on demand: paths need none of it
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    sys.stderr.write(f"{name}: from the Hugging Face hub, or its cache if it was fetched before\n")
    try:
        return _fetched(huggingface_hub.snapshot_download, match["repo"], match["revision"])
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise ConfigError(
            f"{name}: no such path here, and it cannot be fetched from the Hugging Face hub "
            f"({type(error).__name__}); check the name and the network, or give a folder"
        ) from error


def _fetched(download: Any, repo: str, revision: str | None) -> Path:
    """The small files of a repository, and the first kind of weights that it has."""

    def fetch(*patterns: str) -> Path:
        return Path(download(repo, revision=revision, allow_patterns=list(patterns)))

    folder = fetch("*.json", "merges.txt")
    for weights in checkpoint.WEIGHTS:
        if not weights.endswith(checkpoint.INDEX):
            fetch(weights)
        elif (folder / weights).is_file():
            fetch(*checkpoint.shards(folder / weights))
        if (folder / weights).is_file():
            break
    return folder


def config(directory: Path) -> dict[str, Any]:
    """The values of a model folder's config.json; our own where they stand in a CLIP's.

    Of open_clip, whose config has another name and form, the kind and the picture tower.

    Raises:
      ConfigError: there is none, or it holds no JSON object.
    """
    file, other = directory / "config.json", directory / OPEN_CLIP
    if not file.is_file() and other.is_file():
        vision = json_object(other).get("model_cfg", {}).get("vision_cfg", {})
        return {"model_type": "open_clip", "vision_config": vision}
    if not file.is_file():
        raise ConfigError(f"{directory}: no config.json; name a saved model's directory")
    values = json_object(file)
    ours = values.get(OURS)
    return ours if isinstance(ours, dict) else values


def sizes(directory: Path, parse: Callable[[dict[str, Any]], Sizes]) -> Sizes:
    """What `parse` makes of a model folder's config.json.

    Raises:
      ConfigError: there is none, or `parse` cannot use it; it names the file.
    """
    values = config(directory)
    try:
        return parse(values)
    except ConfigError as error:
        raise ConfigError(f"{directory / 'config.json'}: {error}") from error


def json_object(file: Path) -> dict[str, Any]:
    """The values of a JSON file.

    Raises:
      ConfigError: it is no JSON, or no object.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: damaged ({error}); copy it again") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: no JSON object")
    return values


def metadata(name: str | os.PathLike) -> dict[str, Any]:
    """What merclip.json says of saved weights: what they are of, and have seen; {} without one."""
    file = locate(name) / "merclip.json"
    return json_object(file) if file.is_file() else {}


def read(name: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a file, a folder or a hub id by name, as `checkpoint.read` finds them.

    Raises:
      ConfigError, DataError: as `locate` and `checkpoint.read`; or it is not the file that the
        merclip.json beside it was written with.
    """
    path = checkpoint.weights_file(locate(name))
    _check_unchanged(path)
    return checkpoint.read(path).tensors


def _check_unchanged(path: Path) -> None:
    about = path.with_name("merclip.json")
    digest = metadata(path.parent).get(DIGEST) if about.is_file() else None
    if digest and path.name == checkpoint.WEIGHTS[0] and digest != manifest.of_file(path):
        raise DataError(
            f"{path} changed since it was written: its digest is not the {DIGEST} in {about}. "
            "Copy the folder again, or export the model anew"
        )


def transformers() -> Any:
    """The library, on demand: its import takes a second, with PyTorch three."""
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # to install PyTorch
    import transformers as library

    library.logging.set_verbosity_error()  # it warns of tokens that are not used here
    return library


def tokenizer(name: str | os.PathLike) -> Tokenizer:
    """The tokenizer of a folder or hub id, or beside a file: tokenizer.json, or CLIP's older form.

    The older form is vocab.json and merges.txt, which `transformers` knows how to put together.

    Raises:
      ConfigError: there is none, or it is damaged.
    """
    path = locate(name)
    folder = path if path.is_dir() else path.parent
    try:
        if (folder / "tokenizer.json").is_file():
            return Tokenizer.from_file(str(folder / "tokenizer.json"))
        if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            return transformers().CLIPTokenizer.from_pretrained(folder).backend_tokenizer
    except Exception as error:  # tokenizers raises no other kind
        raise ConfigError(f"{folder}: damaged tokenizer ({error}); copy it again") from error
    raise ConfigError(
        f"{name}: no tokenizer.json there; CLIP's own is in openai/clip-vit-base-patch16 "
        "(vocab.json with merges.txt would do, too)"
    )
