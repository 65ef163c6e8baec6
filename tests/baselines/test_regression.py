"""The flow regression: its features, its choices, what it may see, and its runs."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from merclip_jax import train
from merclip_jax.baselines import grid, regression
from merclip_jax.data import motion
from merclip_jax.errors import ConfigError
from merclip_jax.scoring import metrics

RNG = np.random.default_rng(0)
SETTING = grid.Setting(7, 1.0, 0.01)
CLASSES = grid.Head(grid.fit_classes, grid.predicted_classes, 3)
NOTHING = grid.Clips(np.zeros((0, 14, 14, 2), np.float32), np.zeros(0, np.int32))
EXPORTED = "folds/hold_out/model-seed0"


def made(people, of_each, seed=0):
    """Clips whose class is a pattern of motion, as strong as it likes; the person is a nuisance."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(3), people * of_each // 3 + 1)[: people * of_each]
    patterns = np.random.default_rng(5).normal(size=(3, 14, 14, 2))
    strength = rng.uniform(0.2, 3, (len(labels), 1, 1, 1))
    fields = strength * (patterns[labels] + rng.normal(size=(len(labels), 14, 14, 2)))
    clips = grid.Clips(fields.astype(np.float32), labels.astype(np.int32))
    return clips, np.repeat(np.arange(people), of_each)


def test_features_are_mean_motion_in_cells_without_its_size():
    fields = RNG.normal(size=(2, 56, 56, 2)).clip(-3, 3)
    grids = grid.grids(motion.encode(fields))
    np.testing.assert_allclose(
        grids[1, 2, 3], fields[1, 8:12, 12:16].mean((0, 1)), atol=0.05
    )  # bytes are coarse
    cells = grids.reshape(2, 7, 2, 7, 2, 2).mean((2, 4)).reshape(2, -1)
    norm = np.linalg.norm(cells, axis=1, keepdims=True) / 98**0.5
    np.testing.assert_allclose(grid.features(grids, SETTING), cells / norm, rtol=1e-5)
    half = replace(SETTING, power=0.5)
    np.testing.assert_allclose(grid.features(grids, half), cells / norm**0.5, rtol=1e-5)
    strong = grid.features(5 * grids, SETTING)
    np.testing.assert_allclose(strong, grid.features(grids, SETTING), rtol=1e-5)
    assert not grid.features(np.zeros((1, 14, 14, 2), np.float32), SETTING).any()


def test_it_is_scikit_learns_regression_also_where_classes_lack():
    clips, _ = made(6, 9)
    found = grid.features(clips.grids, SETTING)
    for shown in ([0, 1, 2], [0, 2], [1]):
        rows = np.isin(clips.labels, shown)
        fitted = grid.fit(CLASSES, clips.at(np.flatnonzero(rows)), SETTING)
        said = grid.predicted_classes(grid.logits(clips.grids, fitted, SETTING)).probabilities
        if len(shown) > 1:
            plain = LogisticRegression(C=0.01, class_weight="balanced", max_iter=500)
            wanted = plain.fit(found[rows], clips.labels[rows]).predict_proba(found)
            np.testing.assert_allclose(said[:, shown], wanted, atol=1e-3)
        assert (said[:, shown].sum(1) > 0.99).all()


def test_units_are_fitted_one_by_one_from_what_is_known():
    clips, _ = made(6, 9)
    states = (clips.labels[:, None] == np.arange(3)).astype(np.int32)
    states[::5, 0] = -1
    states[:, 2] = 0
    fitted = grid.fit_units(grid.features(clips.grids, SETTING), states, 3, 0.01)
    said = grid.predicted_units(grid.logits(clips.grids, fitted, SETTING)).probabilities
    known = states[:, 0] >= 0
    assert ((said[:, 0] > 0.5) == (states[:, 0] == 1))[known].mean() > 0.9
    assert (said[:, 2] < 0.01).all()


def test_the_setting_with_the_best_score_is_chosen():
    clips, people = made(6, 9)
    scores = []

    def score(said):
        guesses = said.probabilities.argmax(1)
        scores.append(float(metrics.uf1(metrics.confusion(clips.labels, guesses, 3))))
        return scores[-1]

    _, said = grid.choose(CLASSES, clips, NOTHING, people, score, {})
    assert len(scores) == len(grid.GRIDS) * len(grid.POWERS) * len(grid.STRENGTHS)
    assert score(said) == max(scores)


def test_a_training_subject_is_told_by_a_model_of_the_others(monkeypatch):
    monkeypatch.setattr(grid, "SETTINGS", (SETTING,))
    clips, people = made(4, 9)
    first = people == 0
    other = clips._replace(labels=np.where(first, (clips.labels + 1) % 3, clips.labels))
    said, of_other = (
        grid.choose(CLASSES, some, NOTHING, people, lambda _: 0.0, {})[1].probabilities
        for some in (clips, other)
    )
    np.testing.assert_array_equal(said[first], of_other[first])
    assert np.abs(said[~first] - of_other[~first]).max() > 1e-3


def test_strong_clips_of_others_help():
    few, people = made(3, 3)
    many, _ = made(40, 3, seed=1)
    score = lambda said: float((said.probabilities.argmax(1) == few.labels).mean())  # noqa: E731
    alone = grid.choose(CLASSES, few, NOTHING, people, score, {})[1]
    helped = grid.choose(CLASSES, few, many, people, score, {})[1]
    assert score(helped) >= max(0.9, score(alone))


def test_where_the_solver_starts_changes_nothing_but_the_time():
    few, _ = made(3, 3)
    many, _ = made(40, 3, seed=1)
    both = few.and_also(many)
    near = grid.starts(CLASSES, many)
    assert list(near) == list(grid.SETTINGS) and not grid.starts(CLASSES, NOTHING)
    for setting in grid.SETTINGS:
        fitted = [grid.fit(CLASSES, both, setting, start) for start in (None, near[setting])]
        far, close = (
            grid.predicted_classes(grid.logits(few.grids, one, setting)).probabilities
            for one in fitted
        )
        np.testing.assert_allclose(far, close, atol=0.02)  # the solver's tolerance


@pytest.fixture
def config(baseline_config):
    with baseline_config.unlocked():
        baseline_config.model.system = "flow_regression"
        baseline_config.recipe.update(epochs=1, warmup_epochs=0)
        baseline_config.checkpoint.export = True
    return baseline_config


def test_the_test_subject_changes_nothing_that_is_fitted(config, tmp_path, monkeypatch):
    train.run(config, tmp_path / "plain")
    fit = regression._train_fold

    def planted(context, fold, start, clips, near):
        """The held-out clips shout their class, which is another one."""
        labels, grids = clips.labels.copy(), clips.grids.copy()
        labels[fold.test] = (labels[fold.test] + 1) % 3
        grids[fold.test] = 100.0 * (1 + labels[fold.test])[:, None, None, None]
        task = replace(context.task, labels=labels)
        fit(replace(context, task=task), fold, start, grid.Clips(grids, labels), near)

    monkeypatch.setattr(regression, "_train_fold", planted)
    train.run(config, tmp_path / "planted")
    both = [tmp_path / run / EXPORTED for run in ("plain", "planted")]
    first, second = (folder / "model.safetensors" for folder in both)
    assert first.read_bytes() == second.read_bytes()
    tables = [(tmp_path / run / "predictions.csv").read_text() for run in ("plain", "planted")]
    assert tables[0] != tables[1]


def test_a_run_fits_the_clips_of_the_weights_it_starts_from(config, tmp_path):
    report = train.run(config, tmp_path / "first")
    assert set(report.metrics) == {"uf1", "uar", "accuracy", "weighted_f1"}
    saved = regression.Regression.from_pretrained(tmp_path / "first" / EXPORTED)
    assert saved.cfg.kept == 12 and len(saved.clips.labels) == 12
    about = json.loads((tmp_path / "first" / EXPORTED / "merclip.json").read_text())
    assert sum(map(len, about["seen"].values())) == 4
    config.model.init_from = str(tmp_path / "first" / EXPORTED)
    train.run(config, tmp_path / "second")
    again = regression.Regression.from_pretrained(tmp_path / "second" / EXPORTED)
    assert again.cfg.kept == 24
    np.testing.assert_allclose(again.clips.grids[12:], again.clips.grids[:12], atol=1e-2)


def test_action_units_and_the_emotion_by_rules(config, tmp_path):
    config.model.system = "flow_regression_au"
    report = train.run(config, tmp_path / "run")
    predictions = pd.read_csv(tmp_path / "run" / "predictions.csv")
    assert predictions["au_p_12"].between(0, 1).all()
    assert np.allclose(predictions.filter(regex="^p_").sum(axis=1), 1)
    assert report.values["au"]["per_au"]
    saved = regression.Regression.from_pretrained(tmp_path / "run" / EXPORTED)
    assert saved.cfg.outputs == tuple(map(str, config.au.units))
    assert saved.clips.labels.shape == (12, len(config.au.units))


def test_a_config_that_lacks_a_field_is_named_by_file_and_field(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "flow_regression", "setting": {}}')
    with pytest.raises(ConfigError, match=r"config\.json: a field is missing or unknown: .*grid"):
        regression.Regression.from_pretrained(tmp_path)


def test_what_it_cannot_do(config, tmp_path):
    for name, part, field, value, said in (
        ("flow_regression", "eval", "selection", "inner", "no epochs to choose among"),
        ("flow_regression", "recipe", "epochs", 3, "no epochs to choose among"),
        ("flow_regression_au", "au", "emotion", "text", "set it to rules"),
    ):
        other = config.copy_and_resolve_references()
        other.model.system, other[part][field] = name, value
        with pytest.raises(ConfigError, match=said):
            train.run(other, tmp_path)
