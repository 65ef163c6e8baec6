"""The notebooks of colab/: run from top to bottom, and what they may hold."""

import ast
import json
import os
import re
import shutil
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import nbformat
import pytest
from compiling import ONE_DEVICE
from corpora.casme2 import make_casme2
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from merclip_jax.errors import ConfigError
from merclip_jax.faces import face
from merclip_jax.towers import files

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "colab").glob("*.ipynb"))
README = (ROOT / "README.md").read_text()
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
OFFLINE = {  # pip takes what is at hand; a build without isolation is asked for by a 0
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "0",
}
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


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A runtime that has our dependencies, and not us: its folder, and its kernel by name."""
    folder = tmp_path / "runtime"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    dependencies = sysconfig.get_paths()["purelib"]
    (folder / "lib" / version / "site-packages" / "others.pth").write_text(f"{dependencies}\n")
    kernel = folder / "share" / "kernels" / "fresh" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    start = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": start, "display_name": "fresh", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "share"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)
    return folder


def executed(name, folder, runtime=None, **parameters) -> dict[str, str]:
    """Run a notebook in a folder with other parameters; what each of its cells put out.

    Without a fresh runtime it does not install.
    """
    book = read(name)
    given = tagged(book, "parameters")
    known = {node.targets[0].id for node in ast.parse(given.source).body}
    assert set(parameters) <= known
    values = [f"{name} = {value!r}" for name, value in parameters.items()]
    book.cells.insert(book.cells.index(given) + 1, new_code_cell("\n".join(values)))
    book.cells.append(new_code_cell("import sys\nprint(sys.prefix)", id="interpreter"))
    if not runtime:
        book.cells.remove(tagged(book, "install"))
    printed = ran(book, folder, runtime)
    assert printed["interpreter"].strip() == str(runtime or sys.prefix)
    return printed


def ran(book, folder, runtime) -> dict[str, str]:
    """What each cell of a notebook puts out."""
    client = NotebookClient(
        book,
        timeout=300,
        kernel_name="fresh" if runtime else "python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=os.environ | ONE_DEVICE)
    return {
        cell.id: "".join(
            output.get("text", "") or json.dumps(output.get("data", {}))
            for output in cell.outputs
            if output.get("name") != "stderr"
        )
        for cell in book.cells
        if cell.cell_type == "code"
    }


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


def test_a_stranger_clones_installs_and_reads_a_video(tmp_path, fresh):
    shown = {"SECONDS": 3.0, "EVENTS": 1, "NUMBER": 5}  # a smile of 5 pixels
    given = {"REPOSITORY": ROOT.as_uri(), "CLIP": str(ROOT / "tests/goldens/clip_tiny")}
    printed = executed("quickstart", tmp_path, fresh, OUTPUT="a folder", **shown, **given)
    output = tmp_path / "merclip" / "a folder"
    told = json.loads((output / "timeline/timeline.json").read_text())
    assert (told["input"]["fps"], told["input"]["frames"]) == (100, 300)
    assert "onset_ms" in printed["video"] and "image/png" in printed["video"]
    assert printed["predict"].startswith("drawn: 1 events in 3.0 s of video")
    assert "start_ms" in printed["rows"]
    assert "&lt;h1&gt;" in printed["look"]
    assert "drawn: 1 events in 3.0 s of video" in printed["own"]
    assert (output / "own/timeline.csv").read_text() == (
        output / "timeline/timeline.csv"
    ).read_text()
    assert "blocks, pictures of 32 pixels, all in place" in printed["clip"]


def test_a_zip_file_does_where_nothing_can_be_cloned(tmp_path, fresh):
    fetch, _ = tagged(read("quickstart"), "install").source.split("\ntpu =")
    copy = tmp_path / "upload" / "merclip_jax-main"
    copy.mkdir(parents=True)
    (copy / "pyproject.toml").write_text("")
    archive = shutil.make_archive(str(tmp_path / "mine"), "zip", tmp_path / "upload")
    for given, folder in ((archive, tmp_path), ("", tmp_path / "upload")):
        first = f"REPOSITORY, ARCHIVE = 'nowhere', {given!r}\n"
        book = new_notebook(cells=[new_code_cell(first + fetch, id="fetch")])
        if given:
            assert ran(book, folder, fresh)["fetch"].strip().endswith("merclip/merclip_jax-main")
        else:
            with pytest.raises(CellExecutionError, match="nowhere gave no copy .* Put the address"):
                ran(book, folder, fresh)


def test_without_a_network_the_start_from_clip_is_skipped(monkeypatch, capsys):
    (cell,) = [cell for cell in read("quickstart").cells if cell.id == "clip"]

    def fails(name):
        raise ConfigError(f"{name}: it cannot be fetched")

    monkeypatch.setattr(files, "locate", fails)
    exec(cell.source, {"CLIP": "openai/clip-vit-base-patch16"})
    said = capsys.readouterr().out
    assert said == "Skipped: openai/clip-vit-base-patch16: it cannot be fetched\n"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_address_is_one(path):
    book = read(path.stem)
    first = next(cell for cell in book.cells if cell.cell_type == "code")
    (address,) = re.findall(r'^REPOSITORY = "(\S+)"', first.source, re.M)
    assert f"git clone {address} " in README
    opens = address.replace("https://github.com", "https://colab.research.google.com/github")
    badge = f"({BADGE})]({opens}/blob/main/colab/{path.name})"
    assert badge in book.cells[0].source and badge in README


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
    assert '--constraint requirements.lock "{package}"' in install
    assert f"{face.PACKAGE}=={face.VERSION}" in (ROOT / "Makefile").read_text()
