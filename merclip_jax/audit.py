"""What a corpus on disk holds, and all that is wrong with it: the command."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from merclip_jax import app

USAGE = """Report what a corpus on disk holds and all that is wrong with it; nothing is built.

Examples:
  merclip-jax audit --dataset=casme2 --manual_dir=/where/CASME2/lies
  merclip-jax audit --dataset=samm --manual_dir=DIR --pixels --html=samm.html

The exit code is 3 if a fault stops a build."""


def _define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    def text(name: str, meaning: str) -> None:
        flags.DEFINE_string(name, "", meaning, flag_values=given)

    text("dataset", f"the corpus: {', '.join(app.corpora())}")
    text("manual_dir", "where the corpus lies as its owner distributes it")
    text("builder_config", "its variant; '' is the first that has frames")
    text("json", "also write the report to this file, as JSON")
    text("html", "also write the report to this file, as a page")
    flags.DEFINE_bool(
        "pixels", False, "also decode every picture, and look for faces", flag_values=given
    )


def _audit(given: flags.FlagValues) -> None:
    """Print the report, write it if asked, and fail if a build would."""
    from merclip_jax import workdir
    from merclip_jax.data import audit, datasets
    from merclip_jax.errors import DataError
    from merclip_jax.reports import audit_page

    corpus = datasets.corpus(given.dataset, given.manual_dir, given.builder_config)
    values = audit.audit(corpus if given.builder_config else audit.as_found(corpus), given.pixels)
    if given.json:
        workdir.write(Path(given.json), json.dumps(values, indent=2) + "\n")
    if given.html:
        workdir.write(Path(given.html), audit_page.html(values))
    sys.stdout.write(audit_page.text(values))
    stopping = sum(fault["stops_build"] for fault in values["faults"])
    if stopping:
        raise DataError(
            f"{given.manual_dir}: {stopping} faults stop a build; they are listed above"
        )


COMMAND = app.Command(USAGE, _define, _audit)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return app.run(COMMAND, argv)


if __name__ == "__main__":
    sys.exit(main())
