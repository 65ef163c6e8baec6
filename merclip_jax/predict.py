"""Read the faces of videos: emotions or action units over time, events, and a page: the command."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from merclip_jax import app
from merclip_jax.errors import ConfigError
from merclip_jax.settings import fields

USAGE = """Read the faces of a video and write timeline.csv, timeline.json and timeline.html.

Examples:
  merclip-jax predict --model=assets/demo_model --input=video.mp4 --output=out
  merclip-jax predict --model=MODEL --input=frames/ --fps=200 --output=out
  merclip-jax predict --model=MODEL --input=clips.csv --output=out --face=all --overlay
  merclip-jax predict --model=MODEL --input=0 --seconds=20 --output=out

The input is a video file, a folder of numbered pictures (with --fps), a list of inputs (.txt with a
path per line, .csv with a column 'path') or the number of a camera. Run it again with the same
--output to go on where it stopped.

Micro-expression recognition is no lie detector: not for hiring, policing or decisions on people."""


def run(model: str, given: str, output: str | Path, settings: Any, **options: Any) -> Any:
    """Read every input and write what was found: see `timeline.reading.run`."""
    from merclip_jax.timeline import reading  # heavy, so only once the flags are understood

    return reading.run(model, given, output, settings, **options)


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    def define(kind: Any, *values: Any, **limits: Any) -> None:
        kind(*values, flag_values=given, **limits)

    text, number, choice = flags.DEFINE_string, flags.DEFINE_float, flags.DEFINE_enum
    crops = ["auto", *fields.choices("data.crop")]
    define(text, "model", "", "a model's folder, or an id of the Hugging Face hub")
    define(text, "input", "", "a video, a folder of pictures, a list, or a camera's number")
    define(text, "output", "", "where the timeline is written; the same folder resumes")
    define(number, "fps", 0.0, "frames per second; 0 takes what a file says", lower_bound=0.0)
    define(number, "window_ms", 300.0, "length of a window in milliseconds", lower_bound=1.0)
    define(number, "stride_ms", 50.0, "from one window to the next", lower_bound=1.0)
    define(choice, "face", "largest", ["largest", "all"], "whose windows to read")
    define(choice, "crop", "auto", crops, "auto: as the model was trained")
    define(flags.DEFINE_bool, "overlay", False, "also write overlay.mp4")
    define(flags.DEFINE_integer, "batch_size", 8, "windows read at once", lower_bound=1)
    define(number, "seconds", 20.0, "how long a camera is recorded", lower_bound=0.1)


def _predict(given: flags.FlagValues) -> None:
    for name in ("model", "input", "output"):
        if not given[name].value:
            raise ConfigError(f"--{name} is missing; --help shows examples")
    from merclip_jax.video.inference import Settings

    run(
        given.model,
        given.input,
        given.output,
        Settings(given.window_ms, given.stride_ms, given.face),
        fps=given.fps,
        crop=given.crop,
        batch_size=given.batch_size,
        seconds=given.seconds,
        with_overlay=given.overlay,
    )


COMMAND = app.Command(USAGE, _define, _predict)


def main(argv: Sequence[str] | None = None) -> int:
    """The command: flags in, files and a summary out; returns the exit code."""
    return app.run(COMMAND, argv)


if __name__ == "__main__":
    sys.exit(main())
