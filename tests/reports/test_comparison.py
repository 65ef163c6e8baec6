"""Two systems on one page, from the command that compares them."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from au_workdirs import make_au_workdir
from workdirs import edit, make_workdir

from merclip_jax import evaluate
from merclip_jax.reports import comparison, paired, report, results

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, (36, 3))
SAID = np.clip(0.5 * LABELS + 0.5 * RNG.random((36, 3)), 0, 1)


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    units = make_au_workdir(root / "units", LABELS, SAID, right=0.95)
    return units, make_workdir(root / "plain", right=0.2, draw=1)


def page(first, second):
    return written([first, second])


def written(workdirs):
    """comparison.html of the first of some workdirs against the others."""
    runs = [results.read(workdir) for workdir in workdirs]
    return comparison.write(
        runs, [paired.compare(runs[0], other) for other in runs[1:]]
    ).read_text()


def test_the_command_shows_both_systems_with_their_bounds(systems):
    flags = [f"--workdir={systems[0]}", f"--against={systems[1]}"]
    command = [sys.executable, "-m", "merclip_jax.evaluate", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("AU oracle, ceiling") == 2
    assert f"Side by side: {systems[0] / 'comparison.html'}" in done.stdout
    assert not (systems[1] / "comparison.html").exists()


def test_the_page_has_the_numbers_of_both_reports(systems):
    text = page(*systems)
    ours, theirs = (report.build(results.read(system)).values for system in systems)
    assert "<h1>Micro-AU CLIP and MER-CLIP on synthetic/3</h1>" in text
    row = re.search(r'<th scope="row">UF1</th>.*', text)
    assert row
    for values in (ours, theirs):
        uf1 = values["metrics"]["uf1"]
        for number in (uf1["value"], *uf1["ci95"]):
            assert f"{number:.3f}" in row[0]
        for name, of_class in values["per_class"].items():
            line = re.search(rf'<th scope="row">{name}</th>.*', text)
            assert line and f"{of_class['f1']:.3f}" in line[0]
    difference = ours["metrics"]["uf1"]["value"] - theirs["metrics"]["uf1"]["value"]
    assert f"{difference:+.3f}" in row[0]
    assert f"<strong>{ours['bounds']['au_oracle_ceiling']:.3f}</strong>" in text
    assert "Micro-AU CLIP has the higher UF1" in text
    assert f"{ours['au']['f1']['value']:.3f}" in text and "no lie detector" in text


def test_the_other_way_round_the_verdict_is_the_same(systems):
    assert "Micro-AU CLIP has the higher UF1" in page(*systems[::-1])
    (systems[1] / "comparison.html").unlink()


def test_one_system_against_itself_is_no_better(tmp_path):
    runs = [make_workdir(tmp_path / name / "run", strips=False) for name in ("a", "b")]
    text = page(*runs)
    assert "Neither is shown to be better" in text
    assert all(str(run) in text for run in runs)  # nothing shorter tells them apart


def test_runs_of_one_system_go_by_their_folders(tmp_path):
    runs = [
        make_au_workdir(tmp_path / name, LABELS, said, right=right)
        for name, said, right in (("good", SAID, 0.9), ("poor", 1 - SAID, 0.8))
    ]
    text = page(*runs)
    assert "<h1>good and poor on synthetic/3</h1>" in text
    assert '<th scope="row">AU: F1</th>' in text


def test_the_page_stands_alone_and_escapes_names(tmp_path):
    runs = [make_workdir(tmp_path / name, subjects=2, strips=False) for name in ("<b>&x", "plain")]
    text = page(*runs)
    assert not re.search(r"<script|<link|@import|url\((?!#)|https?:", text)
    assert "&lt;b&gt;&amp;x" in text and "<b>&x" not in text and '<html lang="en">' in text


def test_several_runs_stand_in_one_table(tmp_path):
    workdirs = [
        make_workdir(tmp_path / name, right=right, draw=number, strips=False)
        for number, (name, right) in enumerate((("ours", 0.95), ("old", 0.6), ("flow", 0.2)))
    ]
    text = written(workdirs)
    assert "<h1>ours and old and flow on synthetic/3</h1>" in text
    assert text.count("has the higher UF1") == 2
    row = re.search(r'<th scope="row">UF1</th>.*', text)
    assert row
    for workdir in workdirs:
        value = report.build(results.read(workdir)).metrics["uf1"]["value"]
        assert f"<strong>{value:.3f}</strong>" in text
    table = pd.read_csv(workdirs[0] / "tables" / "comparison.csv")
    uf1 = table[table["score"] == "UF1"]
    assert list(uf1["run"]) == ["ours", "old", "flow"]
    np.testing.assert_allclose(uf1["difference"][1:], uf1["value"].iloc[0] - uf1["value"][1:])


def test_the_command_takes_several_runs(tmp_path, capsys):
    ours, *others = [
        make_workdir(tmp_path / name, draw=number, strips=False)
        for number, name in enumerate(("ours", "old", "flow"))
    ]
    flags = [f"--workdir={ours}", *(f"--against={other}" for other in others)]
    assert evaluate.main(flags) == 0
    printed = capsys.readouterr().out
    overview = printed.split("All runs\n")[1].splitlines()
    assert [line.split()[0] for line in overview[1:4]] == ["ours", "old", "flow"]


def test_settings_that_differ_are_shown_and_others_are_not(tmp_path):
    first = make_workdir(tmp_path / "short", epochs=4, strips=False)
    second = make_workdir(tmp_path / "long", epochs=9, strips=False)
    for workdir in (first, second):
        run = json.loads((workdir / "run.json").read_text())
        run["config"]["recipe"]["batch_size"] = 16
        (workdir / "run.json").write_text(json.dumps(run))
    found = comparison.settings(["short", "long"], [*map(results.read, (first, second))])
    assert found.values.tolist() == [["recipe.epochs", "4", "9"]]
    assert "<code>recipe.epochs</code>" in page(first, second)


def test_the_clips_on_which_runs_disagree_are_listed(tmp_path):
    first = make_workdir(tmp_path / "a", right=1.0, strips=False)
    second = make_workdir(tmp_path / "b", right=1.0, strips=False)

    def another(table):
        table.loc[3, "prediction"] = str((int(table.loc[3, "label"]) + 1) % 3)
        return table.sample(frac=1, random_state=0)  # in another order, too

    edit(second, "predictions.csv", another)
    text = page(first, second)
    assert "1 of 36 clips are told differently" in text
    (line,) = (first / "tables" / "comparison_clips.csv").read_text().splitlines()[1:]
    clip, truth, ours, theirs = line.split(",")
    assert clip == "synthetic_me/01/EP03" and truth == ours != theirs
    assert f"{theirs} (wrong)" in text
