"""Each baseline from its config to its report, and from one run to the next."""

import json

import numpy as np
import pandas as pd
import pytest

from merclip_jax import evaluate, systems, train
from merclip_jax.baselines.networks import NETWORKS
from merclip_jax.errors import ConfigError


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_trains_and_reports(name, baseline_config, tmp_path):
    baseline_config.model.system = name
    report = train.run(baseline_config, tmp_path)
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert np.allclose(predictions.filter(regex="^p_").sum(axis=1), 1)
    assert set(report.metrics) == {"uf1", "uar", "accuracy", "weighted_f1"}
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["system"] == NETWORKS[name].title
    assert not [notice for notice in run["notices"] if "random weights" in notice]


def test_another_run_starts_from_what_a_baseline_learnt(baseline_config, tmp_path, capsys):
    baseline_config.model.system = "ststnet"
    baseline_config.checkpoint.export = True
    train.run(baseline_config, tmp_path / "first")
    exported = tmp_path / "first" / "folds" / "hold_out" / "model-seed0"
    assert not (exported / "tokenizer.json").exists()
    about = json.loads((exported / "merclip.json").read_text())
    assert about["classes"] == ["negative", "positive", "surprise"] and about["seen"]
    baseline_config.model.init_from = str(exported)
    baseline_config.recipe.learning_rate = 1e-9
    baseline_config.eval.allow_seen = True
    train.run(baseline_config, tmp_path / "second")
    first, second = (pd.read_csv(tmp_path / run / "predictions.csv") for run in ("first", "second"))
    columns = [name for name in first if name.startswith("p_")]
    assert np.abs(first[columns] - second[columns]).max().max() < 0.2  # BatchNorm moves on
    command = [f"--workdir={tmp_path / 'second'}", f"--against={tmp_path / 'first'}"]
    assert evaluate.main(command) == 0
    assert "STSTNet" in (tmp_path / "second" / "comparison.html").read_text()
    with pytest.raises(ConfigError, match="annotated onset"):
        systems.of_folder(exported).load(exported)


def test_what_a_baseline_cannot_read_or_start_from(baseline_config, nano_model, tmp_path):
    baseline_config.model.system = "htnet"
    for part, name, value, said in (
        ("model", "init_from", str(nano_model), "is a merclip"),
        ("data", "input", "rgb", "set --config.data.input=motion"),
        ("data", "frames", 2, "set --config.data.frames=1"),
    ):
        config = baseline_config.copy_and_resolve_references()
        config[part][name] = value
        with pytest.raises(ConfigError, match=said):
            train.run(config, tmp_path)
