"""A camera, recorded before it is read: a model that reads along would lose frames."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
from tqdm import tqdm

from merclip_jax import workdir
from merclip_jax.errors import DataError
from merclip_jax.video import decode

FILM, NOTE = "recording.avi", "recording.json"


def recorded(source: decode.Source, folder: Path, seconds: float) -> decode.Source:
    """Record a camera into a folder; a recording that is there is taken as it is.

    Ctrl-C ends it early. Motion JPEG keeps every frame by itself, without the smoothing over time
    of other codecs. The rate is the one that the frames came at.

    Raises:
      DataError: the camera gave no two frames, or this OpenCV cannot write the film.
    """
    film, note = folder / FILM, folder / NOTE
    if not note.is_file():
        sys.stderr.write(f"recording {source.name} for {seconds:g} s into {film}\n")
        rate = _record(source, film, seconds)
        workdir.write(note, json.dumps({"fps": rate}) + "\n")
    rate = json.loads(note.read_text())["fps"]
    return replace(decode.open_source(film, rate), name=source.name)


def _record(source: decode.Source, film: Path, seconds: float) -> float:
    """Write the film; its mean rate in frames per second."""
    writer, last_ms, count = None, 0.0, 0
    bar = tqdm(total=seconds, desc=source.name, unit="s", disable=None)
    try:
        for frame in decode.frames(source):
            if frame.time_ms > 1000 * seconds:
                break
            if writer is None:
                height, width = frame.image.shape[:2]
                code = cv2.VideoWriter.fourcc(*"MJPG")
                writer = cv2.VideoWriter(str(film), code, source.fps, (width, height))
                if not writer.isOpened():
                    raise DataError(f"{film}: this OpenCV cannot write Motion JPEG")
            writer.write(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
            bar.update((frame.time_ms - last_ms) / 1000)
            last_ms, count = frame.time_ms, count + 1
    except KeyboardInterrupt:
        sys.stderr.write("recording ended\n")
    finally:
        bar.close()
        if writer is not None:
            writer.release()
    if count < 2 or not last_ms:
        raise DataError(
            f"{source.name}: the camera gave {count} frames; is another program using it?"
        )
    return (count - 1) * 1000 / last_ms
