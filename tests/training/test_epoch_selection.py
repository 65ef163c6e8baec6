"""Which epoch predicts, and that the held-out subject touches nothing but its own predictions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from merclip_jax import experiment, train, workdir
from merclip_jax.data.inputs import Stored
from merclip_jax.facs import notation
from merclip_jax.merclip import task
from merclip_jax.protocols import folds
from merclip_jax.scoring import metrics
from merclip_jax.training import export

HELD_OUT = "s00"


@pytest.fixture
def one_fold(tiny_config):
    """The first of five subjects is held out; four epochs."""
    with tiny_config.unlocked():
        tiny_config.folds.scheme = "hold_out"
        tiny_config.recipe.epochs = 4
        tiny_config.checkpoint.export = True
    return tiny_config


def predictions(directory, selection):
    table = workdir.read_table(directory / "predictions.csv")
    return table[table["selection"] == selection].reset_index(drop=True)


def weights(directory):
    folder = directory / "folds" / "hold_out" / "model-seed0"
    return (folder / "model.safetensors").read_bytes()


def plant(monkeypatch):
    """Give away the held-out subject: its classes are painted into its pictures, its action units
    become ones that nobody else shows, and its labels are exchanged."""
    honest = experiment.load_clips

    def telling(config, protocol):
        packed, table = honest(config, protocol)
        frames = np.array(packed.frames)
        held = (table["subject"] == HELD_OUT).to_numpy()
        assert held.any() and not held.all()
        labels = (table["label"].to_numpy() + held) % 3
        aus = table["aus"].where(~held, "39+AD31")
        for start, count, label in table.loc[held, ["start", "n_frames", "label"]].to_numpy():
            frames[start : start + count, :8] = 80 * label
        table = table.assign(
            label=labels.astype(np.int32),
            aus=aus,
            action_units=notation.parse_column(aus),
            **{"class": [protocol.classes[label] for label in labels]},
        )
        return replace(packed, frames=frames, stored=Stored(frames, None)), table

    monkeypatch.setattr(experiment, "load_clips", telling)


@pytest.mark.parametrize("selection", ["last", "inner"])
def test_a_telltale_in_the_held_out_subject_changes_its_predictions_alone(
    selection, one_fold, tmp_path, monkeypatch
):
    one_fold.eval.selection = selection
    train.run(one_fold, tmp_path / "honest")
    plant(monkeypatch)
    train.run(one_fold, tmp_path / "telling")
    honest, telling = tmp_path / "honest", tmp_path / "telling"
    assert weights(honest) == weights(telling)
    histories = [
        workdir.read_table(run / "history.csv").drop(columns="seconds") for run in (honest, telling)
    ]
    assert histories[0].equals(histories[1])
    before, after = (predictions(run, selection) for run in (honest, telling))
    assert list(before["clip_id"]) == list(after["clip_id"])
    assert list(before["epoch"]) == list(after["epoch"])
    assert not np.allclose(before["p_negative"], after["p_negative"])
    named = np.unique(after.filter(regex=r"^nearest_").to_numpy().astype(str))
    assert not any("clenching the jaw" in sentence for sentence in named)  # that of AD31


def test_inner_takes_the_epoch_that_is_best_on_subjects_set_aside(one_fold, tmp_path, monkeypatch):
    one_fold.eval.selection = "inner"
    seen, given = [], iter([0.3, 0.5, 0.5, 0.4])

    honest = experiment.load_clips

    def load(*given_arguments):
        packed, table = honest(*given_arguments)
        monkeypatch.setattr(
            task.Task,
            "score",
            lambda _, tested, held: seen.append(set(table["subject"].iloc[tested])) or next(given),
        )
        return packed, table

    monkeypatch.setattr(experiment, "load_clips", load)
    report = train.run(one_fold, tmp_path)
    assert seen == [{"s01"}] * 4  # every fifth of the four subjects of the training side
    assert set(predictions(tmp_path, "inner")["epoch"]) == {1}  # of equals the first
    assert set(predictions(tmp_path, "last")["epoch"]) == {3}
    assert report.values["selection"] == "inner"
    probabilities = predictions(tmp_path, "inner").filter(regex="^p_").to_numpy()
    chosen = predictions(tmp_path, "inner")
    counts = metrics.confusion(chosen["label"].to_numpy(), probabilities.argmax(1), 3)
    assert report.metrics["uf1"]["value"] == pytest.approx(float(metrics.uf1(counts)))


def test_paper_is_shown_beside_the_last_epoch_and_never_is_the_headline(one_fold, tmp_path):
    one_fold.eval.selection = "paper"
    report = train.run(one_fold, tmp_path)
    last, paper = (predictions(tmp_path, name) for name in ("last", "paper"))
    scores = [
        float(
            metrics.present_uf1(
                metrics.confusion(*table[["label", "prediction"]].to_numpy().T, n_classes=3)
            )
        )
        for table in (last, paper)
    ]
    assert scores[1] >= scores[0]
    assert report.values["paper"]["gap"]["uf1"] == pytest.approx(
        report.values["paper"]["metrics"]["uf1"]["value"] - report.metrics["uf1"]["value"]
    )
    assert "chosen on the test subjects" in (tmp_path / "report.md").read_text()


def test_a_run_that_was_cut_off_chooses_as_one_that_was_not(one_fold, tmp_path, monkeypatch):
    one_fold.eval.selection = "inner"
    train.run(one_fold, tmp_path / "whole")
    with monkeypatch.context() as cut:
        cut.setattr(export, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train.run(one_fold, tmp_path / "cut")
    train.run(one_fold, tmp_path / "cut")
    for name in ("whole", "cut"):
        assert set(predictions(tmp_path / name, "inner")["epoch"]) <= {0, 1, 2, 3}
    assert (tmp_path / "whole" / "predictions.csv").read_bytes() == (
        tmp_path / "cut" / "predictions.csv"
    ).read_bytes()


def test_the_inner_subjects_are_taken_from_the_training_side():
    table = pd.DataFrame({"dataset": "a", "subject": list("aabbccddeeff")})
    for fold in folds.leave_one_subject_out(table):
        inner = folds.with_inner(fold, table)
        assert sorted([*inner.train, *inner.inner, *inner.test]) == list(range(12))
        assert list(inner.test) == list(fold.test)
        aside = set(table["subject"].iloc[inner.inner])
        assert len(aside) == 1 and not aside & set(table["subject"].iloc[inner.train])
