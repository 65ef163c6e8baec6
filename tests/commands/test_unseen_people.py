"""The comparison on unseen people: every run can run, and nobody tested has been trained on."""

import pytest
from absl import flags

from benchmarks import casme2_layout, unseen_people
from merclip_jax.protocols import selection
from merclip_jax.settings import checks


@pytest.fixture
def given(tmp_path, monkeypatch):
    """The command's flags; no corpus is written."""
    monkeypatch.setattr(casme2_layout, "write", lambda *_, **__: None)
    values = flags.FlagValues()
    unseen_people.define(values, ())
    values(["", f"--workdir={tmp_path}", f"--data_dir={tmp_path}"])
    return values


@pytest.mark.parametrize("corpus", unseen_people.CORPORA)
def test_every_run_can_run_on_the_same_clips(given, corpus):
    runs = list(unseen_people.rows(given, corpus))
    assert [folder for folder, _, _ in runs][:3] == [
        "ours",
        "flow_regression_a",
        "flow_regression_b",
    ]
    assert len({folder for folder, _, _ in runs}) == 1 + 2 * len(unseen_people.BASELINES)
    for folder, _, config in runs:
        checks.check(config)
        assert config.data.dataset in selection.get(config.data.protocol).datasets
        assert config.data.builder_config == runs[0][2].data.builder_config
        assert bool(config.model.init_from) == (not folder.endswith("_a"))


def test_networks_leave_what_they_have_learnt_as_gently_as_ours(given):
    runs = {folder: config.recipe for folder, _, config in unseen_people.rows(given, "demo")}
    for name in ("off_apexnet", "ststnet", "htnet"):
        gentle, own = runs[f"{name}_b"], runs[f"{name}_a"]
        assert gentle.epochs == runs["ours"].epochs and gentle.learning_rate < own.learning_rate
    assert runs["flow_regression_b"] == runs["flow_regression_a"]


def test_one_form_alone_can_be_asked_for(given):
    given.forms = ["b"]
    runs = [folder for folder, *_ in unseen_people.rows(given, "demo")]
    assert runs[0] == "ours" and all(folder.endswith("_b") for folder in runs[1:])


def test_baselines_know_the_people_that_the_model_was_trained_on(given):
    for system in unseen_people.BASELINES:
        config = unseen_people.known_people(given, system)
        checks.check(config)
        assert config.data.builder_config == unseen_people.KNOWN
        assert config.checkpoint.export and config.folds.scheme == "hold_out"
