"""What devices send each other, read from the text of a compiled program."""

import math
import re
from typing import NamedTuple

KINDS = (
    *("all-gather", "all-reduce", "all-to-all", "collective-broadcast", "collective-permute"),
    *("ragged-all-to-all", "reduce-scatter"),
)
# One instruction: its result's type, then its name. An asynchronous one is taken at its start.
_COLLECTIVE = re.compile(rf"\s*(?:ROOT )?\S+ = (.*?) ({'|'.join(KINDS)})(-start)?\(")
_ARRAY = re.compile(r"\b(pred|[a-z]+(\d+)\w*)\[([\d,]*)\]")


class Collective(NamedTuple):
    """An instruction that sends: its kind, and types and bytes of its result on one device."""

    kind: str
    dtypes: tuple[str, ...]
    bytes: int


def collectives(text: str) -> list[Collective]:
    """Every collective of a compiled program; one in a loop stands once."""
    found = []
    for match in filter(None, map(_COLLECTIVE.match, text.splitlines())):
        result, kind, is_start = match.groups()
        arrays = [
            (dtype, _count(dims) * int(bits or 8) // 8)
            for dtype, bits, dims in _ARRAY.findall(result)
        ]
        if is_start and kind != "all-reduce":  # its operands stand before its results
            arrays = [max(arrays, key=lambda array: array[1])]
        dtypes = tuple(sorted({dtype for dtype, _ in arrays}))
        found.append(Collective(kind, dtypes, sum(size for _, size in arrays)))
    return found


def _count(dims: str) -> int:
    return math.prod(int(dim) for dim in dims.split(",") if dim)
