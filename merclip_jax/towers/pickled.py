"""What PyTorch's files hold, without PyTorch, and without running anything that a file names.

A .pth, .pt or .bin file is a pickle beside raw numbers, and a pickle may name any function to be
called. Here the few names that PyTorch itself writes become tensors, names of what training leaves
beside them (mmengine's logs, an optimiser's dicts) become inert stand-ins, and every other name is
refused. TorchScript archives are read in the same way: their code is never looked at.

Formats: `torch.save` since 1.6 (zip), before (one stream), and `torch.jit.save`.
"""

import io
import math
import pickle
import pickletools
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from merclip_jax.errors import DataError

MAGIC = 0x1950A86A20F9469CFC6C  # of a stream of PyTorch before 1.6
DTYPES = {
    "DoubleStorage": np.dtype("<f8"), "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"), "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"), "IntStorage": np.dtype("<i4"), "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"), "ByteStorage": np.dtype("u1"), "BoolStorage": np.dtype("?"),
    "QInt8Storage": np.dtype("i1"), "QUInt8Storage": np.dtype("u1"),
    "QInt32Storage": np.dtype("<i4"),
}  # fmt: skip
# What stands beside the tensors of a training checkpoint. Nothing of it is needed.
INERT = re.compile(
    r"mmengine\.logging\.(history_buffer\.HistoryBuffer|message_hub\.MessageHub)"
    r"|mmengine\.config\.config\.\w+|(yacs|fvcore\.common)\.config\.CfgNode"
    r"|(pytorch_lightning|lightning|lightning_fabric|omegaconf)(\.\w+)+|argparse\.Namespace"
    r"|(builtins|__builtin__)\.(getattr|object|set|frozenset|list|dict|tuple|complex|slice|range"
    r"|bytearray|int|float|str|bool)"
    r"|collections\.(defaultdict|Counter|deque)|pathlib\.\w*Path|datetime\.\w+|_codecs\.encode"
    r"|typing\.Any|numpy\.(_?core\.(multiarray|numeric)\.\w+|ndarray|dtype|dtypes\.\w+"
    r"|bool_?|u?int\d+|float\d+)"
    r"|torch\.(Size|device|Generator|torch_version\.TorchVersion|serialization\._get_layout"
    r"|u?int\d+|b?float\d+|bool|strided|per_tensor_affine|per_channel_affine|jit\._pickle\.\w+)"
)


class Inert:
    """Stands for an object that is not needed: it takes whatever it is given and does nothing."""

    def __init__(self, *_: Any, **__: Any):
        pass

    def _ignore(self, *_: Any) -> None:
        pass

    __setstate__ = __setitem__ = append = extend = add = _ignore

    def __call__(self, *_: Any) -> "Inert":
        """Whatever is made of it is inert, too."""
        return Inert()


class Dict(dict):
    """An OrderedDict of the file; attributes that it carries are dropped."""

    def __setstate__(self, state: Any) -> None:
        pass


class Scripted(Inert):
    """A module of a TorchScript archive: its attributes by name, none of its code."""

    parts: Mapping[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.parts = state if isinstance(state, Mapping) else {}


@dataclass(frozen=True)
class Storage:
    """Numbers of one type in the file; `key` says where."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class Tensor:
    """A tensor that still lies in its file; strides count numbers, not bytes."""

    storage: Storage | None  # None: of a kind that is not plain numbers
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    def read(self, numbers: Callable[[Storage], bytes]) -> np.ndarray:
        """The tensor's values; nothing is allocated before its shape is known to fit its data.

        Raises:
          ValueError: it is quantised, or its shape asks for more than there is.
        """
        if self.storage is None:
            raise ValueError("quantised; give the weights in float32, float16 or bfloat16")
        if min((self.offset, *self.shape, *self.strides)) < 0 or len(self.shape) != len(
            self.strides
        ):
            raise ValueError(f"shape {self.shape} with strides {self.strides} is impossible")
        ends = (stride * (size - 1) for size, stride in zip(self.shape, self.strides, strict=True))
        count, extent = math.prod(self.shape), self.offset + sum(ends) + 1
        if count and max(count, extent) > self.storage.count:
            raise ValueError(f"shape {self.shape} asks for more than the file holds of it")
        flat = np.frombuffer(numbers(self.storage), self.storage.dtype, self.storage.count)
        steps = [stride * flat.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, steps)


class _Unpickler(pickle.Unpickler):
    """Reads PyTorch's pickles; a name that is neither a tensor's nor inert raises."""

    def __init__(self, file: io.BytesIO, scripted: bool):
        super().__init__(file, encoding="utf-8")
        self.scripted, self.storages = scripted, dict[str, Storage]()

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name of the file; never the thing itself."""
        full = f"{module}.{name}"
        if full in KNOWN:
            return KNOWN[full]
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if self.scripted and module.startswith("__torch__"):
            return Scripted
        if INERT.fullmatch(full):
            return Inert
        raise pickle.UnpicklingError(
            f"it names {full}, which no file of plain tensors does, and nothing of it was run; "
            "save the model's state_dict() alone"
        )

    def persistent_load(self, pid: Any) -> Storage:
        """Numbers that lie beside the pickle."""
        _, dtype, key, _, count, *_ = pid
        if not isinstance(dtype, np.dtype) or not isinstance(count, int):
            raise pickle.UnpicklingError("a storage of an unknown type")
        return self.storages.setdefault(str(key), Storage(str(key), dtype, count))


def _tensor(storage: Storage, offset: int, shape: Any, strides: Any, *_: Any) -> Tensor:
    return Tensor(storage, offset, tuple(shape), tuple(strides))


KNOWN: dict[str, Any] = {
    "collections.OrderedDict": Dict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": lambda *_: Tensor(None),  # float8 and other odd types
    "torch._utils._rebuild_qtensor": lambda *_: Tensor(None),
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
}


def load(path: Path) -> tuple[Any, Callable[[Storage], bytes]]:
    """The objects of a file, with `Tensor` for its tensors, and the reader of their numbers.

    Raises:
      DataError: the file is damaged, is none of PyTorch's, or names what is refused here.
    """
    try:
        return _archive(path) if zipfile.is_zipfile(path) else _stream(path)
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError) as error:
        raise DataError(f"{path}: damaged ({error}); copy it again") from error
    except (pickle.UnpicklingError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise DataError(f"{path}: unreadable as plain tensors: {error}") from error


def _archive(path: Path) -> tuple[Any, Callable[[Storage], bytes]]:
    archive, size = zipfile.ZipFile(path), path.stat().st_size
    inner = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
    if inner is None:
        raise ValueError("an archive, but not one of PyTorch's")
    root = inner.removesuffix("data.pkl")

    def entry(name: str) -> bytes:
        info = archive.getinfo(root + name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > size:
            raise ValueError(f"{name} claims {info.file_size} bytes in a file of {size}")
        if info.header_offset < 0:  # of a file whose beginning is lost
            raise zipfile.BadZipFile(f"{name} lies before its beginning")
        return archive.read(info)

    if f"{root}byteorder" in archive.namelist() and entry("byteorder") != b"little":
        raise ValueError("saved on a machine of the other byte order; save it on a common one")
    scripted = f"{root}constants.pkl" in archive.namelist()
    tree = _checked(io.BytesIO(entry("data.pkl")), scripted).load()
    return tree, lambda storage: entry(f"data/{storage.key}")


def _stream(path: Path) -> tuple[Any, Callable[[Storage], bytes]]:
    file = io.BytesIO(path.read_bytes())
    if file.getvalue()[:1] != b"\x80" or _checked(file).load() != MAGIC:
        raise ValueError("it was not written by torch.save")
    for _ in ("protocol", "machine"):
        _checked(file).load()
    reader = _checked(file)
    tree, keys = reader.load(), _checked(file).load()
    rest, at = memoryview(file.getvalue())[file.tell() :], 0
    storages: dict[str, memoryview] = {}
    for key in map(str, keys):
        count = int.from_bytes(rest[at : at + 8], "little")
        end = at + 8 + count * reader.storages[key].dtype.itemsize
        storages[key], at = rest[at + 8 : end], end
    return tree, lambda storage: bytes(storages[storage.key])


def _checked(file: io.BytesIO, scripted: bool = False) -> _Unpickler:
    """Reads the next pickle of `file`, scanned before for sizes that would take memory in vain."""
    start, size = file.tell(), len(file.getbuffer())
    for opcode, argument, _ in pickletools.genops(file):
        if "PUT" in opcode.name and argument is not None and argument > size:
            raise ValueError(f"a table of {argument} objects in a file of {size} bytes")
        if opcode.name.startswith("EXT"):
            raise ValueError("it names objects by number")
    file.seek(start)
    return _Unpickler(file, scripted)
