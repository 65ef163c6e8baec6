"""What devices send each other, read from the text of a compiled program."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

KINDS = (
    *("all-gather", "all-reduce", "all-to-all", "collective-broadcast", "collective-permute"),
    *("ragged-all-to-all", "reduce-scatter"),
)
# One instruction: its result's type, then its name. An asynchronous one is counted at its start.
_COLLECTIVE = re.compile(rf"= (\(?.+?\)?) ({'|'.join(KINDS)})(-start)?\(")
_ARRAY = re.compile(r"\b(pred|bf16|[suf]\d+\w*)\[([\d,]*)\]")
_WHILE = re.compile(r"\bwhile\(.*body=%?([\w.-]+).*?(?:\"known_trip_count\":{\"n\":\"(\d+)\"}|$)")
_CALL = re.compile(r"(?:calls|to_apply|true_computation|false_computation|body)=%?([\w.-]+)")
_BRANCHES = re.compile(r"branch_computations={([^}]*)}")


class Collective(NamedTuple):
    """An instruction that sends: what kind, its largest arrays, how often a step runs it."""

    kind: str
    dtypes: frozenset[str]
    bytes: int
    times: int


def collectives(text: str) -> list[Collective]:
    """Every collective of a compiled program; `bytes` are those of its result on one device."""
    computations = dict(_computations(text))
    times = _times(computations)
    found = []
    for name, lines in computations.items():
        for line in lines:
            if match := _COLLECTIVE.search(line):
                result, kind, is_start = match.groups()
                arrays = _arrays(result)
                if is_start and kind != "all-reduce":  # its operands stand before its results
                    arrays = [max(arrays, key=lambda array: array[1])]
                size = sum(size for _, size in arrays)
                dtypes = frozenset(dtype for dtype, _ in arrays)
                found.append(Collective(kind, dtypes, size, times[name]))
    return found


def _computations(text: str) -> Iterator[tuple[str, list[str]]]:
    """Name and lines of each computation; the entry's name is ''."""
    for block in re.split(r"\n\n", text):
        lines = block.strip().splitlines()
        if lines and lines[0].startswith(("%", "ENTRY")):
            head = lines[0]
            yield "" if head.startswith("ENTRY") else head[1:].split(" ")[0], lines[1:]


def _times(computations: dict[str, list[str]]) -> Counter[str]:
    """How often each computation runs; loops of unknown length count once."""
    times: Counter[str] = Counter()
    waiting = [("", 1)]
    while waiting:
        name, runs = waiting.pop()
        times[name] += runs
        for line in computations[name]:
            trips = _WHILE.search(line)
            called = _CALL.findall(line)
            called += [x.strip().lstrip("%") for x in "".join(_BRANCHES.findall(line)).split(",")]
            inside = runs * int((trips and trips[2]) or 1)
            waiting += [(other, inside) for other in called if other in computations]
    return times


def _arrays(result: str) -> list[tuple[str, int]]:
    """Type and bytes of each array in the text of a result's type."""
    arrays = []
    for dtype, dims in _ARRAY.findall(result):
        count = 1
        for dim in filter(None, dims.split(",")):
            count *= int(dim)
        bits = 8 if dtype == "pred" else int(re.findall(r"\d+", dtype)[0])
        arrays.append((dtype, count * bits // 8))
    return arrays
