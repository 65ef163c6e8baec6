"""However the work is spread over folds, devices and processes, the predictions are the same."""

import os
import shutil
import socket
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from compiling import ONE_DEVICE

from merclip_jax import train, workdir
from merclip_jax.reports import results


def predictions(directory) -> pd.DataFrame:
    return workdir.read_table(directory / "predictions.csv")


@pytest.mark.parametrize("at_once", [2, 4])
def test_folds_trained_together_predict_as_one_after_another(
    whole_run, tiny_config, tmp_path, at_once
):
    # vmap sums in another order than the single fold does; six AdamW steps carry float32's 1e-7
    # to about 1e-5 of a probability. Five folds also leave a short last group.
    with tiny_config.unlocked():
        tiny_config.folds.parallel = at_once
    train.run(tiny_config, tmp_path / "together")
    together, alone = predictions(tmp_path / "together"), predictions(whole_run)
    assert list(together["clip_id"]) == list(alone["clip_id"])
    np.testing.assert_allclose(together.filter(regex="^p_"), alone.filter(regex="^p_"), atol=1e-4)


@pytest.fixture(scope="module")
def of_eight(tmp_path_factory):
    """The workdir of a run on eight devices, filled by the first test that asks."""
    return tmp_path_factory.mktemp("eight") / "run"


@pytest.mark.parametrize(("form", "folds"), [("jit", 1), ("pmap", 1), ("jit", 4)])
def test_eight_devices_predict_as_one(whole_run, tiny_config, of_eight, tmp_path, form, folds):
    run = of_eight if folds == 4 else tmp_path / form
    with tiny_config.unlocked():
        tiny_config.parallel.devices = 8
        tiny_config.parallel.form = form
        tiny_config.folds.parallel = folds
    train.run(tiny_config, run)
    np.testing.assert_allclose(
        predictions(run).filter(regex="^p_"),
        predictions(whole_run).filter(regex="^p_"),
        atol=1e-4,  # as above: sums in another order
    )


@pytest.mark.parametrize(("devices", "folds"), [(2, 2), (1, 1)])
def test_a_run_goes_on_with_fewer_devices(
    whole_run, tiny_config, of_eight, tmp_path, devices, folds
):
    with tiny_config.unlocked():
        tiny_config.parallel.devices = 8
        tiny_config.folds.parallel = 4
    train.run(tiny_config, of_eight)  # at once, if it is done
    run = shutil.copytree(of_eight, tmp_path / "run")
    for fold in ("s01", "s02", "s03"):  # as if killed in their second epoch
        (run / f"folds/{fold}/manifest-seed0.json").unlink()
        shutil.rmtree(run / f"folds/{fold}/checkpoints/seed0/4")
    with tiny_config.unlocked():
        tiny_config.parallel.devices = devices
        tiny_config.folds.parallel = folds
    train.run(tiny_config, run)
    np.testing.assert_allclose(
        predictions(run).filter(regex="^p_"),
        predictions(whole_run).filter(regex="^p_"),
        atol=1e-4,  # as above: sums in another order
    )
    assert not [notice for notice in results.read(run).run["notices"] if "anew" in notice]


@pytest.mark.parametrize("folds", [1, 2])
def test_two_processes_predict_as_one(whole_run, tiny_config, tmp_path, flags_of, folds):
    """With one fold each process has half of every batch; with two, a fold."""
    with tiny_config.unlocked():
        tiny_config.folds.parallel = folds
        tiny_config.parallel.devices = 0
        tiny_config.parallel.processes = 2
        with socket.socket() as free:
            free.bind(("localhost", 0))
            tiny_config.parallel.coordinator = f"localhost:{free.getsockname()[1]}"
    running = []
    for number in range(2):
        with tiny_config.unlocked():
            tiny_config.parallel.process = number
        command = [sys.executable, "-m", "merclip_jax.train", f"--workdir={tmp_path / 'run'}"]
        running.append(
            subprocess.Popen(
                command + flags_of(tiny_config),
                env=os.environ | ONE_DEVICE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    for process in running:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
    np.testing.assert_allclose(
        predictions(tmp_path / "run").filter(regex="^p_"),
        predictions(whole_run).filter(regex="^p_"),
        atol=1e-4,  # as above: sums in another order
    )
    saved = [
        {path.name for path in (run / "folds/s00/checkpoints/seed0").iterdir()}
        for run in (tmp_path / "run", whole_run)
    ]
    assert saved[0] == saved[1]


@pytest.mark.parametrize("placement", ["device", "host"])
def test_where_the_clips_lie_changes_nothing(whole_run, tiny_config, tmp_path, placement):
    with tiny_config.unlocked():
        tiny_config.data.placement = placement
    train.run(tiny_config, tmp_path / "placed")
    np.testing.assert_allclose(
        predictions(tmp_path / "placed").filter(regex="^p_"),
        predictions(whole_run).filter(regex="^p_"),
        atol=1e-6,
    )
