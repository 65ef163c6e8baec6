"""Runs whose models see motion, from a corpus to a report and to a new video."""

import json

import numpy as np
import pandas as pd
import pytest

from merclip_jax import train
from merclip_jax.data import inputs
from merclip_jax.timeline import maps
from merclip_jax.video.predictor import Predictor


@pytest.fixture
def config(tiny_config):
    with tiny_config.unlocked():
        tiny_config.data.input = "motion"
        tiny_config.model.init_from, tiny_config.model.variant = "", "tiny"
        tiny_config.folds.scheme = "hold_out"
        tiny_config.recipe.epochs, tiny_config.recipe.warmup_epochs = 1, 0
        tiny_config.checkpoint.export = True
    return tiny_config


@pytest.fixture
def exported(config, tmp_path):
    train.run(config, tmp_path / "run")
    return tmp_path / "run" / "folds" / "hold_out" / "model-seed0"


def test_an_exported_model_says_what_it_sees_and_reads_windows(exported):
    predictor = Predictor(exported, batch_size=2)
    assert (predictor.info.input, predictor.info.size) == ("motion", 112)
    films = np.random.default_rng(0).integers(0, 256, (3, 8, 112, 112, 3), np.uint8)
    clips = [inputs.of_frames(film, "motion") for film in films]
    reading = predictor.read(clips)
    np.testing.assert_allclose(reading.probabilities.sum(1), 1, atol=1e-6)
    told = maps.explain(predictor.model, clips[0], 0, "negative")
    assert told.map.shape == (8, 7, 7)
    assert told.score - told.still == pytest.approx(
        maps.evidence(predictor.model, clips[0], 0).sum(), abs=0.15
    )


def test_motion_removed_leaves_every_clip_alike(config, tmp_path):
    with config.unlocked():
        config.data.motion = "none"
    train.run(config, tmp_path)
    scores = pd.read_csv(tmp_path / "predictions.csv").filter(regex="^p_")
    np.testing.assert_allclose(scores - scores.iloc[0], 0, atol=1e-6)


def test_frames_and_motion_together(config, tmp_path, nano_model):
    with config.unlocked():
        config.data.input, config.model.init_from = "rgb+motion", str(nano_model)
    report = train.run(config, tmp_path)
    saved = tmp_path / "folds" / "hold_out" / "model-seed0" / "config.json"
    assert json.loads(saved.read_text())["vision"]["input"] == "rgb+motion"
    assert report.metrics


def test_units_start_from_exported_attentions(config, tmp_path):
    with config.unlocked():
        config.model.system, config.au.units = "micro_au", (4, 12)
    train.run(config, tmp_path / "first")
    with config.unlocked():
        config.model.init_from = str(tmp_path / "first" / "folds" / "hold_out" / "model-seed0")
        config.recipe.learning_rate = 1e-9
        config.eval.allow_seen = True
    train.run(config, tmp_path / "second")
    first, second = (pd.read_csv(tmp_path / run / "predictions.csv") for run in ("first", "second"))
    for unit in (4, 12):
        np.testing.assert_allclose(first[f"au_p_{unit}"], second[f"au_p_{unit}"], atol=1e-3)


def test_units_of_other_attentions_are_refused(config, tmp_path, capsys):
    with config.unlocked():
        config.model.system, config.au.units = "micro_au", (4, 12)
    train.run(config, tmp_path / "first")
    with config.unlocked():
        config.model.init_from = str(tmp_path / "first" / "folds" / "hold_out" / "model-seed0")
        config.au.units = (4,)
    with pytest.raises(ValueError, match="finds the units 4, 12, this run 4"):
        train.run(config, tmp_path / "second")


def test_weights_that_see_something_else_are_refused(config, tmp_path, nano_model):
    with config.unlocked():
        config.model.init_from = str(nano_model)
    with pytest.raises(ValueError, match="sees rgb: set --config.data.input to that"):
        train.run(config, tmp_path)
