"""A run that many tests compare with."""

import pytest

from merclip_jax import train


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The workdir of one uninterrupted run, filled by the first test that asks."""
    return tmp_path_factory.mktemp("finished") / "run"


@pytest.fixture
def whole_run(finished, tiny_config):
    if not (finished / "report.json").exists():
        train.run(tiny_config, finished)
    return finished
