"""A camera, recorded before it is read: a model that reads along would lose frames."""

import sys
from dataclasses import replace
from pathlib import Path

from merclip_jax import progress
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.folders import shown
from merclip_jax.video import decode, writing

FILM = "recording.mkv"


def recorded(source: decode.Source, folder: Path, seconds: float) -> decode.Source:
    """Record a camera into a folder; a recording that is there is taken as it is.

    Ctrl-C ends it early. Frames keep the times at which they came.

    Raises:
      DataError: the camera gave no two frames, or the film cannot be written.
    """
    film = folder / FILM
    if not film.is_file():
        sys.stderr.write(f"recording {source.name} for {seconds:g} s into {shown(film)}\n")
        _record(source, film, seconds)
    return replace(decode.open_source(film), name=source.name)


def _record(source: decode.Source, film: Path, seconds: float) -> None:
    count, last_ms = 0, 0.0
    with (
        writing.film(film, writing.FRAME_BY_FRAME, source.fps) as put,
        progress.bar(None, source.name, "s", seconds) as bar,
    ):
        try:
            for frame in decode.frames(source):
                if frame.time_ms > 1000 * seconds:
                    break
                put(frame.image, frame.time_ms)
                bar.update((frame.time_ms - last_ms) / 1000)
                count, last_ms = count + 1, frame.time_ms
        except KeyboardInterrupt:
            sys.stderr.write("recording ended\n")
        if count < 2:
            raise DataError(
                f"{source.name}: the camera gave {count} frames; is another program using it?"
            )
