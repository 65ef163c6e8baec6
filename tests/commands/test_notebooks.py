"""The notebooks of colab/: run from top to bottom, and what they may hold."""

import ast
import json
import os
import re
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from compiling import ONE_DEVICE
from corpora.casme2 import make_casme2
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from merclip_jax.faces import face

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "colab").glob("*.ipynb"))
ON_COLAB = {"install", "mount"}  # tags of cells for which tests have other means
SMALL = {
    "data.image_size": 32, "data.frames": 8, "recipe.epochs": 1, "recipe.warmup_epochs": 0,
    "recipe.batch_size": 4, "eval.batch_size": 4, "augment.augmix": False,
    "augment.color": False,
}  # fmt: skip


def read(name):
    return nbformat.read(ROOT / "colab" / f"{name}.ipynb", as_version=4)


def tags(cell):
    return set(cell.metadata.get("tags", ()))


def tagged(book, tag):
    (cell,) = [cell for cell in book.cells if tag in tags(cell)]
    return cell


def executed(name, folder, **parameters) -> dict[str, str]:
    """Run a notebook in a folder with other parameters; what each of its cells put out."""
    book = read(name)
    given = tagged(book, "parameters")
    known = {node.targets[0].id for node in ast.parse(given.source).body}
    assert set(parameters) <= known
    values = [f"{name} = {value!r}" for name, value in parameters.items()]
    book.cells.insert(book.cells.index(given) + 1, new_code_cell("\n".join(values)))
    book.cells.append(new_code_cell("import sys\nprint(sys.prefix)", id="interpreter"))
    book.cells = [cell for cell in book.cells if not tags(cell) & ON_COLAB]
    client = NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env=os.environ | ONE_DEVICE)
    printed = {
        cell.id: "".join(
            output.get("text", "") or json.dumps(output.get("data", {}))
            for output in cell.outputs
            if output.get("name") != "stderr"
        )
        for cell in book.cells
        if cell.cell_type == "code"
    }
    assert printed["interpreter"].strip() == sys.prefix
    return printed


def test_action_units_on_drawn_faces(tmp_path, nano_model, data_dir):
    fields = {
        "data.builder_config": "tiny",
        "data.input": "rgb",
        "model.init_from": str(nano_model),
    }
    printed = executed(
        "micro_au", tmp_path, DATA=str(data_dir), WORKDIR="run", FIELDS=SMALL | fields
    )
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert f"UF1{'':19}{report['metrics']['uf1']['value']:.3f}" in printed["train"]
    assert all(f"AU{unit}" in printed["units"] for unit in (1, 12, 25))
    assert "image/png" in printed["unit"] and "image/png" in printed["regions"]
    assert "Synthetic corpus" in printed["report"]


def test_a_corpus_as_its_owner_distributes_it(tmp_path, nano_model):
    make_casme2(tmp_path / "CASME2")
    printed = executed(
        "train_casme2_tpu",
        tmp_path,
        CORPUS="CASME2",
        PROTOCOL="classes=3",
        WEIGHTS=str(nano_model),
        WORKDIR="drive/run",
        FIELDS=SMALL,
    )
    assert "15 clips of 3 subjects" in printed["audit"]
    assert "merclip/casme2/3: 12 clips" in printed["bounds"]
    assert printed["prepare"].endswith('15"}')
    report = json.loads((tmp_path / "drive/run/report.json").read_text())
    assert f"UF1{'':19}{report['metrics']['uf1']['value']:.3f}" in printed["train"]
    assert "casme2/01/EP01_01f" in printed["predictions"]
    assert "&lt;h1&gt;merclip/casme2/3" in printed["report"]


def test_a_video_in_and_a_timeline_out(tmp_path):
    shown = {"SECONDS": 3.0, "EVENTS": 1, "NUMBER": 5}  # a smile of 5 pixels
    model = str(ROOT / "assets" / "demo_model")
    printed = executed("quickstart", tmp_path, MODEL=model, OUTPUT="out", **shown)
    told = json.loads((tmp_path / "out/timeline/timeline.json").read_text())
    assert (told["input"]["fps"], told["input"]["frames"]) == (100, 300)
    assert "onset_ms" in printed["video"] and "image/png" in printed["video"]
    assert printed["predict"].startswith("drawn: 1 events in 3.0 s of video")
    assert "start_ms" in printed["rows"]
    assert "&lt;h1&gt;" in printed["look"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_bare_and_only_calls(path):
    text = path.read_bytes().decode()
    assert "\r" not in text and text.endswith("}\n")
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        assert cell.cell_type == "markdown" or (cell.outputs, cell.execution_count) == ([], None)
        if cell.cell_type == "code":
            assert not re.search(r"^\s*(def|class|async def)\b|\blambda\b", cell.source, re.M)
    assert not re.search(r"/(home|root|Users|tmp|work)/", text)
    assert "no lie detector" in text and "policing" in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_installs_is_what_the_project_has(path):
    book = nbformat.read(path, as_version=4)
    (install,) = {tagged(read(each.stem), "install").source for each in NOTEBOOKS}
    assert tagged(book, "install").source == install
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = re.findall(r'"\.\[(\w+)\]"', install)
    assert extras == ["tpu", "cuda"] and set(extras) <= set(project["optional-dependencies"])
    assert f"{face.PACKAGE}=={face.VERSION}" in install
    assert f"{face.PACKAGE}=={face.VERSION}" in (ROOT / "Makefile").read_text()
