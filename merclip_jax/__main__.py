"""All commands under one name: `merclip-jax COMMAND`, or `python -m merclip_jax COMMAND`."""

import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "train": "train and test every fold of a protocol, and write the report",
    "evaluate": "rebuild a run's report; compare runs on the same clips",
    "predict": "read the faces of a video: emotions or action units over time",
    "prepare": "prepare a corpus for training",
    "audit": "what a corpus on disk holds, and all that is wrong with it",
    "bounds": "what a protocol gives without any model",
    "protocols": "every protocol: which corpora, which classes, how many clips",
    "convert": "weights of CLIP, ViCLIP, UniFormerV2 or the MER-CLIP release",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of COMMANDS with the rest of the arguments; returns the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or given[0] in ("-h", "-help", "--help"):
        sys.stdout.write(_help())
        return 0
    if given[0] not in COMMANDS:
        sys.stderr.write(f"error: no command {given[0]!r}\n\n{_help()}")
        return 2
    name = "protocols.__main__" if given[0] == "protocols" else given[0]
    return importlib.import_module(f"merclip_jax.{name}").main(given[1:])


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = "".join(f"  {name:{width}}  {meaning}\n" for name, meaning in COMMANDS.items())
    return (
        "Micro-expression recognition with CLIP in JAX.\n\nUsage: merclip-jax COMMAND [--flags]\n\n"
        f"{lines}\nmerclip-jax COMMAND --help tells more, with an example.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
