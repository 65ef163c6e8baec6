"""The wheel as a stranger installs it: one package, and its commands from any folder."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import merclip_jax
from merclip_jax.__main__ import COMMANDS

ROOT = Path(__file__).parents[2]
BROUGHT = (
    "configs/demo.py",
    "configs/baselines/ststnet.py",
    "tfds_builders/casme2/corrections.csv",
    "facs/emotion_rules.yaml",
    "reports/templates/report.html",
    "assets/demo_model/model.safetensors",
)
HEAVY = ("jax", "flax", "pandas", "cv2", "tensorflow_datasets", "sklearn", "matplotlib")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bin_folder(wheel, tmp_path_factory):
    """The scripts of an environment that holds the wheel; its dependencies are those at hand."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    dependencies = sysconfig.get_paths()["purelib"]
    (folder / "lib" / version / "site-packages" / "others.pth").write_text(f"{dependencies}\n")
    return folder / "bin"


def run(command, folder):
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True)


def test_it_installs_one_package_and_its_commands(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    assert {name.split("/")[0] for name in names} == {
        "merclip_jax",
        f"merclip_jax-{merclip_jax.__version__}.dist-info",
    }
    for brought in BROUGHT:
        assert f"merclip_jax/{brought}" in names


def test_help_lists_the_commands_without_loading_what_is_heavy(bin_folder, tmp_path):
    shown = run([bin_folder / "merclip-jax", "--help"], tmp_path)
    assert shown.returncode == 0
    assert all(f"  {name} " in shown.stdout for name in COMMANDS)
    code = (
        "import sys; from merclip_jax import __main__ as m; "
        "[m.main([name, '--help']) for name in m.COMMANDS]; "
        f"sys.stderr.write(repr([name for name in {HEAVY} if name in sys.modules]))"
    )
    shown = run([bin_folder / "python", "-c", code], tmp_path)
    assert shown.stderr == "[]"
    assert shown.stdout.count("Example") == len(COMMANDS)


def test_the_wheel_is_what_runs(bin_folder, tmp_path):
    code = "import merclip_jax; print(merclip_jax.__file__, merclip_jax.__version__)"
    place, version = run([bin_folder / "python", "-c", code], tmp_path).stdout.split()
    assert Path(place).is_relative_to(bin_folder.parent)
    assert version == merclip_jax.__version__


def test_the_demo_runs_by_its_name_in_any_folder(bin_folder, tmp_path):
    small = ("data.builder_config=tiny", "recipe.epochs=1", "recipe.warmup_epochs=0",
             "folds.scheme=hold_out", "parallel.devices=1")  # fmt: skip
    flags = ["--config=demo", "--workdir=run", *(f"--config.{field}" for field in small)]
    done = run([bin_folder / "merclip-jax", "train", *flags], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Report: run/report.html" in done.stdout
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["protocol"]["name"] == "synthetic/3"


@pytest.mark.parametrize("given", [["nope"], ["train", "--nope"]])
def test_a_wrong_command_or_flag_is_a_bad_argument(bin_folder, tmp_path, given):
    done = run([bin_folder / "merclip-jax", *given], tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
