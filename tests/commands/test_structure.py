"""The shape of the code: who may import whom, and how long a file may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("merclip_jax", "tfds_builders", "configs")
FILES = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]

# A module imports only from before itself: leaves, data, model, training, reporting, commands.
ORDER = (
    "errors", "app", "workdir", "facs_text", "facs", "au", "au.regions", "protocol_table",
    "protocols", "cross_validation", "metrics", "guessers", "au.labels", "au.metrics",
    "au.guessers", "au.emotion_rules", "au.emotion_text", "face", "crops", "tfds_builders",
    "prepare", "bounds", "audit_pages", "audit", "clips", "sampling", "augmix", "augment",
    "text", "losses", "au.losses", "models.config", "models.card", "models.leaves",
    "models.torch_keys", "models.files", "models.foreign", "models.layers", "models.attention",
    "models.clip", "models.conv", "models.video", "models.merclip", "models", "models.weights",
    "models.micro_au", "models.start", "optim", "au.sides", "au.abstention", "au.attention",
    "batch", "results", "au.scores", "explain", "recognition", "detection", "step", "parallel",
    "checkpoints", "contamination", "members", "outcome", "loop", "figures", "au.maps",
    "au.examples", "au.pictures", "pages", "report", "comparison", "strips", "train",
    "evaluate", "convert", "video", "video.motion", "video.spotting", "video.spotting_scores",
    "video.pictures", "video.read", "video.tracks", "video.quality", "video.windows",
    "video.journal", "video.about", "video.reader", "video.recording", "video.cells",
    "video.maps", "video.heat", "video.findings", "video.timeline", "video.curves",
    "video.page", "video.overlay", "video.camera", "predict",
)  # fmt: skip
FORBIDDEN = {"torch", "torchvision", "tensorflow", "clu", "mmengine", "mmcv"}


def dotted(path: Path) -> str:
    """A file as the name it is imported by: 'merclip_jax.models.clip'."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path) for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}: a relative import"
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else node.module for name in names)


def place(module: str) -> int | None:
    """Where a module of ours stands in ORDER; None for foreign ones and for bare packages."""
    if module.split(".")[0] == "tfds_builders":
        return ORDER.index("tfds_builders")
    if not module.startswith("merclip_jax."):
        return None
    name = module.removeprefix("merclip_jax.")
    assert name in ORDER, f"{module} has no place in ORDER of {Path(__file__).name}: give it one"
    return ORDER.index(name)


def test_order_names_what_there_is():
    ours = {
        name.removeprefix("merclip_jax.") for name in MODULES if name.startswith("merclip_jax.")
    }
    assert ours == set(ORDER) - {"tfds_builders"}


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_a_module_imports_only_from_above_itself(path):
    own = place(dotted(path))
    for name in imports(path):
        theirs = place(name)
        if own is None:  # configs, and the package's own __init__
            assert theirs is None, f"{dotted(path)} imports {name}"
        elif theirs is not None and not name.startswith("tfds_builders"):
            assert theirs < own, f"{dotted(path)} imports {name}, which comes after it"


def test_only_prepare_imports_the_builders():
    importers = {
        dotted(path)
        for path in FILES
        if not dotted(path).startswith("tfds_builders")
        and any(name.startswith("tfds_builders") for name in imports(path))
    }
    assert importers == {"merclip_jax.prepare", "merclip_jax.audit"}  # audit: what faults are


def test_only_checkpoints_imports_orbax():
    importers = {
        dotted(path)
        for path in FILES
        if any(name.split(".")[0] == "orbax" for name in imports(path))
    }
    assert importers == {"merclip_jax.checkpoints"}


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_foreign_frameworks_are_never_imported(path):
    found = FORBIDDEN & {name.split(".")[0] for name in imports(path)}
    if dotted(path) == "merclip_jax.models.files":  # reads .pth files, where torch is at hand
        top = {name for node in ast.parse(path.read_text()).body for name in _names(node)}
        assert "torch" not in top
        found -= {"torch"}
    assert not found


def _names(node: ast.stmt) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_a_file_is_short_and_its_name_says_what_it_holds(path):
    assert len(path.read_text().splitlines()) <= 300
    assert path.stem not in {"util", "utils", "helper", "helpers", "manager", "common", "misc"}
    assert path.stem != "base" or path.parent.name == "configs"
