"""`train` on a small corpus in the layout of CASME II, from the owner's files to the report."""

import json
import subprocess
import sys

import numpy as np
import pytest
from corpora import casme2 as corpus

from configs import casme2
from merclip_jax import protocols, train, workdir


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three subjects with a clip of each of five emotions; one apex lies outside its interval."""
    folder = tmp_path_factory.mktemp("CASME2")
    corpus.make_casme2(folder)
    corpus.write_workbook(folder, corpus.change(corpus.rows(), 7, apex=99))
    return folder


@pytest.fixture(scope="module")
def small(root, nano_model, tmp_path_factory):
    """configs/casme2.py for the smallest model, one epoch."""
    data_dir = tmp_path_factory.mktemp("data")

    def make(argument):
        config = casme2.get_config(argument)
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
        config.eval.batch_size = 5
        return config

    return make


@pytest.mark.parametrize(
    ("argument", "counts"),
    [
        ("classes=3", {"negative": 6, "positive": 3, "surprise": 3}),
        (
            "classes=5",
            {"disgust": 3, "happiness": 3, "others": 3, "repression": 3, "surprise": 3},
        ),
    ],
)
def test_every_fold_and_the_report(small, tmp_path, argument, counts):
    report = train.run(small(argument), tmp_path).values
    assert report["protocol"]["counts"] == counts
    assert (report["protocol"]["n_clips"], report["protocol"]["n_subjects"]) == (
        sum(counts.values()),
        3,
    )
    assert report["protocol"]["matches"] is None
    assert "match no published list" in (tmp_path / "report.md").read_text()
    assert sorted(path.name for path in (tmp_path / "folds").iterdir()) == ["01", "02", "03"]
    table = workdir.read_table(tmp_path / "predictions.csv")
    assert (table["fold"] == table["subject"]).all() and table["clip_id"].is_unique
    assert [name for name in table if name.startswith("p_")] == [f"p_{name}" for name in counts]
    np.testing.assert_allclose(table.filter(regex="^p_").sum(axis=1), 1, atol=1e-6)


def test_the_published_list_is_named_where_the_clips_are_its_own(small, tmp_path, monkeypatch):
    config = small("classes=3")
    _, table = train.load_clips(config, protocols.get("merclip/casme2/3"))
    known = {"merclip/casme2/5": "0" * 64, "merclip/casme2/3": protocols.fingerprint(table)}
    monkeypatch.setattr(protocols, "published", lambda: known)
    report = train.run(config, tmp_path)
    assert report.values["protocol"]["matches"] == "merclip/casme2/3"
    saved = json.loads((tmp_path / "report.json").read_text())
    assert saved["protocol"]["fingerprint"] == known["merclip/casme2/3"]
    assert saved["protocol"]["matches"] == "merclip/casme2/3"
    assert "published list merclip/casme2/3" in (tmp_path / "report.md").read_text()


def test_the_command_with_the_corpus_on_its_line(small, root, tmp_path):
    config = small("classes=3")
    given = ["--config=configs/casme2.py:classes=3", f"--workdir={tmp_path / 'run'}"]
    given += [
        f"--config.{name}.{leaf}={config[name][leaf]}"
        for name in ("data", "model", "recipe", "augment", "eval")
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
    assert "12 clips of 3 subjects" in done.stdout or "UF1" in done.stdout
    assert (tmp_path / "data/casme2/cropped/1.0.0/dataset_info.json").is_file()
    assert json.loads((tmp_path / "run" / "report.json").read_text())["protocol"]["n_clips"] == 12
