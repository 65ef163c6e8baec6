"""Small runs in processes of their own, that die at a chosen moment: for campaigns of interruption.

A process is forked from one that has imported everything, so that an attempt costs seconds. The
parent must not have used jax before.
"""

import importlib
import json
import mmap
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
from ml_collections import ConfigDict

from merclip_jax import app, experiment, predict, workdir
from merclip_jax.configs import casme2
from merclip_jax.errors import RunError
from merclip_jax.tfds_builders.synthetic_me import clips, long_videos
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.video.inference import Settings

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # the fake corpus is the tests'
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link")
# What a path is touched for, by a part of it; the first that fits.
PHASES = {
    "prepare": "/.preparing-",
    "packing": "/packed/",
    "export": "/model-seed",
    "checkpoint": "/checkpoints/",
    "training": "/tensorboard/",
    "windows": "/out/windows.jsonl",
    "timeline": "/out/",
    "fold results": "/folds/",
    "report": "/run/",
    "locks": "",
}


@dataclass(frozen=True)
class Moment:
    """When a process dies: before the `count`-th file of a phase is touched, or after seconds."""

    phase: str = ""
    count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class End:
    """How a process ended: its exit code (negative: the signal), its last phase, what it said."""

    code: int
    phase: str
    said: str
    events: dict[str, int]


def prepare(shared: Path) -> None:
    """A CASME II of three people with three clips each, as its owner distributes it."""
    fake = importlib.import_module("corpora.casme2")
    fake.make_casme2(shared / "CASME2", subjects=3, clips_per_subject=3, strays=False)


def config(manual_dir: Path, data_dir: Path) -> ConfigDict:
    """A run of three folds and two epochs, from the owner's files to the report.

    The model is the smallest that is trained by steps and exported: what is interrupted is the same
    for all of them.
    """
    made = casme2.get_config("classes=3")
    made.model.system, made.data.input, made.data.temporal = "ststnet", "motion", "apex"
    made.data.manual_dir, made.data.data_dir = str(manual_dir), str(data_dir)
    made.data.image_size, made.data.frames, made.recipe.batch_size = 32, 1, 4
    made.recipe.epochs, made.recipe.warmup_epochs = 2, 1
    made.augment.augmix = made.augment.color = False
    made.parallel.devices, made.checkpoint.export, made.eval.selection = 1, True, "inner"
    return made


def start(body: Callable[[], object], place: Path, moment: Moment, limit: int = 0) -> "Running":
    """Start `body` behind the door of commands, in a process of its own.

    Args:
      body: what it does.
      place: its files are below; those touched elsewhere do not count.
      moment: when it dies.
      limit: no file may grow beyond so many bytes, as on a disk that is full; 0: none.
    """
    told = mmap.mmap(-1, 4096)
    log = place.with_suffix(f".{time.monotonic_ns()}.log")
    process = os.fork()
    if process:
        return Running(process, told, log, moment)
    code = RunError.exit_code
    try:
        with log.open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        sys.addaudithook(_Watch(place, told, moment))
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        command = app.Command("", lambda *_: None, lambda _: body() and None)
        code = app.run(command, [])
    except BaseException:  # noqa: BLE001 - a traceback is what the campaign looks for
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class _Watch:
    """Counts the files that a process writes, moves or removes, and kills it at the moment."""

    def __init__(self, place: Path, told: mmap.mmap, moment: Moment):
        self._place, self._told, self._moment = str(place), told, moment
        self._events = dict.fromkeys(PHASES, 0)

    def __call__(self, event: str, arguments: tuple) -> None:
        writes = event in CHANGES or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
        )
        if not writes or not str(arguments[0]).startswith(self._place):
            return
        phase = next(name for name, part in PHASES.items() if part in str(arguments[0]))
        self._events[phase] += 1
        counts = " ".join(map(str, self._events.values()))
        self._told.seek(0)
        self._told.write(f"{phase};{counts}\n".encode())
        if (phase, self._events[phase]) == (self._moment.phase, self._moment.count):
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Running:
    """A process that was started."""

    process: int
    told: mmap.mmap
    log: Path
    moment: Moment

    def end(self) -> End:
        """Wait for its end; kill it where its moment is one of time."""
        until = time.monotonic() + self.moment.seconds
        done, status = 0, 0
        while self.moment.seconds and not done and time.monotonic() < until:
            time.sleep(0.01)
            done, status = os.waitpid(self.process, os.WNOHANG)
        if not done and self.moment.seconds:
            os.kill(self.process, signal.SIGKILL)
        if not done:
            _, status = os.waitpid(self.process, 0)
        self.told.seek(0)
        phase, _, counts = self.told.readline().decode().strip("\0\n").partition(";")
        events = dict(zip(PHASES, map(int, counts.split()), strict=False))
        said = self.log.read_text(errors="replace")
        self.log.unlink()
        return End(os.waitstatus_to_exitcode(status), phase or "start", said, events)


def differences(place: Path, whole: Path) -> list[str]:
    """The result files of a run that are not those of another, but for times."""
    run, whole = place / "run", whole / "run"
    names = ["predictions.csv", "clips.csv", "manifest.json"]
    names += [str(path.relative_to(whole)) for path in whole.glob("folds/*/predictions-*.csv")]
    names += [str(path.relative_to(whole)) for path in whole.glob("folds/*/model-*/*")]
    found = [name for name in names if not (run / name).is_file()]
    exact = [name for name in names if name not in found and "manifest" not in name]
    found += [name for name in exact if (run / name).read_bytes() != (whole / name).read_bytes()]
    histories = [
        workdir.read_table(place / "history.csv").drop(columns="seconds") for place in (run, whole)
    ]
    reports = [_without_times(place / "report.json") for place in (run, whole)]
    return (
        found
        + ([] if histories[0].equals(histories[1]) else ["history.csv"])
        + ([] if reports[0] == reports[1] else ["report.json"])
    )


def _without_times(file: Path) -> dict:
    values = json.loads(file.read_text())
    for times in ("timing", "speed", "made"):
        values.pop(times, None)
    return values


def train(place: Path, shared: Path) -> None:
    """One attempt at the run of a place; the corpus lies in `shared`."""
    experiment.run(config(shared / "CASME2", place / "data"), place / "run")


def film(shared: Path) -> None:
    """Two seconds of a drawn face that moves once."""
    shared.mkdir(parents=True)
    corpus = Corpus.macro(size=112)
    scene = long_videos.tell(corpus, 0, 0, seconds=2.0, events=1)
    person = clips.identity(corpus.seed, 0, 112)
    code = cv2.VideoWriter_fourcc(*"mp4v")  # type: ignore[attr-defined]
    writer = cv2.VideoWriter(str(shared / "film.mp4"), code, scene.fps, (112, 112))
    for frame in long_videos.film(person, scene, corpus.noise):
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()


def read(place: Path, shared: Path) -> None:
    """One attempt at the timeline of the film."""
    settings = Settings(window_ms=300.0, stride_ms=50.0, face="largest")
    predict.run(
        "assets/demo_model", str(shared / "film.mp4"), place / "out", settings, crop="owner"
    )


def other_timelines(place: Path, whole: Path) -> list[str]:
    """The files of a timeline that are not those of another, but for times."""
    names = ("timeline.csv", "windows.jsonl", "settings.json")
    found = [
        n for n in names if (place / "out" / n).read_bytes() != (whole / "out" / n).read_bytes()
    ]
    told = [_without_times(where / "out/timeline.json") for where in (place, whole)]
    return found + ([] if told[0] == told[1] else ["timeline.json"])


@dataclass(frozen=True)
class Work:
    """What is interrupted: what it needs, one attempt at it, and how its results are compared."""

    prepare: Callable[[Path], None]
    attempt: Callable[[Path, Path], None]
    differences: Callable[[Path, Path], list[str]]


WORKS = {
    "train": Work(prepare, train, differences),
    "predict": Work(film, read, other_timelines),
}
