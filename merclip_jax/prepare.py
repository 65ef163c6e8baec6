"""Prepare a corpus for training: the command."""

import logging
import sys
from collections.abc import Sequence

from absl import flags

from merclip_jax import app

USAGE = """Prepare a corpus for training; a prepared one is left as it is.

Example:
  merclip-jax prepare --dataset=casme2 --manual_dir=/corpora/CASME2 --data_dir=data

The folder holds the corpus as its owner distributes it; docs/datasets.md says how, for each."""


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    def text(name: str, default: str, meaning: str) -> None:
        flags.DEFINE_string(name, default, meaning, flag_values=given)

    text("dataset", "", f"the corpus: {', '.join(app.corpora())}")
    text("manual_dir", "", "where the corpus lies as its owner distributes it")
    text("data_dir", "data", "where prepared datasets are kept")
    text("builder_config", "", "the builder's variant; '' is its first")


def _prepare(given: flags.FlagValues) -> None:
    """Prepare, then say where the dataset lies."""
    from merclip_jax.data import datasets
    from merclip_jax.tfds_builders.corpus import Corpus

    remarks, terminal = logging.getLogger(Corpus.__module__), logging.StreamHandler()
    remarks.addHandler(terminal)
    remarks.setLevel(logging.INFO)
    remarks.propagate = False  # absl would print it again, with time and place
    builder = datasets.prepare(
        given.dataset, given.manual_dir, given.data_dir, given.builder_config
    )
    clips = builder.info.splits["train"].num_examples
    sys.stdout.write(f"{given.dataset}: {clips} clips in {builder.data_dir}\n")


COMMAND = app.Command(USAGE, _define, _prepare)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return app.run(COMMAND, argv)


if __name__ == "__main__":
    sys.exit(main())
