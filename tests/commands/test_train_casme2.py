"""`train` on a small corpus in the layout of CASME II, from the owner's files to the report."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from corpora import casme2 as corpus

from merclip_jax import experiment, train, workdir
from merclip_jax.configs import casme2
from merclip_jax.data import datasets
from merclip_jax.protocols import selection
from merclip_jax.reports import report


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three subjects with a clip of each of five emotions; one apex lies outside its interval."""
    folder = tmp_path_factory.mktemp("CASME2")
    corpus.make_casme2(folder)
    corpus.write_workbook(folder, corpus.change(corpus.rows(), 7, apex=99))
    return folder


def small(root, nano_model, data_dir):
    """configs/casme2.py for the smallest model, three classes, one epoch."""
    config = casme2.get_config("classes=3")
    config.data.manual_dir = str(root)
    config.data.data_dir = str(data_dir)
    config.data.image_size = 32
    config.data.frames = 8
    config.model.init_from = str(nano_model)
    config.recipe.epochs = 1
    config.recipe.warmup_epochs = 0
    config.recipe.batch_size = 4
    config.augment.augmix = False
    config.augment.color = False
    config.parallel.devices = 1
    config.eval.batch_size = 4
    return config


@pytest.fixture(scope="module")
def run(root, nano_model, tmp_path_factory):
    """The workdir of a run, and its config."""
    config = small(root, nano_model, tmp_path_factory.mktemp("data"))
    directory = tmp_path_factory.mktemp("run")
    train.run(config, directory)
    return directory, config


def test_every_fold_is_trained_and_predicted(run):
    directory, _ = run
    assert sorted(path.name for path in (directory / "folds").iterdir()) == ["01", "02", "03"]
    table = workdir.read_table(directory / "predictions.csv")
    assert (table["fold"] == table["subject"]).all()
    assert table["clip_id"].is_unique and len(table) == 12
    shares = table[["p_negative", "p_positive", "p_surprise"]]
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)


def test_the_report_counts_the_protocols_clips(run):
    protocol = json.loads((run[0] / "report.json").read_text())["protocol"]
    assert protocol["counts"] == {"negative": 6, "positive": 3, "surprise": 3}
    assert (protocol["n_clips"], protocol["n_subjects"]) == (12, 3)


def test_the_clip_whose_apex_is_outside_its_interval_took_part(run):
    directory, config = run
    records = datasets.prepare("casme2", "", config.data.data_dir).as_data_source("train")
    invalid = [record["clip_id"].decode() for record in records if not record["apex_valid"]]
    assert invalid == ["casme2/02/EP03_02f"]
    assert invalid[0] in set(workdir.read_table(directory / "predictions.csv")["clip_id"])


@pytest.mark.parametrize(
    ("argument", "clips", "labels"), [("4", 15, 4), ("5", 15, 5), ("7", 15, 5)]
)
def test_the_same_pack_serves_every_protocol(run, argument, clips, labels):
    _, config = run
    _, table = experiment.load_clips(config, selection.get(f"merclip/casme2/{argument}"))
    assert (len(table), table["label"].nunique()) == (clips, labels)
    assert len(list((Path(config.data.data_dir) / "packed").iterdir())) == 1


def test_clips_that_are_no_published_list_are_said_to_be_none(run):
    written = json.loads((run[0] / "report.json").read_text())
    assert written["protocol"]["matches"] is None
    assert "match no published list" in (run[0] / "report.md").read_text()


def test_the_published_list_is_named_where_the_clips_are_its_own(run, tmp_path, monkeypatch):
    table = workdir.read_table(run[0] / "clips.csv")
    own = selection.fingerprint(table)
    known = {"merclip/casme2/5": {"sha256": "0" * 64}, "merclip/casme2/3": {"sha256": own}}
    monkeypatch.setattr(selection, "published", lambda: known)
    copy = shutil.copytree(run[0], tmp_path / "copy")
    report.write(copy)
    written = json.loads((copy / "report.json").read_text())["protocol"]
    assert (written["matches"], written["fingerprint"]) == (
        "merclip/casme2/3",
        own,
    )
    assert "published list merclip/casme2/3" in (copy / "report.md").read_text()


def test_the_command_with_the_corpus_on_its_line(run, root, tmp_path):
    directory, config = run
    given = ["--config=configs/casme2.py:classes=3", f"--workdir={tmp_path / 'run'}"]
    given += [
        f"--config.{name}.{leaf}={config[name][leaf]}"
        for name in ("data", "model", "recipe", "augment", "eval", "parallel")
        for leaf in config[name]
        if leaf not in ("dataset", "data_dir")
    ]
    given.append(f"--config.data.data_dir={tmp_path / 'data'}")
    assert f"--config.data.manual_dir={root}" in given
    done = subprocess.run(
        [sys.executable, "-m", "merclip_jax.train", *given],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "UF1" in done.stdout
    assert (tmp_path / "data/casme2/cropped/1.1.0/dataset_info.json").is_file()
    same = "predictions.csv"
    assert (tmp_path / "run" / same).read_text() == (directory / same).read_text()
