"""Micro-AU CLIP end to end on the smallest corpus, and what it may not know."""

from dataclasses import replace

import numpy as np
import pytest

from merclip_jax import experiment, train, workdir
from merclip_jax.errors import ConfigError
from merclip_jax.facs import labels as au_labels
from merclip_jax.facs import notation
from merclip_jax.micro_au import start
from merclip_jax.micro_au import task as detection
from merclip_jax.micro_au.model import MicroAu
from merclip_jax.protocols import folds, selection
from merclip_jax.reports import results
from merclip_jax.training import step

UNITS = (1, 2, 4, 12, 14)


@pytest.fixture
def au_config(tiny_config):
    """One fold of five subjects, five units, two epochs."""
    with tiny_config.unlocked():
        tiny_config.model.system = "micro_au"
        tiny_config.au.units = UNITS
        tiny_config.folds.scheme = "hold_out"
        tiny_config.checkpoint.export = True
        tiny_config.augment.face_mix = 0.0
    return tiny_config


def exported(directory):
    return directory / "folds" / "hold_out" / "model-seed0"


def test_a_run_tells_units_and_the_emotion_that_follows(au_config, tmp_path):
    report = train.run(au_config, tmp_path)
    values = report.values["au"]
    assert list(values["per_au"]) == [f"AU{unit}" for unit in UNITS]
    for row in values["per_au"].values():
        assert set(row) == {"f1", "f1_macro", "auc", "support"}
    assert values["f1"]["ci95"][0] <= values["f1"]["value"] <= values["f1"]["ci95"][1]
    assert 0 <= report.metrics["uf1"]["value"] <= 1
    run = results.read(tmp_path)
    truth = au_labels.matrix(run.clips["action_units"], [str(unit) for unit in UNITS])
    np.testing.assert_array_equal(run.headline.au_labels, truth)
    np.testing.assert_allclose(run.headline.probabilities.sum(-1), 1, rtol=1e-6)
    assert "Action units" in (tmp_path / "report.html").read_text()
    # Of tested clips alone: a film strip, and what changed.
    assert len(list((tmp_path / "strips").iterdir())) == 2 * len(run.clips)
    model = MicroAu.from_pretrained(exported(tmp_path))
    assert model.cfg.units == tuple(map(str, UNITS))


def altered(monkeypatch, change):
    """Let `experiment.load_clips` give `change(packed, table)`."""
    honest = experiment.load_clips
    monkeypatch.setattr(experiment, "load_clips", lambda *given: change(*honest(*given)))


def test_no_emotion_label_is_used(au_config, tmp_path, monkeypatch):
    train.run(au_config, tmp_path / "honest")

    def shuffled(packed, table):
        labels = (table["label"].to_numpy() + 1) % 3
        names = np.array(["negative", "positive", "surprise"])[labels]
        return packed, table.assign(label=labels.astype(np.int32), **{"class": names})

    altered(monkeypatch, shuffled)
    train.run(au_config, tmp_path / "shuffled")
    told = [
        workdir.read_table(tmp_path / name / "predictions.csv").drop(columns=["label", "class"])
        for name in ("honest", "shuffled")
    ]
    assert told[0].equals(told[1])


def test_a_telltale_in_the_held_out_subject_changes_its_predictions_alone(
    au_config, tmp_path, monkeypatch
):
    au_config.eval.selection = "inner"
    au_config.au.threshold = "inner"
    train.run(au_config, tmp_path / "honest")

    def telling(packed, table):
        held = (table["subject"] == "s00").to_numpy()
        frames = np.array(packed.frames)
        for first, count in table.loc[held, ["start", "n_frames"]].to_numpy():
            frames[first : first + count, :8] = 200
        aus = table["aus"].where(~held, "1+2+4+12+14")
        told = table.assign(aus=aus, action_units=notation.parse_column(aus))
        return replace(packed, frames=frames), told

    altered(monkeypatch, telling)
    train.run(au_config, tmp_path / "telling")
    weights = [
        (exported(tmp_path / name) / "model.safetensors").read_bytes()
        for name in ("honest", "telling")
    ]
    assert weights[0] == weights[1]  # the fold's correlations and weights are in it, too


def test_left_and_right_are_units_of_their_own(au_config, tmp_path):
    au_config.au.sides = "kept"
    report = train.run(au_config, tmp_path)
    assert list(report.values["au"]["per_au"])[:4] == ["AUL1", "AUR1", "AUL2", "AUR2"]


def test_what_a_fold_knows_comes_from_its_training_side():
    aus = notation.parse_column(["12", "6+12", "4", "12", "?", "4+7"])
    table = selection.pd.DataFrame(
        {"dataset": "a", "subject": list("ppqqrr"), "action_units": aus, "label": 0}
    )
    labels = au_labels.matrix(aus, ("4", "12"))
    fold = folds.leave_one_subject_out(table)[0]
    changed = labels.copy()
    changed[fold.test] = 1 - changed[fold.test]
    for found in (
        au_labels.statistics(labels[fold.train]),
        au_labels.statistics(changed[fold.train]),
    ):
        np.testing.assert_allclose(found.positive_weight**2, [0.5, 2.0])
    np.testing.assert_array_equal(
        au_labels.rarest(labels, fold.train)[fold.train],
        au_labels.rarest(changed, fold.train)[fold.train],
    )


def test_the_bias_of_a_fold_starts_at_the_correlation_of_its_training_side(au_config):
    model, _ = start.build(au_config, ("negative", "positive", "surprise"), seed=0)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (12, len(UNITS))).astype(np.int8)
    units = tuple(map(str, UNITS))
    rules = (np.zeros((1, len(UNITS)), bool),)
    task = detection.Task(("a",), units, labels, rules, au_config)
    _, params, model_state, _ = step.Learner.create(model, task, au_config, steps_per_epoch=1)
    fold = folds.Fold("x", np.arange(8), np.arange(8, 12))
    before = np.array(params["gda"]["bias"][...])
    begun, figures = task.init_fold(fold, params, model_state)
    expected = np.corrcoef(labels[:8].T) * 8 / (8 + au_labels.SHRINKAGE)
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(begun["gda"]["bias"][...], expected, atol=1e-6)
    np.testing.assert_array_equal(begun["gda"]["bias"][...], figures["correlation"][...])
    np.testing.assert_array_equal(params["gda"]["bias"][...], before)  # the next fold's start


def test_a_bias_that_came_with_the_weights_stays(au_config):
    model, _ = start.build(au_config, ("negative", "positive", "surprise"), seed=0)
    model.gda.bias[...] = model.gda.bias[...] + 0.5
    units = tuple(map(str, UNITS))
    labels = np.random.default_rng(0).integers(0, 2, (12, len(UNITS))).astype(np.int8)
    task = detection.Task(("a",), units, labels, (np.zeros((1, len(UNITS)), bool),), au_config)
    _, params, model_state, _ = step.Learner.create(model, task, au_config, steps_per_epoch=1)
    begun, _ = task.init_fold(folds.Fold("x", np.arange(8), np.arange(8, 12)), params, model_state)
    np.testing.assert_array_equal(begun["gda"]["bias"][...], 0.5)


def test_without_dependency_there_is_no_attention_between_units(au_config):
    au_config.au.dependency = False
    model, _ = start.build(au_config, ("negative", "positive", "surprise"), seed=0)
    assert not hasattr(model, "gda")


def test_the_emotion_by_text_changes_the_emotion_alone(au_config, tmp_path):
    train.run(au_config, tmp_path / "rules")
    au_config.au.emotion = "text"
    report = train.run(au_config, tmp_path / "text")
    by_rules, by_text = (results.read(tmp_path / name).headline for name in ("rules", "text"))
    np.testing.assert_array_equal(by_text.au_probabilities, by_rules.au_probabilities)
    assert np.abs(by_text.probabilities - by_rules.probabilities).max() > 0.01
    np.testing.assert_allclose(by_text.probabilities.sum(-1), 1, rtol=1e-6)
    assert 0 <= report.values["au"]["undecided"] <= 1
    assert "space of the text tower" in (tmp_path / "text" / "report.html").read_text()


def test_random_weights_have_no_text_to_read_emotions_by(au_config, tmp_path):
    with au_config.unlocked():
        au_config.model.init_from, au_config.model.variant = "", "tiny"
        au_config.au.emotion = "text"
    with pytest.raises(ConfigError, match="random weights know nothing.*au.emotion=rules"):
        train.run(au_config, tmp_path)
