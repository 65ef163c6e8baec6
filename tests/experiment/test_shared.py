"""Several processes share the folds of one run, and survive each other."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from compiling import ONE_DEVICE

from merclip_jax import train, workdir
from merclip_jax.errors import ConfigError
from merclip_jax.reports import results


@pytest.fixture
def shared_config(tiny_config):
    with tiny_config.unlocked():
        tiny_config.parallel.share_folds = True
    return tiny_config


def worker(config, run, flags_of) -> subprocess.Popen:
    command = [sys.executable, "-m", "merclip_jax.train", f"--workdir={run}", *flags_of(config)]
    return subprocess.Popen(
        command,
        env=os.environ | ONE_DEVICE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def probabilities(run):
    return workdir.read_table(run / "predictions.csv").filter(regex="^p_")


def wait_for(pattern, run):
    for _ in range(1200):
        if found := sorted(run.glob(pattern)):
            return found
        time.sleep(0.1)
    raise AssertionError(f"no {pattern}")


def test_a_worker_is_killed_and_the_others_finish_the_run(
    whole_run, shared_config, tmp_path, flags_of
):
    run = tmp_path / "run"
    killed = worker(shared_config, run, flags_of)
    wait_for("folds/*/checkpoints/seed0/[0-9]*", run)  # it is in the middle of its first fold
    others = [worker(shared_config, run, flags_of) for _ in range(2)]
    wait_for("folds/*/manifest-seed0.json", run)
    killed.send_signal(signal.SIGKILL)
    for process in others:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
    killed.communicate()
    np.testing.assert_allclose(
        probabilities(run), probabilities(whole_run), atol=1e-4
    )  # another number of devices: sums in another order
    results.read(run)
    assert not list(run.rglob(".lock"))
    # Who comes when all is done reads the report that is there.
    written = (run / "report.json").stat().st_mtime_ns
    assert train.run(shared_config, run).metrics
    assert (run / "report.json").stat().st_mtime_ns == written


def test_a_fold_that_others_train_is_refused_where_folds_are_not_shared(tiny_config, tmp_path):
    workdir.open_run(tmp_path, tiny_config)
    folder = tmp_path / "folds/s02"
    folder.mkdir(parents=True)
    (folder / ".a.csv.123.partial").write_text("half")
    with (
        workdir.alone(folder / ".lock", "a fold", wait=False),
        pytest.raises(ConfigError, match=r"fold s02 of --workdir=.* is in use by process \d+"),
    ):
        train.run(tiny_config, tmp_path)
    train.run(tiny_config, tmp_path)
    assert not list(folder.glob(".*"))
