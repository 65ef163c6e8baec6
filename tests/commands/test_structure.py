"""The shape of the code: who may import whom, and how long files and functions may be."""

import ast
from collections import Counter

import numpy as np
import pytest
from structure import FILES, MODULES, ROOMS, ROOT, dotted, imports, imports_of_rooms, picture, room

FORBIDDEN = {"torch", "torchvision", "tensorflow", "clu", "mmengine", "mmcv"}
SYSTEMS = {"merclip", "micro_au", "baselines"}
LONGEST_FILE, MOST_FILES, LONG_FUNCTION = 300, 16, 25


def test_every_module_has_a_room():
    rooms = {room(module) for module in MODULES} - {None}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_from_below(name):
    assert all(ROOMS.index(other) < ROOMS.index(name) for other in imports_of_rooms()[name])


def test_training_and_what_reports_read_know_no_system():
    for name in ("training", "reports", "scoring", "data"):
        assert not SYSTEMS & set(imports_of_rooms()[name])


def test_no_circle_of_modules():
    waiting = {
        name: {other for other in imports(path) if other in MODULES and other != name}
        for name, path in MODULES.items()
    }
    while free := {name for name, others in waiting.items() if not others & waiting.keys()}:
        waiting = {name: others for name, others in waiting.items() if name not in free}
    assert not waiting, f"these import each other: {', '.join(sorted(waiting))}"


def test_the_design_shows_this_picture():
    assert f"```\n{picture()}\n```" in (ROOT / "docs" / "design.md").read_text(), (
        "docs/design.md: put the output of python -m tests.structure there"
    )


def test_a_system_is_named_in_systems_alone():
    """Who imports a system's task or start: systems.py and the systems themselves."""
    for name, path in MODULES.items():
        if room(name) not in {"systems", *SYSTEMS}:
            tasks = {f"merclip_jax.{system}.task" for system in SYSTEMS}
            assert not tasks & set(imports(path)), name


def test_only_data_and_the_audit_import_the_builders():
    """All may ask what the files of a folder are."""
    importers = {
        name
        for name, path in MODULES.items()
        if room(name) != "tfds_builders"
        and any(
            room(other) == "tfds_builders" and other != "merclip_jax.tfds_builders.folders"
            for other in imports(path)
        )
    }
    assert importers == {
        *("merclip_jax.data.datasets", "merclip_jax.data.prepared", "merclip_jax.data.audit"),
        *("merclip_jax.prepare",),  # what the reader remarks is printed
    }


def test_orbax_keeps_checkpoints_and_the_barrier_of_processes():
    importers = {name for name, path in MODULES.items() if "orbax" in _foreign(path)}
    assert importers == {"merclip_jax.training.checkpoints", "merclip_jax.training.processes"}


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_foreign_frameworks_are_never_imported(path):
    assert not FORBIDDEN & _foreign(path)


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_what_takes_seconds_is_imported_where_it_is_needed(path):
    top = {name for node in ast.parse(path.read_text()).body for name in _names(node)}
    assert not top & {"transformers", "huggingface_hub"}


@pytest.mark.parametrize("path", FILES, ids=dotted)
def test_a_file_is_short_and_its_name_says_what_it_holds(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    assert path.stem not in {"util", "utils", "helper", "helpers", "manager", "common", "misc"}
    assert path.stem != "base" or path.parent.name == "configs"


def test_folders_are_small():
    others = [path for name in ("benchmarks", "tests") for path in (ROOT / name).rglob("*.py")]
    counts = Counter(path.parent for path in (*FILES, *others))
    assert not [(str(folder), n) for folder, n in counts.items() if n > MOST_FILES]


def test_functions_fit_a_screen():
    lengths = [
        node.end_lineno - node.lineno + 1
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    assert np.percentile(lengths, 90) <= LONG_FUNCTION


def _foreign(path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "").split(".")[0]]
    return (
        [alias.name.split(".")[0] for alias in node.names] if isinstance(node, ast.Import) else []
    )
