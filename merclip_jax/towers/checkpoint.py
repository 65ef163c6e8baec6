"""Checkpoints as tensors by name, whatever they are wrapped in; what is not plain is named.

One file, several (shards with an index), or a folder with either; safetensors or PyTorch's format.
"""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.towers import pickled

INDEX = ".index.json"
# Of a folder the first that is there: transformers' files, then open_clip's.
WEIGHTS = (
    *("model.safetensors", f"model.safetensors{INDEX}"),
    *("pytorch_model.bin", f"pytorch_model.bin{INDEX}"),
    *("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
)
TORCH = (".pth", ".pt", ".bin", ".pyth", ".ckpt")
ADAPTERS = ("adapter_model.safetensors", "adapter_model.bin")
NARROW = {"F8_E4M3", "F8_E5M2", "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4"}  # in safetensors' headers
# Keys under which training code keeps a model's tensors, and what it puts before their names.
WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "module", "network", "params")
PREFIXES = ("module.", "model.", "_orig_mod.", "_forward_module.", "network.", "net.", "clip.")


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
      path: the file, or the index of several.
      tensors: floating numbers widened to float32 at least; counters as they are.
      unwrapped: what held the tensors, in words; '' of plain tensors.
      scripted: whether it is a TorchScript archive, as OpenAI publishes its own weights.
    """

    path: Path
    tensors: dict[str, np.ndarray]
    unwrapped: str = ""
    scripted: bool = False


def weights_file(path: Path) -> Path:
    """The file of weights in a folder; a file is itself.

    Raises:
      ConfigError: the folder holds none, or adapters alone; or the file is one shard of several.
    """
    if path.is_dir():
        present = [path / name for name in WEIGHTS if (path / name).is_file()]
        if not present:
            if any((path / name).is_file() for name in ADAPTERS):
                raise ConfigError(
                    f"{path}: LoRA adapters, which are differences from a model; merge them into "
                    "it (peft's merge_and_unload) and give the whole"
                )
            raise ConfigError(f"{path}: holds none of {', '.join(WEIGHTS)}")
        return present[0]
    if path.with_name(_whole(path.name) + INDEX).is_file() and _whole(path.name) != path.name:
        raise ConfigError(f"{path}: one of several files of a model; name their folder")
    return path


def read(path: Path) -> Checkpoint:
    """The tensors of a checkpoint by name.

    Args:
      path: a .safetensors, .pth, .pyth, .pt, .ckpt or .bin file, an index of several, or a folder
        with one. Nothing of them is run (see `pickled`).

    Raises:
      ConfigError: not one of these kinds.
      DataError: the file is damaged, holds no tensors or others than plain finite ones.
    """
    path = weights_file(path)
    names = shards(path) if path.name.endswith(INDEX) else [path.name]
    parts = [_one(path.parent / name) for name in names]
    tensors = {name: one for part in parts for name, one in part.tensors.items()}
    if path.name.endswith(INDEX):
        _same_names(path, tensors)
    tensors, notes = _stripped(tensors)
    faults = [f"{name}: {fault}" for name, one in tensors.items() if (fault := _fault(one))]
    if faults:
        raise DataError(f"{path}: these are no weights to compute with", faults)
    notes = [f"{len(parts)} files"] * (len(parts) > 1) + [parts[0].unwrapped] + notes
    return Checkpoint(path, tensors, "; ".join(filter(None, notes)), parts[0].scripted)


def _one(path: Path) -> Checkpoint:
    if path.suffix == ".safetensors":
        return Checkpoint(path, _read_safetensors(path))
    if path.suffix not in TORCH:
        kinds = ", ".join((".safetensors", *TORCH))
        raise ConfigError(f"{path}: unknown kind of file; name one of {kinds}")
    tree, numbers = pickled.load(path)
    scripted = isinstance(tree, pickled.Scripted)
    lazy, wrapper = (
        (_of_modules(tree), "TorchScript, not run") if scripted else _unwrapped(path, tree)
    )
    tensors = {name: _numbers(path, name, one, numbers) for name, one in lazy.items()}
    return Checkpoint(path, tensors, wrapper, scripted)


def _fault(tensor: np.ndarray) -> str:
    """What forbids to compute with it; '' of sound weights and of counters."""
    if tensor.dtype.kind in "iuV" and tensor.dtype.itemsize == 1:
        return f"{tensor.dtype}, so quantised; give the weights in float32, float16 or bfloat16"
    if tensor.dtype.kind != "f" or np.isfinite(tensor).all():
        return ""
    return f"{np.count_nonzero(~np.isfinite(tensor))} of {tensor.size} values are NaN or infinite"


def _wide(tensor: np.ndarray) -> np.ndarray:
    """float16 and bfloat16 (whose numpy kind is void) as float32."""
    narrow = tensor.dtype.itemsize == 2 and tensor.dtype.kind in "fV"
    return tensor.astype(np.float32) if narrow else tensor


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        with safetensors.safe_open(path, "numpy") as file:
            types = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
        odd = [f"{name}: {kind}, so quantised" for name, kind in types.items() if kind in NARROW]
        if odd:
            raise DataError(f"{path}: give the weights in float32, float16 or bfloat16", odd)
        return {name: _wide(one) for name, one in safetensors.numpy.load_file(path).items()}
    except (safetensors.SafetensorError, OSError) as error:
        raise DataError(f"{path}: unreadable ({error}); copy it again") from error


def _numbers(
    path: Path, name: str, tensor: pickled.Tensor, numbers: Callable[[pickled.Storage], bytes]
) -> np.ndarray:
    try:
        return _wide(tensor.read(numbers))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(f"{path}: {name}: {error}") from error
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: {name}: damaged ({error}); copy it again") from error


def _unwrapped(path: Path, tree: Any) -> tuple[dict[str, pickled.Tensor], str]:
    """The one dict of tensors in what a training program saved, and what was opened for it."""
    opened: list[str] = []
    while isinstance(tree, Mapping):
        key = next((key for key in WRAPPERS if isinstance(tree.get(key), Mapping)), None)
        if key is None:
            break
        beside = sorted(str(other) for other in tree if other != key)
        opened.append(f"its {key}" + (f" (beside {', '.join(beside)})" if beside else ""))
        tree = tree[key]
    items = tree.items() if isinstance(tree, Mapping) else ()
    tensors = {str(name): one for name, one in items if isinstance(one, pickled.Tensor)}
    if not tensors:
        keys = ", ".join(str(key) for key, _ in items) or "no dict at all"
        raise DataError(f"{path}: no tensors by name in it, but {keys}; save model.state_dict()")
    return tensors, ", ".join(opened)


def _of_modules(module: pickled.Scripted, prefix: str = "") -> dict[str, pickled.Tensor]:
    """Tensors of a tree of TorchScript modules, by dotted name."""
    tensors: dict[str, pickled.Tensor] = {}
    for name, part in module.parts.items():
        if isinstance(part, pickled.Scripted):
            tensors |= _of_modules(part, f"{prefix}{name}.")
        elif isinstance(part, pickled.Tensor):
            tensors[f"{prefix}{name}"] = part
    return tensors


def _stripped(tensors: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Names without what wrappers put before them, and what was taken off or left out.

    A prefix that most names have is a wrapper's; the others are its own (losses, teachers).
    """
    notes = []
    while prefix := next((p for p in PREFIXES if 2 * _count(tensors, p) > len(tensors)), None):
        others = [name for name in tensors if not name.startswith(prefix)]
        notes.append(f"names without {prefix!r}")
        notes += [f"left out: {', '.join(sorted(others))}"] if others else []
        tensors = {
            name.removeprefix(prefix): one for name, one in tensors.items() if name not in others
        }
    return tensors, notes


def _count(names: Mapping[str, Any], prefix: str) -> int:
    return sum(name.startswith(prefix) for name in names)


def shards(index: Path) -> list[str]:
    """The files that an index names, which lie beside it.

    Raises:
      DataError: it is damaged, names files elsewhere, or files are absent.
    """
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        elsewhere = [name for name in names if Path(name).name != name]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{index}: damaged ({error}); copy it again") from error
    if elsewhere:
        raise DataError(f"{index}: names files outside its folder", elsewhere)
    absent = [name for name in names if not (index.parent / name).is_file()]
    if absent:
        raise DataError(f"{index.parent}: not all files of the model are there", absent)
    return names


def _same_names(index: Path, tensors: Mapping[str, Any]) -> None:
    listed = json.loads(index.read_text(encoding="utf-8"))["weight_map"].keys()
    faults = [f"{name}: missing" for name in sorted(listed - tensors.keys())]
    faults += [f"{name}: not in the index" for name in sorted(tensors.keys() - listed)]
    if faults:
        raise DataError(f"{index}: its files hold other tensors than it says", faults)


def _whole(name: str) -> str:
    """The name of a model of which `name` may be one file: without '-00001-of-00002'."""
    stem, dot, suffix = name.rpartition(".")
    first, of, _ = stem.partition("-of-")
    return f"{first.rpartition('-')[0]}{dot}{suffix}" if of else name
