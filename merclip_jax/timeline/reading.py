"""Videos to timelines: every input read, its events found, and its files written."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from merclip_jax import workdir
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.folders import shown
from merclip_jax.timeline import findings, folders, overlay, page, playable, timeline
from merclip_jax.timeline.timeline import NO_FACE, Timeline
from merclip_jax.towers import files
from merclip_jax.video import camera, decode
from merclip_jax.video.gaps import NO_FRAMES
from merclip_jax.video.inference import Settings, Stopwatch, record
from merclip_jax.video.journal import Journal
from merclip_jax.video.predictor import Predictor
from merclip_jax.video.sources import lists

MISSING = 5  # gaps that the terminal lists; the tables have all


def run(
    model: str,
    given: str,
    output: str | Path,
    settings: Settings,
    *,
    fps: float = 0.0,
    crop: str = "auto",
    batch_size: int = 8,
    seconds: float = 20.0,
    with_overlay: bool = False,
) -> list[Timeline]:
    """Read every input and write what was found; what the command calls.

    Args:
      model: a model's folder, or an id of the Hugging Face hub.
      given: a video, a folder of pictures, a list of such, or the number of a camera.
      output: of one input the folder of its files; of several, of a folder for each and an index.
      settings: how videos are cut into windows.
      fps: frames per second, for folders of pictures, or in place of what a file says.
      crop: 'auto' as the model was trained, or one of `crops.WAYS`.
      batch_size: windows that the model reads at once.
      seconds: how long a camera is recorded.
      with_overlay: also write overlay.mp4.

    Raises:
      ConfigError: an argument that cannot be used, or an output folder of another configuration.
      DataError: inputs that cannot be read; of several the others are done first.
    """
    output = Path(output)
    directory = files.locate(model)
    sources = lists.sources(given, fps)
    reader = Predictor(directory, batch_size, crop)
    done, summaries, faults = [], [], []
    with folders.held(output):
        for source in sources:
            folder = output / source.name if len(sources) > 1 else output
            try:
                if isinstance(source.path, int):
                    source = camera.recorded(source, folders.made(folder), seconds)
                done.append(_one(directory, reader, source, folder, settings, with_overlay))
                summaries.append(_in_short(done[-1]))
                sys.stdout.write(summary(done[-1], folder) + "\n")
            except DataError as error:
                if len(sources) == 1:
                    raise
                faults.append(f"{source.name}: {error}")
                summaries.append({"name": source.name, "fault": str(error)})
        if len(sources) > 1:
            workdir.write(output / "index.html", page.render_index(summaries))
            workdir.write(output / "index.json", json.dumps(summaries, indent=2) + "\n")
    if faults:
        raise DataError(f"{len(faults)} of {len(sources)} inputs could not be read", faults)
    return done


def _one(
    directory: Path,
    reader: Predictor,
    source: decode.Source,
    folder: Path,
    settings: Settings,
    with_overlay: bool,
) -> Timeline:
    """One video: its rows, then its events, then its files."""
    identity = folders.opened(folder, folders.identity(directory, reader, source, settings))
    watch, journal = Stopwatch(), Journal(folder / folders.ROWS, identity)
    resumed = bool(journal.rows)
    record(source, reader, settings, journal, watch)
    assert journal.end is not None  # `record` has closed it
    events = findings.find(journal.rows, settings.face)
    with watch.on("explain"):
        events = findings.look_again(events, source, reader)
    with watch.on("film"):
        video = playable.address(source, folder)
    whole = Timeline(
        source=source,
        end=journal.end,
        model=shown(directory.name),
        info=reader.info,
        settings=settings,
        rows=journal.rows,
        findings=events,
        seconds={} if resumed else dict(watch.seconds),
    )
    timeline.write(whole, folder)
    workdir.write(folder / "timeline.html", page.render(whole, video))
    if with_overlay:
        overlay.write(source, journal.rows, events, reader.info, folder / "overlay.mp4")
    return whole


def _in_short(result: Timeline) -> dict[str, Any]:
    """One line of the index."""
    names = Counter(
        timeline.leading(one.row.probabilities, result.info.classes) for one in result.findings
    )
    return {
        "name": result.source.name,
        "fault": "",
        "duration_ms": result.end.duration_ms,
        "fps": result.source.fps,
        "events": len(result.findings) if result.is_read else None,
        "emotions": ", ".join(f"{name} {count}" for name, count in names.most_common() if name),
    }


def summary(result: Timeline, folder: Path) -> str:
    """What the terminal says of one video."""
    length = result.end.duration_ms / 1000
    outcome = f"{len(result.findings)} events" if result.is_read else NO_FACE
    lines = [f"{result.source.name}: {outcome} in {length:.1f} s of video"]
    for one in result.findings:
        event = one.event
        name = timeline.leading(one.row.probabilities, result.info.classes)
        span = f"{event.onset_ms / 1000:.2f} to {event.offset_ms / 1000:.2f} s"
        lines.append(f"  {span}  {shown(name)}  score {event.score:.2f}")
    for start, end in result.end.gaps[:MISSING]:
        lines.append(f"  {start / 1000:.2f} to {end / 1000:.2f} s  {NO_FRAMES}")
    if len(result.end.gaps) > MISSING:
        lines.append(f"  {NO_FRAMES} in {len(result.end.gaps) - MISSING} more places")
    lines += [f"  note: {notice}" for notice in result.notices]
    if result.seconds:
        lines.append(f"  {_speed(length, result.seconds)}")
    lines.append(f"  {shown(folder / 'timeline.html')}")
    return "\n".join(lines)


def _speed(length: float, seconds: dict[str, float]) -> str:
    """How fast a video of `length` seconds was read, as multiples of real time per stage."""
    reading = {stage: seconds.get(stage, 0.0) for stage in ("decode", "windows", "model")}
    stages = [f"{stage} {length / spent:.1f}" for stage, spent in reading.items() if spent > 1e-3]
    once = [
        f"{stage} {seconds[stage]:.1f} s" for stage in ("compile", "explain") if stage in seconds
    ]
    return (
        f"read at {length / sum(reading.values()):.2f} times real time ({', '.join(stages)}); "
        f"{', '.join(once)}"
    )
