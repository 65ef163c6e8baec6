import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from merclip_jax import experiment, train, workdir
from merclip_jax.configs.ablations import merclip as ablations
from merclip_jax.data.inputs import Stored
from merclip_jax.errors import ConfigError
from merclip_jax.facs import notation, wording
from merclip_jax.models import MerClip


def predictions(directory) -> pd.DataFrame:
    return workdir.read_table(directory / "predictions.csv")


def test_a_run_leaves_what_the_contract_names(whole_run):
    names = {path.name for path in whole_run.iterdir()}
    assert names >= {
        "config.json", "run.json", "folds", "predictions.csv", "report.json", "report.md",
        "report.html", "tensorboard", "figures", "tables",
    }  # fmt: skip
    folds = sorted(path.name for path in (whole_run / "folds").iterdir())
    assert folds == ["s00", "s01", "s02", "s03", "s04"]
    for fold in folds:
        assert (whole_run / "folds" / fold / "DONE").exists()
        assert (whole_run / "folds" / fold / "checkpoints").is_dir()


def test_every_clip_is_predicted_once_by_the_fold_that_never_saw_its_subject(whole_run):
    table = predictions(whole_run)
    clips = workdir.read_table(whole_run / "clips.csv")
    assert sorted(table["clip_id"]) == sorted(clips["clip_id"])
    assert (table["fold"] == table["subject"]).all()
    shares = table.filter(regex="^p_").to_numpy()
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(shares.argmax(1), table["prediction"])
    assert (table["epoch"] == 1).all()
    names = ("negative", "positive", "surprise")
    assert [names[label] for label in table["label"]] == list(table["class"])
    assert [names[label] for label in table["prediction"]] == list(table["predicted"])


def test_every_clip_is_told_the_nearest_sentences_of_other_people(whole_run):
    table, clips = predictions(whole_run), workdir.read_table(whole_run / "clips.csv")
    said = {
        subject: {wording.sentence(notation.parse(cell), "ours") for cell in part["aus"]}
        for subject, part in clips.groupby("subject")
    }
    for subject, part in table.groupby("subject"):
        others = set().union(*(named for name, named in said.items() if name != subject))
        assert set(part[["nearest_1", "nearest_2", "nearest_3"]].to_numpy().ravel()) <= others
    alike = table[["similarity_1", "similarity_2", "similarity_3"]].to_numpy()
    assert (np.diff(alike, axis=1) <= 0).all() and np.abs(alike).max() <= 1 + 1e-6


def test_the_report_counts_what_was_run(whole_run):
    report = json.loads((whole_run / "report.json").read_text())
    assert report["protocol"]["n_subjects"] == 5
    assert report["protocol"]["matches"] is None
    assert report["timing"]["train_s"] > 0
    assert report["selection"] == "last"


def test_running_again_trains_nothing_and_changes_nothing(whole_run, tiny_config):
    before = (whole_run / "predictions.csv").read_bytes()
    stamp = (whole_run / "folds" / "s00" / "predictions-seed0.csv").stat().st_mtime_ns
    train.run(tiny_config, whole_run)
    assert (whole_run / "predictions.csv").read_bytes() == before
    assert (whole_run / "folds" / "s00" / "predictions-seed0.csv").stat().st_mtime_ns == stamp


def test_the_same_config_and_seed_give_the_same_bytes(whole_run, tiny_config, tmp_path):
    train.run(tiny_config, tmp_path / "again")
    assert (tmp_path / "again" / "predictions.csv").read_bytes() == (
        whole_run / "predictions.csv"
    ).read_bytes()


def test_another_seed_gives_other_predictions(whole_run, tiny_config, tmp_path):
    with tiny_config.unlocked():
        tiny_config.seeds = (0, 1)
    train.run(tiny_config, tmp_path / "two")
    table = predictions(tmp_path / "two")
    first, second = (table[table["seed"] == seed].filter(regex="^p_").to_numpy() for seed in (0, 1))
    np.testing.assert_array_equal(first, predictions(whole_run).filter(regex="^p_").to_numpy())
    assert np.abs(first - second).max() > 1e-4


def test_killed_at_random_moments_a_run_ends_with_the_same_predictions(
    tiny_config, tmp_path, flags_of
):
    train_in = [sys.executable, "-m", "merclip_jax.train", *flags_of(tiny_config)]
    command = [*train_in, f"--workdir={tmp_path}/killed"]
    moments = random.Random(20260101)
    for folds_begun in (1, 4):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(list(tmp_path.glob("killed/folds/*/checkpoints/*/*"))) < folds_begun:
            assert process.poll() is None, "ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (tmp_path / "killed" / "report.json").exists()
    for uninterrupted in (command, [*train_in, f"--workdir={tmp_path}/whole"]):
        done = subprocess.run(uninterrupted, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(
        predictions(tmp_path / "killed"), predictions(tmp_path / "whole"), check_exact=True
    )


def test_without_motion_nothing_but_the_onset_frames_is_seen(tiny_config, tmp_path, monkeypatch):
    with tiny_config.unlocked():
        tiny_config.data.motion, tiny_config.folds.scheme = "none", "hold_out"
        tiny_config.recipe.epochs, tiny_config.recipe.warmup_epochs = 1, 0
    train.run(tiny_config, tmp_path / "still")

    load = experiment.load_clips

    def scrambled(config, protocol):
        packed, table = load(config, protocol)
        noise = np.random.default_rng(0).integers(0, 256, packed.frames.shape, np.uint8)
        noise[table["start"]] = np.asarray(packed.frames)[table["start"]]
        return replace(packed, frames=noise, stored=Stored(noise, None)), table

    monkeypatch.setattr(experiment, "load_clips", scrambled)
    train.run(tiny_config, tmp_path / "scrambled")
    pd.testing.assert_frame_equal(
        predictions(tmp_path / "still"), predictions(tmp_path / "scrambled"), check_exact=True
    )
    with tiny_config.unlocked():
        tiny_config.data.motion = "full"
    train.run(tiny_config, tmp_path / "noise")
    shares = [predictions(tmp_path / name).filter(regex="^p_") for name in ("still", "noise")]
    assert np.abs(np.subtract(*shares)).max().max() > 1e-4


def test_a_fold_is_exported_with_what_it_has_seen(tiny_config, tmp_path):
    with tiny_config.unlocked():
        tiny_config.recipe.epochs, tiny_config.recipe.warmup_epochs = 1, 0
        tiny_config.folds.scheme = "hold_out"
        tiny_config.checkpoint.export = True
    train.run(tiny_config, tmp_path / "run")
    exported = tmp_path / "run" / "folds" / "hold_out" / "model-seed0"
    about = json.loads((exported / "merclip.json").read_text())
    tested = set(predictions(tmp_path / "run")["subject"])
    assert about["classes"] == ["negative", "positive", "surprise"]
    assert list(about["seen"]) == ["synthetic_me"]
    assert about["seen"]["synthetic_me"] and not tested & set(about["seen"]["synthetic_me"])
    assert about["config"]["recipe"]["epochs"] == 1
    assert about["crop"] == "owner" and about["sentences"] and "calibration" not in about
    assert str(tmp_path.parent) not in (exported / "merclip.json").read_text()
    assert MerClip.from_pretrained(exported).cfg.emotion.classes == 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("eval.selection", "best", r"eval.selection='best': give 'last' \| 'inner' \| 'paper'"),
        ("recipe.epochs", 0, "recipe.epochs=0"),
        ("data.protocol", "casme/9", "data.protocol=casme/9: no such protocol"),
        ("model.variant", "huge", "model.variant='huge'"),
        ("model.init_from", "/nowhere", "/nowhere"),
        ("parallel.form", "xmap", "parallel.form='xmap'"),
        ("data.placement", "moon", "data.placement='moon'"),
        ("data.image_size", 48, "set --config.data.image_size"),
        ("text.style", "prose", "text.style='prose'"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(tiny_config, tmp_path, field, value, message):
    with tiny_config.unlocked():
        if field == "model.variant":
            tiny_config.model.init_from = ""
        part, name = field.split(".")
        tiny_config[part][name] = value
    with pytest.raises(ConfigError, match=message):
        train.run(tiny_config, tmp_path / "bad")


ABLATED = ablations.ROWS | {"frozen_image_tower": {"model.freeze_image": True}}
CHANGE_CODE = ("emotion_names", "linear_head", "frozen_image_tower", "no_adapters")


@pytest.mark.parametrize("row", CHANGE_CODE)
def test_an_ablation_runs_on_the_smallest_corpus(row, tiny_config, tmp_path):
    with tiny_config.unlocked():
        tiny_config.update_from_flattened_dict(ABLATED[row])
        tiny_config.folds.scheme = "hold_out"
        tiny_config.recipe.accumulate = 2
    report = train.run(tiny_config, tmp_path / "run")
    assert 0 <= report.metrics["uf1"]["value"] <= 1
    if row == "emotion_names":
        named = set(predictions(tmp_path / "run")["nearest_1"])
        assert named <= {"negative", "positive", "surprise"}
        assert report.values["explanations"] is None
