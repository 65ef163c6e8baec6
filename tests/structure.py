"""The rooms of the package and who imports whom, read off the code: `python -m tests.structure`."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("merclip_jax", "tfds_builders", "configs")
FILES = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
COMMANDS = ("train", "evaluate", "predict", "prepare", "audit", "bounds", "convert", "__main__")

# From the ground up: a room imports only from rooms that stand before it.
ROOMS = (
    *("errors", "progress", "settings", "configs", "workdir", "manifest", "templates"),
    *("app", "facs", "faces"),
    "tfds_builders",
    *("protocols", "scoring", "towers", "data", "training", "merclip", "micro_au", "baselines"),
    *("systems", "reports", "video", "timeline", "models", "experiment", "commands"),
)


def dotted(path: Path) -> str:
    """A file as the name it is imported by: 'merclip_jax.towers.clip'."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "merclip_jax" else ("merclip_jax", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path): path for path in FILES}


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, also inside functions."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}: a relative import"
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else node.module for name in names)


def room(module: str) -> str | None:
    """The room of one of our modules; None for foreign ones and for the bare package."""
    parts = module.split(".")
    if parts[0] != "merclip_jax" or len(parts) < 2:
        return None
    if parts[1] in COMMANDS or parts[-1] == "__main__":
        return "commands"
    return parts[1]


def imports_of_rooms() -> dict[str, list[str]]:
    """Each room with the rooms that it imports, both from the ground up."""
    found: dict[str, set[str]] = {name: set() for name in ROOMS}
    for module, path in MODULES.items():
        own = room(module)
        if own is not None:
            found[own] |= {other for name in imports(path) if (other := room(name))} - {own}
    return {name: sorted(found[name], key=ROOMS.index) for name in ROOMS}


def picture() -> str:
    """The rooms as text, the top floor first."""
    width = max(map(len, ROOMS))
    lines = [
        f"{name:{width}}  {' '.join(others) or '-'}" for name, others in imports_of_rooms().items()
    ]
    return "\n".join(reversed(lines))


if __name__ == "__main__":
    sys.stdout.write(picture() + "\n")
