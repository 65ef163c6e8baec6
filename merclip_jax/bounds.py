"""What a protocol gives without any model, from its annotation alone: the command."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from merclip_jax import app

USAGE = """Print what a protocol gives without any model, from its annotation alone.

Example:
  merclip-jax bounds --config=configs/casme2.py:classes=5 \\
      --config.data.manual_dir=/where/CASME2/lies --json=bounds.json

The folder needs the annotation only, no frames (SMIC has no annotation: its folders are read). A
Micro-AU CLIP config gets the F1 of its action units, too, and what its rules reach on true ones."""


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    app.define_config(given, arguments, "a run's config file, or the name of one of ours")
    flags.DEFINE_string("json", "", "also write the bounds to this file", flag_values=given)


def _bounds(given: flags.FlagValues) -> None:
    """Print the bounds of a config's protocol, and write them if asked."""
    from merclip_jax import workdir
    from merclip_jax.data import datasets, own_clips
    from merclip_jax.protocols import selection
    from merclip_jax.scoring import bounds

    config = given.config
    data, has_units = config.data, config.model.system in ("micro_au", "flow_regression_au")
    protocol = own_clips.protocol(data)
    table = datasets.annotations(data.dataset, data.manual_dir, data.data_dir, data.builder_config)
    values = {"protocol": protocol.name, "n_clips": len(selection.select(protocol, table))}
    if protocol.classes or not has_units:
        values |= bounds.of_protocol(protocol, table)
    if has_units:
        values["au"] = bounds.of_units(protocol, table, config)
        if protocol.classes and config.au.emotion == "rules":
            values["au_rules"] = bounds.of_rules(protocol, table, config)
    if given.json:
        workdir.write(Path(given.json), json.dumps(values, indent=2) + "\n")
    sys.stdout.write(bounds.printed(values) + "\n")


COMMAND = app.Command(USAGE, _define, _bounds)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return app.run(COMMAND, argv)


if __name__ == "__main__":
    sys.exit(main())
