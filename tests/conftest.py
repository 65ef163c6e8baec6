import os

# Before jax is imported: eight CPU devices for the tests of meshes and pmap; others use the first.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import pytest
from configs import synthetic


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """One folder of prepared datasets for the whole session."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def tiny_config(data_dir):
    """Three synthetic subjects with three clips each, a very small model, two epochs of two steps."""
    config = synthetic.get_config()
    with config.unlocked():
        config.data.builder_config = "tiny"
        config.data.data_dir = str(data_dir)
        config.data.image_size = 32
        config.data.frames = 8
        config.recipe.epochs = 2
        config.recipe.warmup_epochs = 1
        config.recipe.batch_size = 4
        config.parallel.devices = 1
        config.eval.batch_size = 4
    return config.lock()
