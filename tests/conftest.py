import os
import shutil
import tempfile
from dataclasses import replace

# Before jax is imported: eight CPU devices for the tests of meshes and pmap (others use the first),
# compiled programs kept for the session, since many tests and their subprocesses share them, and
# quick compilation, since tests compile much and run little. All in the environment: a program
# compiled otherwise in a subprocess would differ from ours in the last bit.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", tempfile.mkdtemp(prefix="merclip-compiled-"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import jax
import pytest
from flax import nnx

from merclip_jax.configs import synthetic
from merclip_jax.merclip import sentences
from merclip_jax.models import MerClip
from merclip_jax.towers.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig

SLOWEST_FIRST = ("test_train.py", "test_full_size.py", "test_every_corpus.py", "test_selection.py")


def pytest_collection_modifyitems(items):
    """Begin with the longest files, so that processes which share the work end together."""
    items.sort(key=lambda item: item.path.name not in SLOWEST_FIRST)


def pytest_sessionfinish(session):
    """Drop the session's compiled programs, once all of pytest's processes are through."""
    if hasattr(session.config, "workerinput"):
        return
    shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


@pytest.fixture
def x64():
    """Computation in float64."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """One folder of prepared datasets for the whole session."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def nano_model(tmp_path_factory):
    """Saved random weights of the smallest model that has every part."""
    tokenizer = sentences.small_tokenizer()
    cfg = MerClipConfig(
        VisionConfig.tiny(
            frames=8, image_size=32, patch_size=16, width=32, layers=2, local_width=16,
            global_layers=(1,), output_dim=32, global_dropout=0.0,
        ),
        replace(
            TextConfig.tiny(), vocab_size=tokenizer.get_vocab_size(), context=64, width=32,
            layers=1, output_dim=32,
        ),
        EmotionConfig(3, layers=1, heads=2, dropout=0.0),
    )  # fmt: skip
    directory = tmp_path_factory.mktemp("nano")
    about = {"classes": ["negative", "positive", "surprise"]}
    MerClip(cfg, rngs=nnx.Rngs(0)).save_pretrained(directory, tokenizer, about)
    return directory


@pytest.fixture
def tiny_config(data_dir, nano_model):
    """Five synthetic subjects, three clips each, the smallest model, two epochs of three steps."""
    config = synthetic.get_config()
    with config.unlocked():
        config.data.builder_config = "tiny"
        config.data.data_dir = str(data_dir)
        config.data.image_size = 32
        config.data.frames = 8
        config.model.init_from = str(nano_model)
        config.recipe.epochs = 2
        config.recipe.warmup_epochs = 1
        config.recipe.batch_size = 8
        config.augment.augmix = False
        config.augment.color = False
        config.parallel.devices = 1
        config.eval.batch_size = 4
    return config.lock()


@pytest.fixture
def flags_of():
    """The command-line flags that give a config's values to configs/synthetic.py."""

    def write(config) -> list[str]:
        given = ["--config=configs/synthetic.py"]
        for name, part in config.items():
            if hasattr(part, "items"):
                given += [f"--config.{name}.{key}={value}" for key, value in part.items()]
        return given

    return write
