"""The figures and tables that a report leaves for papers."""

import io
import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from au_workdirs import make_au_workdir
from workdirs import make_workdir

from merclip_jax import workdir
from merclip_jax.reports import figures, paper, report, tables


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = make_workdir(tmp_path_factory.mktemp("paper") / "run", seeds=(0, 1))
    return folder, report.write(folder).values


@pytest.fixture(scope="module")
def of_units(tmp_path_factory):
    labels = np.random.default_rng(0).integers(0, 2, (36, 3))
    folder = make_au_workdir(tmp_path_factory.mktemp("units") / "run", labels, 0.8 * labels)
    return folder, report.write(folder).values


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_every_figure_has_three_forms_and_every_table_two(finished, of_units):
    shown = {"curves", "scores", "confusion", "reliability"}
    assert names(finished[0] / "figures") == {
        f"{name}.{form}" for name in shown for form in ("pdf", "svg", "png")
    }
    assert {"units.pdf", "units.svg", "units.png"} <= names(of_units[0] / "figures")
    listed = {"scores", "bounds", "classes", "confusion", "confusion_percent", "subjects"}
    assert names(finished[0] / "tables") == {
        f"{name}.{form}" for name in listed for form in ("csv", "tex")
    }


def test_figures_are_those_of_a_paper(finished):
    folder = finished[0] / "figures"
    assert (folder / "scores.pdf").read_bytes().startswith(b"%PDF")
    text = (folder / "scores.svg").read_text()
    assert "var(--" not in text and "#01010" not in text and "#17637a" in text
    picture = cv2.imread(str(folder / "scores.png"))
    assert picture.shape[1] > 1000
    np.testing.assert_array_equal(picture[0, 0], 255)


def test_a_page_keeps_its_own_colours_after_a_figure_was_saved(tmp_path):
    chart = figures.score_chart([figures.Mark("run", 0.5, (0.4, 0.6))], "UF1")
    before = chart.__html__()
    paper.write(tmp_path, {"scores": chart}, {})
    assert chart.__html__() == before and "var(--accent)" in before


def test_the_same_run_gives_the_same_bytes(finished, tmp_path):
    again = make_workdir(tmp_path / "run", seeds=(0, 1))
    report.write(again)
    for kind in ("figures", "tables"):
        for path in (finished[0] / kind).iterdir():
            assert path.read_bytes() == (again / kind / path.name).read_bytes(), path.name


def test_numbers_of_the_tables_are_those_of_the_report(finished):
    folder, values = finished
    classes = pd.read_csv(folder / "tables" / "classes.csv", index_col="class")
    assert classes.loc["macro mean", "F1"] == pytest.approx(values["metrics"]["uf1"]["value"])
    assert classes.loc["macro mean", "recall"] == pytest.approx(values["metrics"]["uar"]["value"])
    assert classes.loc["macro mean", "clips"] == values["protocol"]["n_clips"]
    counts = pd.read_csv(folder / "tables" / "confusion.csv", index_col=0).to_numpy()
    np.testing.assert_array_equal(counts, values["confusion"])
    shares = pd.read_csv(folder / "tables" / "confusion_percent.csv", index_col=0).to_numpy()
    np.testing.assert_allclose(shares, 100 * counts / counts.sum(1, keepdims=True))
    low = f"{values['metrics']['uf1']['ci95'][0]:.3f}"
    assert low in (folder / "tables" / "scores.tex").read_text()


def test_shares_of_a_class_without_clips_are_zero():
    np.testing.assert_array_equal(tables.percent(np.array([[0, 0], [1, 3]])), [[0, 0], [25, 75]])


def test_action_units_come_with_names_and_muscles(of_units):
    folder, values = of_units
    table = pd.read_csv(folder / "tables" / "units.csv", index_col="unit", keep_default_na=False)
    assert table.loc["AU4", "name"] == "Brow Lowerer"
    assert "corrugator supercilii" in table.loc["AU4", "muscles"]
    assert float(table.loc["macro mean", "F1"]) == pytest.approx(values["au"]["f1"]["value"])
    assert "corrugator supercilii" in (folder / "report.html").read_text()


def test_letters_that_latex_reads_are_escaped(tmp_path):
    paper.write(tmp_path, {}, {"odd": pd.DataFrame({"a_b": ["50 % & more"]})})
    text = (tmp_path / "tables" / "odd.tex").read_text()
    assert r"a\_b" in text and r"50 \% \& more" in text
    assert pd.read_csv(io.StringIO((tmp_path / "tables" / "odd.csv").read_text())).shape == (1, 1)


def test_a_report_says_how_it_was_made(finished, tmp_path):
    assert finished[1]["made"]["name"] == "run"
    assert finished[1]["made"]["commit"] == "not recorded"  # by a run of an earlier version
    folder = make_workdir(tmp_path / "mine", strips=False)
    run = json.loads((folder / "run.json").read_text())
    run["made"] = {"command": "train --x=1", "date": "2026-01-02 03:04 UTC", "commit": "abc"}
    (folder / "run.json").write_text(json.dumps(run))
    report.write(folder)
    for name in ("report.html", "report.md"):
        text = (folder / name).read_text()
        for words in ("mine", "train --x=1", "2026-01-02 03:04 UTC", "abc", "training, seconds"):
            assert words in text, (name, words)


def test_where_a_result_comes_from(monkeypatch):
    code = Path(workdir.__file__).parent
    monkeypatch.setattr("sys.argv", [str(code / "train.py"), "--workdir=a b"])
    found = workdir.provenance()
    assert found["command"] == "python -m merclip_jax.train '--workdir=a b'"
    git = ["git", "-C", str(code), "rev-parse", "HEAD"]
    head = subprocess.run(git, capture_output=True, text=True)
    assert found["commit"].removesuffix("+") == head.stdout.strip()
    assert found["date"].endswith(" UTC")


def test_notices_come_with_the_scores_in_the_terminal(finished):
    written = report.Report(*finished)
    table = written.table()
    assert "Note: Synthetic corpus" in table and "Note: Fabricated for a test." in table
    assert table.index("Note:") < table.index("UF1")
    assert max(map(len, table.splitlines())) <= 100
    assert "\n" not in repr(written) and "UF1" in repr(written)
