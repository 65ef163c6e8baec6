"""Two processes at once on one workdir, one dataset or one pack: who waits, who is refused.

python -m benchmarks.concurrency --folder=DIR [--pairs=5] [--seed=0]

Of two trainings in one workdir one must end with code 2 and name the other; then the run must equal
one that was left alone. Of two preparations or packings of one corpus both must end well, with the
bytes of one that was left alone, and nothing half-made may be left.
"""

import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import flags

from benchmarks import interrupted
from benchmarks.interrupted import End, Moment
from merclip_jax import app
from merclip_jax.data import datasets, pack
from merclip_jax.errors import ConfigError


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    flags.DEFINE_string("folder", None, "an empty folder for it", flag_values=given)
    flags.DEFINE_integer("pairs", 5, "of each kind", flag_values=given)
    flags.DEFINE_integer("seed", 0, "of the second's delay", flag_values=given)


def _prepare(place: Path, shared: Path) -> None:
    datasets.prepare("casme2", shared / "CASME2", place / "data")


def _pack(place: Path, shared: Path) -> None:
    builder = datasets.prepare("casme2", "", shared / "data")
    pack.load([builder], 32, place / "data", "memmap", kind="rgb+motion")


# What two processes do, and how much later the second begins at most, in seconds.
KINDS = {"dataset": (_prepare, 0.3), "pack": (_pack, 0.5), "workdir": (interrupted.train, 10.0)}


def _campaign(given: flags.FlagValues) -> None:
    folder, rng = Path(given.folder).absolute(), random.Random(given.seed)
    shared = folder / "shared"
    interrupted.prepare(shared)
    _must_end_well(interrupted.start(lambda: _prepare(shared, shared), shared, Moment()).end())
    for kind, (work, latest) in KINDS.items():
        alone = folder / f"{kind}-alone"
        alone.mkdir()
        _must_end_well(interrupted.start(lambda: work(alone, shared), alone, Moment()).end())  # noqa: B023
        table = Counter()
        for pair in range(given.pairs):
            place = folder / f"{kind}-{pair}"
            place.mkdir()
            ends = _pair(lambda: work(place, shared), place, rng.uniform(0, latest))  # noqa: B023
            table.update(_outcome(kind, end) for end in ends)
            table["differing or left over"] += bool(_wrong(kind, place, alone))
            shutil.rmtree(place)
        print(f"| {kind} | {given.pairs} |", ", ".join(f"{n} {what}" for what, n in table.items()))


def _pair(body: Callable[[], None], place: Path, delay: float) -> list[End]:
    first = interrupted.start(body, place, Moment())
    time.sleep(delay)
    second = interrupted.start(body, place, Moment())
    return [second.end(), first.end()]


def _outcome(kind: str, end: End) -> str:
    if end.code == app.DONE:
        return "waited, then done" if "waiting until it ends" in end.said else "done"
    refused = end.code == ConfigError.exit_code and "is in use by process" in end.said
    if refused and kind == "workdir":
        return "refused, naming the other"
    print(end.code, end.said[-2000:])
    return "failed"


def _wrong(kind: str, place: Path, alone: Path) -> list[str]:
    if kind == "workdir":
        return interrupted.differences(place, alone)
    files = [
        {path.relative_to(where): path.read_bytes() for path in where.rglob("*") if path.is_file()}
        for where in (place, alone)
    ]
    return [
        str(path) for path in {**files[0], **files[1]} if files[0].get(path) != files[1].get(path)
    ]


def _must_end_well(end: End) -> None:
    if end.code:
        raise RuntimeError(end.said)


COMMAND = app.Command(str(__doc__), _define, _campaign)


if __name__ == "__main__":
    sys.exit(app.run(COMMAND))
