"""A model's folder as a reader of windows: what it says, what it lacks, what it answers."""

import json
import shutil
from pathlib import Path

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import special

from merclip_jax.data import augment
from merclip_jax.data.inputs import Stored
from merclip_jax.errors import ConfigError
from merclip_jax.micro_au import start
from merclip_jax.micro_au.model import MicroAu
from merclip_jax.models import MerClip
from merclip_jax.towers import files
from merclip_jax.video import model_info
from merclip_jax.video.predictor import Predictor

CLASSES = ("negative", "positive", "surprise")


@pytest.fixture
def copied(nano_model, tmp_path):
    """A copy of the smallest model, and a function that changes its merclip.json."""
    folder = tmp_path / "model"
    shutil.copytree(nano_model, folder)

    def change(**values):
        file = folder / "merclip.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | values))
        return folder

    return change


@pytest.fixture
def micro_au(tiny_config, tmp_path):
    """A small Micro-AU model with three units, saved; and its logits' shape is [b, 3]."""
    with tiny_config.unlocked():
        tiny_config.model.system = "micro_au"
        tiny_config.au.units = (1, 4, 12)
        tiny_config.au.heads = 2
    model, tokenizer = start.build(tiny_config, CLASSES, 0)
    meta = {"classes": list(CLASSES), "units": ["1", "4", "12"]}
    model.save_pretrained(tmp_path / "au", tokenizer, meta)
    return tmp_path / "au"


@nnx.jit
def normalized(model, frames):
    return model(augment.normalize(frames))


def run_model(model, frames):
    return normalized(model, jnp.asarray(frames))


def windows(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 32, 32, 3), np.uint8)


def packed(frames):
    return [Stored(window, None) for window in frames]


def test_windows_are_read_as_the_model_reads_clips(nano_model):
    frames = windows(5)
    reading = Predictor(nano_model, batch_size=2).read(packed(frames))
    model = MerClip.from_pretrained(nano_model)
    out = run_model(model, frames)
    np.testing.assert_allclose(
        reading.probabilities, special.softmax(np.asarray(out.logits, float), axis=1), atol=1e-5
    )
    assert reading.units.shape == (5, 0)
    assert reading.similarity.shape == (5, len(model_info.read(nano_model).sentences))
    assert (np.abs(reading.similarity) <= 1 + 1e-6).all()


def test_one_compilation_serves_any_number_of_windows(nano_model):
    reader = Predictor(nano_model, batch_size=3)
    reader.compile()
    first = reader._compiled  # a program for one shape: it refuses any other
    for count in (1, 3, 7):
        assert len(reader.read(packed(windows(count))).probabilities) == count
    assert reader._compiled is first


def test_a_window_is_read_alike_in_any_company(nano_model):
    reader, frames = Predictor(nano_model, batch_size=4), windows(7)
    together = reader.read(packed(frames))
    alone = reader.read(packed(frames[5:6]))
    np.testing.assert_allclose(together.probabilities[5], alone.probabilities[0], atol=1e-6)


def test_what_a_folder_lacks_is_said(nano_model, copied):
    told = model_info.read(nano_model)
    assert told.classes == CLASSES
    assert told.crop == "aligned"
    assert model_info.NO_CROP in told.notices and model_info.NO_SENTENCES in told.notices
    assert model_info.NOT_CALIBRATED in told.notices and not told.calibrated
    assert "lowering the brows" in told.sentences and "moving the head back" not in told.sentences
    whole = model_info.read(
        copied(
            crop="none",
            sentences=["raising the chin"],
            calibration={"temperature": 2.0, "fitted_on": "inner subjects"},
            dataset="casme2",
        )
    )
    assert whole.notices == () and whole.calibrated
    assert (whole.crop, whole.sentences, whole.temperature) == ("none", ("raising the chin",), 2.0)


def test_a_video_is_sampled_as_the_clips_were_that_a_model_learnt_from():
    told = model_info.read(Path("assets/demo_model"))
    learnt = files.metadata("assets/demo_model")["config"]["data"]
    assert (told.count, told.temporal) == (learnt["frames"], learnt["temporal"]) == (4, "ends")


def test_a_folder_without_any_word_of_itself_is_read_with_numbered_classes(copied):
    folder = copied()
    (folder / "merclip.json").unlink()
    told = model_info.read(folder)
    assert told.classes == ("class 1", "class 2", "class 3")
    assert "no merclip.json" in told.notices[0]
    assert any("3 classes; they are numbered" in notice for notice in told.notices)


@pytest.mark.parametrize(
    ("known", "wanted", "crop", "said"),
    [
        ("aligned", "auto", "aligned", None),
        ("none", "auto", "none", None),
        ("owner", "auto", "aligned", model_info.OWNER_CROP.format(model_info.OTHER_SIZE)),
        ("owner", "owner", "owner", None),
        ("round", "auto", "aligned", model_info.NO_CROP),
    ],
)
def test_the_crop_is_the_models_unless_the_user_says_so(copied, known, wanted, crop, said):
    told = model_info.read(copied(crop=known), wanted)
    assert told.crop == crop
    assert [notice for notice in told.notices if "cropped" in notice] == [said] * bool(said)


def test_an_owners_crop_is_matched_where_the_size_of_its_faces_is_known(copied):
    told = model_info.read(copied(crop="owner", margin=0.08))
    assert (told.crop, told.margin) == ("aligned", 0.08)
    assert model_info.OWNER_CROP.format(model_info.SAME_SIZE) in told.notices


def test_a_temperature_flattens_the_probabilities(copied):
    frames = windows(3)
    plain = Predictor(copied()).read(packed(frames)).probabilities
    warm = Predictor(copied(calibration={"temperature": 3.0})).read(packed(frames)).probabilities
    expected = special.softmax(np.log(plain) / 3, axis=1)
    np.testing.assert_allclose(warm, expected, atol=1e-6)


def test_synthetic_training_is_said(copied):
    assert model_info.SYNTHETIC in model_info.read(copied(dataset="synthetic_me")).notices
    assert model_info.SYNTHETIC not in model_info.read(copied(dataset="casme2+samm")).notices


def test_classes_that_contradict_the_model_are_refused(copied):
    with pytest.raises(ConfigError, match="names 2 classes .*config.json says 3"):
        model_info.read(copied(classes=["a", "b"]))


def test_a_plain_clip_is_refused(copied):
    folder = copied()
    (folder / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(ConfigError, match="model_type 'clip'.*assets/demo_model"):
        model_info.read(folder)


def test_action_units_become_classes_by_rule(micro_au):
    reader, frames = Predictor(micro_au, batch_size=2), windows(3)
    reading = reader.read(packed(frames))
    logits = reader.model.unit_logits(run_model(reader.model, frames).features)
    np.testing.assert_allclose(reading.units, special.expit(np.asarray(logits)), atol=1e-5)
    np.testing.assert_allclose(reading.probabilities.sum(1), 1, atol=1e-9)
    assert reading.similarity.shape == (3, 0)
    assert model_info.NO_RATES in reader.info.notices


def test_recorded_thresholds_decide_what_moves(micro_au):
    frames = windows(4)
    file = micro_au / "merclip.json"
    model = MicroAu.from_pretrained(micro_au)
    logits = np.asarray(model.unit_logits(run_model(model, frames).features))
    threshold = logits[0].tolist()
    known = {"calibration": {"threshold": threshold, "temperature": 2.0}}
    known |= {"rates": [[0.1] * 3, [0.9] * 3]}
    file.write_text(json.dumps(json.loads(file.read_text()) | known))
    reader = Predictor(micro_au)
    reading = reader.read(packed(frames))
    assert reader.info.calibrated and model_info.NO_RATES not in reader.info.notices
    np.testing.assert_allclose(reading.units[0], 0.5, atol=1e-4)
    np.testing.assert_allclose(reading.units, special.expit((logits - logits[0]) / 2), atol=1e-4)


@pytest.mark.parametrize("own", [{"emotion": "text"}, {"rules": "mine.yaml"}])
def test_another_way_to_emotions_is_said(micro_au, own):
    file = micro_au / "merclip.json"
    assert model_info.OTHER_RULES not in model_info.read(micro_au).notices
    file.write_text(json.dumps(json.loads(file.read_text()) | {"config": {"au": own}}))
    assert model_info.OTHER_RULES in model_info.read(micro_au).notices


def test_units_without_classes_are_told_alone(micro_au):
    file = micro_au / "merclip.json"
    file.write_text(json.dumps({"units": ["1", "4", "12"]}))
    reading = Predictor(micro_au).read(packed(windows(2)))
    assert reading.probabilities.shape == (2, 0) and reading.units.shape == (2, 3)


def test_the_exported_program_gives_the_same_numbers(nano_model, tmp_path):
    """As a file, run by jax alone: StableHLO with the weights inside."""
    reader = Predictor(nano_model, batch_size=2)
    file = tmp_path / "model.stablehlo"
    file.write_bytes(reader.exported().serialize())
    batch = windows(2)
    program = jax.export.deserialize(file.read_bytes())
    assert program.platforms == ("cpu", "cuda", "tpu")
    logits, similarity = (np.asarray(values, np.float64) for values in program.call(batch))
    told = reader.read(packed(batch))
    probabilities = special.softmax(logits / reader.info.temperature, axis=1)
    np.testing.assert_allclose(probabilities, told.probabilities, rtol=1e-6)
    np.testing.assert_allclose(similarity, told.similarity, rtol=0, atol=1e-6)
