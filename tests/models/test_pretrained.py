"""The front door in Python: a trained model asked for embeddings, similarity and predictions."""

import doctest
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from faces_on_film import person
from films import film

import merclip_jax
from merclip_jax.data import augment
from merclip_jax.errors import DataError
from merclip_jax.micro_au import start
from merclip_jax.models import MerClip

FRAMES = np.random.default_rng(0).integers(0, 256, (20, 40, 60, 3), np.uint8)
SENTENCE = "raising the inner part of the brows"


@pytest.fixture(scope="module")
def model(nano_model):
    return merclip_jax.load(nano_model, crop="owner", batch_size=2)


@pytest.fixture
def of_units(tiny_config, tmp_path):
    """The smallest Micro-AU CLIP."""
    with tiny_config.unlocked():
        tiny_config.model.system = "micro_au"
        tiny_config.au.units = (1, 4, 12)
        tiny_config.au.heads = 2
    built, tokenizer = start.build(tiny_config, (), 0)
    built.save_pretrained(tmp_path, tokenizer, {"units": ["1", "4", "12"]})
    return merclip_jax.load(tmp_path, crop="none")


def test_the_example():
    found = doctest.testmod(merclip_jax)
    assert found.attempted and not found.failed


def test_importing_the_package_is_cheap():
    code = (
        "import sys, merclip_jax; print({'jax', 'numpy', 'tensorflow_datasets'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="'merclip_jax' has no attribute 'lod'"):
        _ = merclip_jax.lod


def test_an_embedding_is_that_of_the_frames_as_training_sees_them(model, nano_model):
    """Eight frames of the size that the model sees pass unchanged, normalised alone."""
    frames = FRAMES[:8, :32, :32]
    expected = MerClip.from_pretrained(nano_model)(augment.normalize(jnp.asarray(frames[None])))
    embedding = np.array(expected.clip_embedding)
    embedding /= np.linalg.norm(embedding)
    np.testing.assert_allclose(model.embed(frames), embedding, atol=1e-5)


def test_dtypes_are_converted_before_anything_else(model):
    expected = model.embed(FRAMES)
    np.testing.assert_allclose(model.embed(FRAMES / 255), expected, atol=1e-6)
    np.testing.assert_allclose(model.embed(FRAMES.astype(int)), expected, atol=1e-6)


def test_clips_of_any_length_and_size_stand_side_by_side(model):
    clips = [FRAMES, FRAMES[:3], FRAMES[:, :30, :20]]
    together = model.embed(clips)
    assert together.shape == (3, 32)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([model.embed(clip) for clip in clips])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_similarity_is_the_cosine_of_the_embeddings(model):
    texts = [SENTENCE, "lowering the brows"]
    expected = model.embed(FRAMES) @ model.embed_text(texts).T
    np.testing.assert_allclose(model.similarity(FRAMES, texts), expected, atol=1e-5)
    np.testing.assert_allclose(model.similarity(FRAMES, SENTENCE), expected[:, :1], atol=1e-5)


def test_a_text_of_unknown_words_is_refused(model):
    with pytest.raises(DataError, match="lacks 'frobnicating'; it knows the words"):
        model.embed_text("frobnicating the brows")
    with pytest.raises(DataError, match="give one or more sentences"):
        model.embed_text([])
    with pytest.raises(DataError, match="none of them empty"):
        model.embed_text([SENTENCE, " "])


def test_clips_are_predicted_row_by_row(model):
    table = model.predict([FRAMES, FRAMES[:3]])
    assert list(table)[:4] == ["emotion", "p_negative", "p_positive", "p_surprise"]
    shares = table.filter(regex="^p_")
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert list("p_" + table["emotion"]) == list(shares.idxmax(axis=1))
    assert (table["similarity_1"] >= table["similarity_2"]).all()
    assert any("Not calibrated" in notice for notice in table.attrs["notices"])


def test_a_video_is_predicted_window_by_window(model, tmp_path):
    path = film(tmp_path / "clip.mp4", range(0, 400, 20), FRAMES)
    table = model.predict(path, window_ms=200, stride_ms=100)
    assert list(table["start_ms"]) == [0, 100, 200]
    assert {"person", "event", "motion", "p_surprise", "nearest_1"} <= {*table}
    assert any("frames per second are few" in notice for notice in table.attrs["notices"])


def test_a_clip_without_a_face_is_refused_where_faces_are_aligned(nano_model):
    model = merclip_jax.load(nano_model)
    with pytest.raises(DataError, match="clip 1: no face was found .* crop='owner'"):
        model.embed([np.stack(person(2)), FRAMES])


def test_its_repr_says_what_it_is_in_a_line(model, of_units):
    assert repr(model).startswith("<MER-CLIP from ")
    assert "3 classes (negative, positive, surprise); sees rgb of 8 frames, 32 x 32" in repr(model)
    assert "3 action units (1, 4, 12)" in repr(of_units)
    assert "\n" not in repr(model)


def test_micro_au_clip_has_the_same_door(of_units):
    table = of_units.predict(FRAMES)
    units = ("1", "4", "12")
    assert list(table) == [f"au_{kind}_{unit}" for kind in ("p", "intensity") for unit in units]
    assert of_units.embed(FRAMES).shape == (1, 32)
    assert of_units.similarity(FRAMES, SENTENCE).shape == (1, 1)
    assert any("compares action units" in notice for notice in of_units.notices)
