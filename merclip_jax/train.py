"""Train and test every fold of a protocol, then write the report: the command."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from merclip_jax import app
from merclip_jax.errors import ConfigError
from merclip_jax.settings import fields

USAGE = """Train and test every fold of a protocol and write the report; run it again to resume.

Examples:
  merclip-jax train --config=demo --workdir=runs/demo
  merclip-jax train --config=configs/casme2.py:classes=5 --config.recipe.epochs=30 \\
      --config.data.manual_dir=/where/CASME2/lies --config.model.init_from=weights/merclip \\
      --workdir=runs/casme2

The report is workdir/report.html."""


def run(config: Any, directory: str | Path) -> Any:
    """Run a config to its report; `directory` is created, or resumed if it holds the same run.

    Returns:
      The `reports.report.Report`.

    Raises:
      ConfigError: a field that cannot be used, or a workdir that cannot be written.
      DataError: data that cannot be used.
    """
    from merclip_jax import experiment  # heavy, so only once the flags are understood

    return experiment.run(config, directory)


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    app.define_config(given, arguments, "the run's config file, or the name of one of ours: demo")
    flags.DEFINE_string(
        "workdir", None, "the run's folder; the same folder resumes", flag_values=given
    )


def _train(given: flags.FlagValues) -> None:
    if not given.workdir:
        raise ConfigError("--workdir is missing: name the folder of this run")
    sys.stdout.write(run(given.config, given.workdir).table() + "\n")


COMMAND = app.Command(
    USAGE,
    _define,
    _train,
    lambda: f"Fields of the config, with their defaults:\n{fields.described()}",
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command: flags in, the report's table out; returns the exit code."""
    return app.run(COMMAND, argv)


if __name__ == "__main__":
    sys.exit(main())
