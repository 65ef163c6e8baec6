"""A run killed at random in every phase, restarted until it is done, compared with one left alone.

python -m benchmarks.kills --folder=DIR --kills=100 [--of=predict] [--seed=0] [--json=FILE]

From the owner's files to the report: preparing, packing, training, checkpoints, export, report; or
with --of=predict from a film to its timeline.
Half of the kills strike before a file is touched, chosen at random among those of a phase; the
others at a random time. With --full=N also N attempts on a disk that is full, for which no file may
grow beyond a random size: the system then says EFBIG where a full disk says ENOSPC.
"""

import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from benchmarks import interrupted
from benchmarks.interrupted import End, Moment, Work
from merclip_jax import app
from merclip_jax.errors import RunError

ATTEMPTS = 4  # that are killed, at most, before one is left alone
KILLED = -9


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    flags.DEFINE_string("folder", None, "an empty folder for it", flag_values=given)
    flags.DEFINE_enum("of", "train", list(interrupted.WORKS), "what", flag_values=given)
    flags.DEFINE_integer("kills", 100, "how many, at least", flag_values=given)
    flags.DEFINE_integer("full", 0, "attempts with a full disk", flag_values=given)
    flags.DEFINE_integer("seed", 0, "of the moments", flag_values=given)
    flags.DEFINE_string("json", "", "also write the table here", flag_values=given)


def _campaign(given: flags.FlagValues) -> None:
    folder, rng = Path(given.folder).absolute(), random.Random(given.seed)
    shared = folder / "shared"
    work = interrupted.WORKS[given.of]
    work.prepare(shared)
    whole = folder / "whole"
    whole.mkdir()
    left_alone, seconds = _timed(whole, shared, work)
    if left_alone.code:
        raise RuntimeError(left_alone.said)
    table = Counter()
    while table["kills"] < given.kills or table["full"] < given.full:
        full = table["kills"] >= given.kills
        ends = _one(folder / "killed", shared, work, left_alone.events, seconds, rng, full)
        _count(table, ends, full, work.differences(folder / "killed", whole))
        print(json.dumps(table), flush=True)
        if given.json:
            Path(given.json).write_text(json.dumps(table, indent=2) + "\n")
        shutil.rmtree(folder / "killed")
    print(_shown(table))


def _timed(place: Path, shared: Path, work: Work) -> tuple[End, float]:
    """The run that is left alone, twice, since the first compiles; and how long the second took."""
    _attempt(place, shared, work, Moment())
    shutil.rmtree(place)
    place.mkdir()
    began = time.monotonic()
    return _attempt(place, shared, work, Moment()), time.monotonic() - began


def _attempt(place: Path, shared: Path, work: Work, moment: Moment, limit: int = 0) -> End:
    return interrupted.start(lambda: work.attempt(place, shared), place, moment, limit).end()


def _one(
    place: Path,
    shared: Path,
    work: Work,
    events: dict[str, int],
    seconds: float,
    rng: random.Random,
    full: bool,
) -> list[End]:
    """A run from nothing to the end; each phase is killed once at most, in their order."""
    place.mkdir()
    met = [name for name in events if events[name]]
    chosen = rng.sample(met, min(ATTEMPTS, len(met)))
    names = [name for name in met if name in chosen]
    ends = []
    for name in names:
        if full:  # from where a kill has left it, since the first file to be written is not all
            _attempt(place, shared, work, Moment(name, rng.randint(1, events[name])))
            ends.append(_attempt(place, shared, work, Moment(), limit=int(2 ** rng.uniform(4, 18))))
        elif rng.random() < 0.5:
            ends.append(_attempt(place, shared, work, Moment(seconds=rng.uniform(0.1, seconds))))
        else:
            ends.append(_attempt(place, shared, work, Moment(name, rng.randint(1, events[name]))))
        if ends[-1].code == app.DONE:
            return ends
    return [*ends, _attempt(place, shared, work, Moment())]


def _count(table: Counter, ends: list[End], full: bool, differing: list[str]) -> None:
    kind = "full" if full else "kills"
    struck = [end for end in ends if end.code == (KILLED if not full else RunError.exit_code)]
    table["runs"] += 1
    table["attempts"] += len(ends)
    table[kind] += len(struck)
    table.update(f"{kind}: {end.phase}" for end in struck)
    table["tracebacks"] += sum("Traceback" in end.said for end in ends)
    table["not finished"] += ends[-1].code != app.DONE
    table["differing"] += bool(differing)
    if differing or ends[-1].code or any("Traceback" in end.said for end in ends):
        for end in ends:
            print(end.code, end.phase, end.said[-3000:], differing, flush=True)


def _shown(table: Counter) -> str:
    head = "| phase | kills | full disks |\n|---|---|---|"
    rows = [
        f"| {name} | {table[f'kills: {name}']} | {table[f'full: {name}']} |"
        for name in ("start", *interrupted.PHASES)
    ]
    summary = ", ".join(
        f"{table[name]} {name}"
        for name in ("runs", "attempts", "kills", "full", "tracebacks", "not finished", "differing")
    )
    return "\n".join([head, *rows, "", summary])


COMMAND = app.Command(str(__doc__), _define, _campaign)


if __name__ == "__main__":
    sys.exit(app.run(COMMAND))
