"""Files of foreign weights and tokenizers: found here or on the hub, and read."""

import json
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import safetensors
import safetensors.numpy
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from tokenizers import Tokenizer

import merclip_jax
from merclip_jax import manifest
from merclip_jax.errors import ConfigError, DataError

HUB_ID = r"[\w.-]+/[\w.-]+"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # of a folder, the first that is there
DIGEST = "model_sha256"  # in merclip.json; what was saved by earlier versions has none
TORCH = (".pth", ".pt", ".bin")


def locate(name: str | os.PathLike) -> Path:
    """A path here or in the package; an id such as 'openai/clip-vit-base-patch16' from the hub.

    Fetched files are kept in Hugging Face's cache, and later used from there without a network.

    Raises:
      ConfigError: neither such a path nor a hub id that can be fetched.
    """
    for folder in (".", *merclip_jax.__path__):  # the package brings the demo's weights along
        if Path(folder, name).exists():
            return Path(folder, name)
    if not re.fullmatch(HUB_ID, str(name)):
        raise ConfigError(f"{name}: no such file or folder, and no id of the Hugging Face hub")
    try:
        for weights in WEIGHTS:  # older repositories have the second only
            fetched = Path(
                huggingface_hub.snapshot_download(str(name), allow_patterns=["*.json", weights])
            )
            if (fetched / weights).is_file():
                break
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ConfigError(
            f"{name}: no such path here, and it cannot be fetched from the Hugging Face hub "
            f"({type(error).__name__}); check the name and the network, or give a folder"
        ) from error
    return fetched


def config(directory: Path) -> dict[str, Any]:
    """The values of a model folder's config.json.

    Raises:
      ConfigError: there is none, or it holds no JSON object.
    """
    file = directory / "config.json"
    if not file.is_file():
        raise ConfigError(f"{directory}: no config.json; name a saved model's directory")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: no JSON object")
    return values


def metadata(name: str | os.PathLike) -> dict[str, Any]:
    """What merclip.json says of saved weights: what they are of, and have seen; {} without one."""
    file = locate(name) / "merclip.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def read(name: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by name, those of less than float32 widened to it.

    Args:
      name: a .safetensors, .pth, .pt or .bin file, a folder with one in Hugging Face's layout, or
        a hub id. Torch's files are read as plain tensors only (weights_only); OpenAI's .pt files
        are TorchScript, of which nothing is run.

    Raises:
      ConfigError: no such file, or not one of these kinds, or torch is needed and not installed.
      DataError: the file is damaged, or not the one that its merclip.json was written with, or
        holds more than tensors.
    """
    path = locate(name)
    if path.is_dir():
        present = [path / file for file in WEIGHTS if (path / file).is_file()]
        if not present:
            raise ConfigError(f"{path}: holds none of {', '.join(WEIGHTS)}")
        path = present[0]
    _check_unchanged(path)
    if path.suffix == ".safetensors":
        try:
            tensors = safetensors.numpy.load_file(path)
        except safetensors.SafetensorError as error:
            raise DataError(f"{path}: unreadable ({error}); copy it again") from error
    elif path.suffix in TORCH:
        tensors = _read_torch(path)
    else:
        raise ConfigError(f"{path}: unknown kind of file; name a .safetensors or .pth checkpoint")
    return {
        key: tensor.astype(np.float32) if tensor.dtype.itemsize == 2 else tensor
        for key, tensor in tensors.items()
    }


def _check_unchanged(path: Path) -> None:
    """Refuse tensors that are not those which the merclip.json beside them was written with."""
    about = path.with_name("merclip.json")
    known = metadata(path.parent).get(DIGEST) if about.is_file() else None
    if known and path.name == WEIGHTS[0] and known != manifest.of_file(path):
        raise DataError(
            f"{path} changed since it was written: its digest is not the {DIGEST} in {about}. "
            "Copy the folder again, or export the model anew"
        )


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError as error:
        raise ConfigError(
            f"{path}: reading {path.suffix} needs PyTorch: install torch, or convert it to "
            ".safetensors"
        ) from error
    try:
        if _is_torchscript(path):
            loaded = torch.jit.load(path, map_location="cpu").state_dict()
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(f"{path}: unreadable as plain tensors ({error})") from error
    tensors = loaded.get("state_dict", loaded.get("model", loaded))
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).numpy()
        for name, tensor in tensors.items()
        if isinstance(tensor, torch.Tensor)
    }


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def tokenizer(name: str | os.PathLike) -> Tokenizer:
    """The tokenizer of a folder or hub id in Hugging Face's layout, or a tokenizer.json itself.

    Raises:
      ConfigError: there is none.
    """
    path = locate(name)
    path = path / "tokenizer.json" if path.is_dir() else path
    if path.name != "tokenizer.json" or not path.is_file():
        raise ConfigError(
            f"{name}: no tokenizer.json there; CLIP's own is in openai/clip-vit-base-patch16"
        )
    return Tokenizer.from_file(str(path))
