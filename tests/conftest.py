from dataclasses import replace

import compiling  # before jax
import jax
import pytest
from flax import nnx

from merclip_jax import train
from merclip_jax.configs import base
from merclip_jax.merclip import sentences
from merclip_jax.models import MerClip
from merclip_jax.reports import paper
from merclip_jax.towers.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig

SLOWEST_FIRST = (
    "test_train_parallel.py",
    "test_train.py",
    "test_full_size.py",
    "test_every_corpus.py",
    "test_task.py",
)
# Files by what they need; `make test-fast` leaves all of these out.
SLOW = {
    *("test_train.py", "test_train_parallel.py"),
    *(
        "test_train_casme2.py",
        "test_predict.py",
        "test_notebooks.py",
        "test_readme.py",
    ),
    *("test_wheel.py", "test_convert.py", "test_without_classes.py", "test_bad_input.py"),
    *("test_every_corpus.py", "test_synthetic_me.py", "test_real_faces.py", "test_smic_e.py"),
    *("test_megc2019_flow.py", "test_smic.py", "test_mmew.py", "test_casme.py", "test_casme_sq.py"),
    *("test_full_size.py", "test_model.py", "test_task.py", "test_start.py", "test_foreign.py"),
    *("test_parity.py", "test_parity_training.py", "test_weights.py", "test_losses.py"),
    *(
        "test_epoch_selection.py",
        "test_waiting.py",
        "test_motion_runs.py",
        "test_third_system.py",
        "test_step.py",
        "test_compiled_steps.py",
        "test_accelerator_script.py",
    ),
    *(
        "test_recovery.py",
        "test_export.py",
        "test_contamination.py",
        "test_crops.py",
        "test_augment.py",
    ),
    *("test_attention_of_runs.py", "test_comparison.py", "test_report_units.py", "test_report.py"),
    *("test_runs.py", "test_regression.py", "test_networks.py", "test_bounds.py", "test_conv.py"),
    *("test_video.py", "test_clip.py", "test_maps.py", "test_predictor.py", "test_windows.py"),
    *("test_own_clips.py", "test_pretrained.py"),
    *("test_decode.py", "test_face.py", "test_datasets.py", "test_pack.py", "test_spotting.py"),
}
MARKED = {
    **dict.fromkeys(SLOW, "slow"),
    "test_torch_baseline.py": "torch",
    "test_browser.py": "browser",
    "test_clip_browser.py": "browser",
    "test_timeline_in_browser.py": "browser",
    "test_real_videos.py": "network",
}


def pytest_sessionstart(session):
    """Keep the folder of compiled programs small; pytest's other processes have no say."""
    if not hasattr(session.config, "workerinput"):
        compiling.tidy()


def pytest_collection_modifyitems(items):
    """Begin with the longest files, so that processes which share the work end together."""
    items.sort(key=lambda item: item.path.name not in SLOWEST_FIRST)
    for item in items:
        if item.path.name in MARKED:
            item.add_marker(MARKED[item.path.name])


@pytest.fixture(autouse=True)
def quick_fonts(monkeypatch, request):
    """Every run writes figures for a paper: whole fonts in their PDFs cost a second each time."""
    if request.path.name != "test_paper.py":
        monkeypatch.setitem(paper.STYLE, "pdf.fonttype", 3)


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
    config = base.get_config()
    with config.unlocked():
        config.data.builder_config = "tiny"
        config.data.data_dir = str(data_dir)
        config.data.image_size = 32
        config.data.frames = 8
        config.model.init_from = str(nano_model)
        config.recipe.epochs = 2
        config.recipe.warmup_epochs = 1
        config.recipe.batch_size = 8
        config.recipe.learning_rate = 5e-4
        config.augment.augmix = False
        config.augment.color = False
        config.parallel.devices = 1
        config.eval.batch_size = 4
    return config.lock()


@pytest.fixture
def flags_of():
    """The command-line flags that give a config's values to configs/base.py."""

    def write(config) -> list[str]:
        given = ["--config=configs/base.py"]
        for name, part in config.items():
            if hasattr(part, "items"):
                given += [f"--config.{name}.{key}={value}" for key, value in part.items()]
        return given

    return write


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The workdir of one uninterrupted run, filled by the first test that asks."""
    return tmp_path_factory.mktemp("finished") / "run"


@pytest.fixture
def whole_run(finished, tiny_config):
    """A run that many tests of a file compare with."""
    if not (finished / "report.json").exists():
        train.run(tiny_config, finished)
    return finished
