import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from workdirs import edit, make_workdir

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.protocols import selection
from merclip_jax.reports import report, results
from merclip_jax.scoring import metrics

KEYS = [
    *("protocol", "selection", "metrics", "parts", "per_class", "per_subject", "confusion"),
    *("bounds", "paper", "explanations", "timing", "environment", "baseline"),
    *("made", "notices"),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = make_workdir(tmp_path_factory.mktemp("run") / "w")
    return workdir, report.write(workdir)


def read_json(workdir):
    return json.loads((workdir / "report.json").read_text())


def test_json_is_the_contract(finished):
    workdir, written = finished
    values = read_json(workdir)
    assert values == written.values
    assert list(values) == KEYS
    assert set(values["protocol"]) == {
        *("name", "fingerprint", "matches", "classes", "n_clips", "n_subjects", "counts")
    }
    for score in values["metrics"].values():
        assert set(score) == {"value", "ci95", "seeds"}
        assert score["ci95"][0] <= score["value"] <= score["ci95"][1]
    assert set(values["metrics"]) == {"uf1", "uar", "accuracy", "weighted_f1"}
    assert list(values["bounds"]) == [
        *("majority", "random", "random_best_of_epochs", "au_oracle_loso", "au_oracle_ceiling")
    ]
    assert values["paper"] is None and values["selection"] == "last"
    assert set(values["per_class"]["positive"]) == {"f1", "recall", "precision", "support"}


def test_numbers_agree_with_the_predictions(finished):
    workdir, written = finished
    run = results.read(workdir)
    counts = metrics.confusion(run.labels, run.headline.classes[0], 3)
    values = written.values
    assert values["confusion"] == counts.tolist()
    assert values["metrics"]["uf1"]["value"] == float(metrics.uf1(counts))
    assert values["metrics"]["accuracy"]["seeds"] == [float(metrics.accuracy(counts))]
    f1s = [row["f1"] for row in values["per_class"].values()]
    assert values["metrics"]["uf1"]["value"] == pytest.approx(np.mean(f1s), abs=1e-15)
    assert sum(row["correct"] for row in values["per_subject"]) == np.trace(counts)
    assert [row["subject"] for row in values["per_subject"]][:2] == ["01", "02"]
    assert values["protocol"]["counts"] == dict(
        zip(run.class_names, counts.sum(1).tolist(), strict=True)
    )


def test_scores_by_hand(tmp_path):
    workdir = make_workdir(tmp_path / "w", subjects=2, clips=3, right=1.0, strips=False)

    def one_wrong(table):
        table.loc[0, "prediction"] = "2"  # clip 0 of subject 01 is class 0
        return table

    edit(workdir, "predictions.csv", one_wrong)
    values = report.write(workdir).values
    # Labels 0 1 2 0 2 2 (see workdirs), predictions 2 1 2 0 2 2: F1 = 2/3, 1, 6/7.
    assert values["metrics"]["uf1"]["value"] == pytest.approx((2 / 3 + 1 + 6 / 7) / 3, abs=1e-15)
    assert values["metrics"]["accuracy"]["value"] == 5 / 6
    assert values["per_subject"] == [
        {"subject": "01", "n": 3, "correct": 2},
        {"subject": "02", "n": 3, "correct": 3},
    ]


def test_order_of_the_predictions_does_not_matter(tmp_path, finished):
    workdir = make_workdir(tmp_path / "w")
    edit(workdir, "predictions.csv", lambda table: table.sample(frac=1, random_state=0))
    assert report.write(workdir).values == finished[1].values


def test_same_files_give_the_same_bytes(tmp_path, finished):
    workdir = make_workdir(tmp_path / "w")
    report.write(workdir)
    for name in ("report.json", "report.md", "report.html"):
        assert (workdir / name).read_bytes() == (finished[0] / name).read_bytes()


def test_several_seeds_are_averaged(tmp_path):
    values = report.write(make_workdir(tmp_path / "w", seeds=(3, 4, 5))).values
    uf1 = values["metrics"]["uf1"]
    assert len(uf1["seeds"]) == 3 and len(set(uf1["seeds"])) > 1
    assert uf1["value"] == pytest.approx(np.mean(uf1["seeds"]))
    assert np.sum(values["confusion"]) == 3 * values["protocol"]["n_clips"]
    f1s = [row["f1"] for row in values["per_class"].values()]
    assert uf1["value"] == pytest.approx(np.mean(f1s))


def test_paper_selection_stands_beside_the_last_epoch(tmp_path):
    workdir = make_workdir(tmp_path / "w", selection="paper", right=0.5)
    written = report.write(workdir)
    values, run = written.values, results.read(workdir)
    last = metrics.uf1(metrics.confusion(run.labels, run.predictions["last"].classes[0], 3))
    paper = metrics.uf1(metrics.confusion(run.labels, run.predictions["paper"].classes[0], 3))
    assert values["selection"] == "paper"
    assert values["metrics"]["uf1"]["value"] == float(last)
    assert values["paper"]["metrics"]["uf1"]["value"] == float(paper)
    assert values["paper"]["gap"]["uf1"] == pytest.approx(float(paper - last))
    assert "by that choice alone" in (workdir / "report.html").read_text()
    assert "a leak" in written.table()


def test_paper_selection_never_runs_alone(tmp_path):
    workdir = make_workdir(tmp_path / "w", selection="paper")
    edit(workdir, "predictions.csv", lambda table: table[table["selection"] == "paper"])
    with pytest.raises(DataError, match="not complete"):
        report.write(workdir)


def test_inner_selection_is_the_headline(tmp_path):
    values = report.write(make_workdir(tmp_path / "w", selection="inner")).values
    assert values["selection"] == "inner" and values["paper"] is None


def test_published_list_is_recognised(tmp_path, monkeypatch, finished):
    fingerprint = finished[1].values["protocol"]["fingerprint"]
    assert finished[1].values["protocol"]["matches"] is None
    assert "no published list" in finished[1].table()
    monkeypatch.setattr(selection, "published", lambda: {"somebody/list": {"sha256": fingerprint}})
    written = report.write(make_workdir(tmp_path / "w"))
    assert written.values["protocol"]["matches"] == "somebody/list"
    for text in (written.table(), (tmp_path / "w" / "report.html").read_text()):
        assert "published list somebody/list" in text


def test_hold_out_scores_the_tested_clips(tmp_path, finished):
    workdir = make_workdir(tmp_path / "w", subjects=6)
    edit(
        workdir,
        "clips.csv",
        lambda table: table.assign(fold=table["fold"].where(table["subject"] > "04", "")),
    )
    edit(workdir, "predictions.csv", lambda table: table[table["subject"] > "04"])
    values = report.write(workdir).values
    assert values["protocol"]["n_subjects"] == 2 and values["protocol"]["n_clips"] == 12
    assert values["protocol"]["fingerprint"] != finished[1].values["protocol"]["fingerprint"]
    assert "24 further clips were only trained on" in (workdir / "report.md").read_text()


def test_one_tested_subject_has_no_oracle_to_leave_out(tmp_path):
    workdir = make_workdir(tmp_path / "w", subjects=1)
    values = report.write(workdir).values
    assert values["bounds"]["au_oracle_loso"] is None
    assert values["bounds"]["au_oracle_ceiling"] is not None


def test_absent_class_and_absent_units_are_told(tmp_path):
    workdir = make_workdir(tmp_path / "w", subjects=3, strips=False)
    edit(workdir, "clips.csv", lambda table: table[table["label"] != "2"].assign(aus=""))
    edit(workdir, "predictions.csv", lambda table: table[table["label"] != "2"])
    written = report.write(workdir)
    assert written.values["bounds"]["au_oracle_ceiling"] is None
    assert "not defined" in written.table()
    html = (workdir / "report.html").read_text()
    assert "No clip shows surprise" in html and "no picture was kept" in html


def test_subjects_of_two_corpora_are_kept_apart(tmp_path):
    workdir = make_workdir(tmp_path / "w", subjects=2, strips=False)

    def second_corpus(table):
        other = table["subject"] == "02"
        table.loc[other, "dataset"], table.loc[other, "subject"] = "samm", "01"
        return table

    for name in ("clips.csv", "predictions.csv"):
        edit(workdir, name, second_corpus)
    values = report.write(workdir).values
    assert values["protocol"]["n_subjects"] == 2
    assert [row["subject"] for row in values["per_subject"]] == ["synthetic_me/01", "samm/01"]


def damaged(workdir, name, column, value):
    def change(table):
        table.loc[4, column] = value
        return table

    edit(workdir, name, change)


@pytest.mark.parametrize(
    ("name", "column", "value", "words"),
    [
        ("predictions.csv", "prediction", "many", r"predictions.csv: prediction.*\n.*line 6: many"),
        ("predictions.csv", "prediction", "0.5", "line 6: 0.5"),
        ("predictions.csv", "prediction", "3", r"no class \(0 to 2\)"),
        ("predictions.csv", "p_positive", "nan", "p_positive is no number"),
        ("predictions.csv", "clip_id", "synthetic_me/01/EP99", "line 6: synthetic_me/01/EP99"),
        ("predictions.csv", "clip_id", "synthetic_me/01/EP03", "predicted twice"),
        ("predictions.csv", "seed", "7", r"run.json knows only seeds \[0\]"),
        ("clips.csv", "class", "sleepy", "label and class disagree"),
        ("clips.csv", "clip_id", "synthetic_me/01/EP03", "listed twice"),
        ("clips.csv", "aus", "smiles", "smiles"),
    ],
)
def test_damage_is_named(tmp_path, name, column, value, words):
    workdir = make_workdir(tmp_path / "w", subjects=3, strips=False)
    damaged(workdir, name, column, value)
    with pytest.raises(DataError, match=words):
        report.write(workdir)
    assert not list(workdir.glob("report*"))


def test_label_that_is_not_the_clips_own(tmp_path):
    workdir = make_workdir(tmp_path / "w", subjects=3, strips=False)
    label = results.read(workdir).labels[4]
    damaged(workdir, "predictions.csv", "label", str((label + 1) % 3))
    with pytest.raises(DataError, match=rf"line 6: {(label + 1) % 3}"):
        report.write(workdir)


def test_missing_folds_are_named_with_the_remedy(tmp_path):
    workdir = make_workdir(tmp_path / "w", seeds=(0, 1), strips=False)
    gone = {("1", "02"), ("1", "05")}
    edit(
        workdir,
        "predictions.csv",
        lambda t: t[[pair not in gone for pair in zip(t["seed"], t["fold"], strict=True)]],
    )
    with pytest.raises(DataError, match=r"same train command(.|\n)*seed 1: folds 02, 05 \(12"):
        report.write(workdir)


@pytest.mark.parametrize("name", ["run.json", "clips.csv", "predictions.csv", "history.csv"])
def test_missing_or_broken_file_is_named(tmp_path, name):
    workdir = make_workdir(tmp_path / "w", subjects=2, strips=False)
    (workdir / name).write_bytes(b"\xff\xfe\x00 {")
    with pytest.raises(DataError, match=re.escape(name)):
        report.write(workdir)
    (workdir / name).unlink()
    with pytest.raises(DataError, match=rf"{re.escape(name)} is missing"):
        report.write(workdir)


def test_empty_table_is_named(tmp_path):
    workdir = make_workdir(tmp_path / "w", subjects=2, strips=False)
    (workdir / "predictions.csv").write_text("")
    with pytest.raises(DataError, match="predictions.csv is damaged"):
        report.write(workdir)


def test_run_without_its_keys(tmp_path):
    workdir = make_workdir(tmp_path / "w", subjects=2, strips=False)
    run = json.loads((workdir / "run.json").read_text())
    del run["timing"]
    (workdir / "run.json").write_text(json.dumps(run))
    with pytest.raises(DataError, match="lacks timing"):
        report.write(workdir)


def test_no_such_workdir(tmp_path):
    with pytest.raises(ConfigError, match="no such folder"):
        report.write(tmp_path / "nowhere")


def test_failed_write_leaves_the_old_report(tmp_path, monkeypatch):
    workdir = make_workdir(tmp_path / "w", subjects=2, strips=False)
    report.write(workdir)
    before = {path.name: path.read_bytes() for path in workdir.glob("*report*")}
    damaged(workdir, "predictions.csv", "prediction", "1")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        report.write(workdir)
    assert {name: (workdir / name).read_bytes() for name in before} == before


class Page(HTMLParser):
    """What a checker needs of a page: ids, links, pictures, addresses and unclosed elements."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.sources, self.nameless, self.open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.sources += [value for key, value in attributes if key == "src"]
        if tag == "img" and not found.get("alt") or tag == "svg" and not found.get("aria-label"):
            self.nameless.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_whole_and_stands_alone(finished):
    text = (finished[0] / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert all(link[1:] in page.ids for link in page.links)
    assert page.sources and all(s.startswith("data:image/jpeg;base64,") for s in page.sources)
    assert page.nameless == []
    addresses = set(re.findall(r"https?://[^\"' )]+", text))
    assert addresses <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}
    assert not re.search(r"<script[^>]|<link|@import|url\((?!#)", text)
    assert '<html lang="en">' in text and "prefers-color-scheme: dark" in text


def test_page_says_what_it_must(finished):
    text = (finished[0] / "report.html").read_text()
    for words in (
        *("Synthetic corpus", "no lie detector", "hiring", "Fabricated for a test", "bootstrap"),
        *("6 subjects are few", finished[1].values["protocol"]["fingerprint"], "jax"),
    ):
        assert words in text


def test_real_corpus_is_not_called_synthetic(tmp_path):
    workdir = make_workdir(tmp_path / "w", dataset="casme2", subjects=2, strips=False)
    report.write(workdir)
    assert "Synthetic corpus" not in (workdir / "report.html").read_text()


def test_names_from_the_data_are_escaped(tmp_path):
    workdir = make_workdir(tmp_path / "w", dataset="<b>&x", subjects=2, strips=False)
    report.write(workdir)
    assert "<b>&x" not in (workdir / "report.html").read_text()


def test_verdict_follows_the_interval(tmp_path, finished):
    assert "Better than guessing" in finished[1].table()
    written = report.write(make_workdir(tmp_path / "w", right=0.0, strips=False))
    assert "Not shown to be better" in written.table()


def test_empty_history_has_no_curves(tmp_path):
    workdir = make_workdir(tmp_path / "w", subjects=2, strips=False)
    edit(workdir, "history.csv", lambda table: table[:0])
    report.write(workdir)
    assert "kept no training history" in (workdir / "report.html").read_text()


def test_table_fits_a_terminal(finished):
    table = finished[1].table()
    assert max(map(len, table.splitlines())) <= 100
    assert str(finished[0] / "report.html") in table
    assert re.search(r"UF1 +0\.\d{3} +0\.\d{3} to 0\.\d{3}", table)


def test_the_parts_of_a_composite_are_scored_one_by_one(tmp_path):
    workdir = make_workdir(tmp_path / "run", subjects=6, clips=6)

    def halves(table):
        return table.assign(dataset=np.where(table["subject"] < "04", "casme2", "samm"))

    edit(workdir, "clips.csv", halves)
    edit(workdir, "predictions.csv", halves)
    parts = report.write(workdir).values["parts"]
    table = pd.read_csv(workdir / "predictions.csv", dtype={"subject": str})
    assert list(parts) == ["casme2", "samm"]
    for name, part in parts.items():
        own = table[table["dataset"] == name]
        by_hand = sk.f1_score(own["label"], own["prediction"], average="macro")
        assert part["uf1"]["value"] == pytest.approx(by_hand)
        assert (part["n_clips"], part["n_subjects"]) == (18, 3)
    assert "Part by part" in (workdir / "report.html").read_text()


def test_the_owners_test_splits_are_scored_one_by_one(tmp_path):
    workdir = make_workdir(tmp_path / "run", subjects=4)
    edit(
        workdir,
        "clips.csv",
        lambda table: table.assign(split=np.where(table["subject"] < "03", "testA", "testB")),
    )
    assert list(report.write(workdir).values["parts"]) == ["testA", "testB"]


def test_one_corpus_has_no_parts(finished):
    assert finished[1].values["parts"] == {}
