"""What an exported model says of its fold: sentences, error rates, calibration, size of faces."""

import random
import shutil

import numpy as np
import pytest
from scipy import special

from merclip_jax.configs import base
from merclip_jax.errors import DataError
from merclip_jax.faces import crops, face
from merclip_jax.facs import emotion_rules
from merclip_jax.merclip import sentences as text
from merclip_jax.merclip import task as recognition
from merclip_jax.micro_au import task as detection
from merclip_jax.models import MerClip
from merclip_jax.protocols.folds import Fold
from merclip_jax.tfds_builders.synthetic_me import clips
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus
from merclip_jax.training.batch import Predicted

CLASSES = ("negative", "positive")


def merclip_task(labels):
    sentences = text.SentenceTable(
        ("alone in the test", "seen in training", "seen, too"),
        np.zeros((3, 1, 4), np.int32),
        *2 * (np.array([0, 1, 2, 1, -1, 0], np.int32),),
    )
    return recognition.Task(CLASSES, np.array(labels, np.int32), sentences, base.get_config())


def test_no_sentence_of_the_held_out_subject_is_passed_on():
    fold = Fold("a", train=np.array([1, 2, 3, 4]), test=np.array([0, 5]))
    metadata = merclip_task([0] * 6).fold_metadata(fold, None)
    assert metadata == {"sentences": ["seen in training", "seen, too"]}


def test_a_temperature_is_fitted_on_inner_subjects_alone():
    """Half of the sure answers are wrong, so that the best probabilities are one half each."""
    task = merclip_task([0, 0, 0, 1, 1, 0])
    fold = Fold("a", train=np.array([1, 2]), test=np.array([0, 5]), inner=np.array([3, 4]))
    assert task.val_indices(fold).tolist() == [3, 4]
    sure = special.softmax([[4.0, 0.0], [0.0, 4.0]], axis=1)
    metadata = task.fold_metadata(fold, Predicted(sure, np.zeros((2, 3))))
    assert metadata["calibration"]["fitted_on"] == "inner subjects"
    assert metadata["calibration"]["temperature"] == pytest.approx(np.exp(4.0), rel=0.01)


@pytest.mark.parametrize("threshold", ["zero", "inner"])
def test_rates_and_thresholds_of_units_are_those_of_the_columns(threshold):
    labels = np.array([[1, 0]] * 4 + [[0, 1]] * 4 + [[1, 1]] * 2, np.int8)
    rules = emotion_rules.read(("happiness", "surprise"), ("12", "1"))
    config = base.get_config()
    config.au.threshold = threshold
    task = detection.Task(("happiness", "surprise"), ("12", "1"), labels, rules, config)
    inner = np.arange(8) if threshold == "inner" else np.arange(0)
    fold = Fold("a", train=np.arange(8), test=np.array([8, 9]), inner=inner)
    logits = np.array([[3.0, 1.0]] * 4 + [[1.0, 3.0]] * 4)
    metadata = task.fold_metadata(fold, Predicted(special.expit(logits), logits))
    if threshold == "zero":  # everything is said: 4 of 4, and half a clip each way
        np.testing.assert_allclose(metadata["rates"], [[0.9, 0.9], [0.9, 0.9]])
        assert "calibration" not in metadata
    else:
        np.testing.assert_allclose(metadata["rates"], [[0.1, 0.1], [0.9, 0.9]])
        assert metadata["calibration"]["threshold"] == [2.0, 2.0]
        assert metadata["calibration"]["fitted_on"] == "inner subjects"


def test_faces_are_aligned_as_large_as_the_measured_ones():
    pictures = [clips.render_clip(Corpus.demo(), subject, 0)[0][0] for subject in range(3)]
    margin = crops.face_margin(pictures)
    for picture in pictures:
        mesh = face.landmarks(picture)
        matrix = face.alignment([mesh], len(picture), margin)
        assert np.hypot(*matrix[:, 0]) == pytest.approx(1.0, abs=0.1)  # neither grown nor shrunk
    assert crops.face_margin([np.zeros((64, 64, 3), np.uint8)]) is None


def test_a_flipped_byte_of_saved_weights_is_noticed(nano_model, tmp_path):
    folder = shutil.copytree(nano_model, tmp_path / "model")
    file, rng = folder / "model.safetensors", random.Random(20261126)
    whole = file.read_bytes()
    for _ in range(24):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=r"model\.safetensors changed since it was written"):
            MerClip.from_pretrained(folder)
    (folder / "merclip.json").unlink()  # of other origin: nothing is known of the file
    file.write_bytes(whole)
    assert MerClip.from_pretrained(folder).cfg.emotion.classes == 3
