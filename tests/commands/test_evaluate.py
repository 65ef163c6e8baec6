import json
import subprocess
import sys

import numpy as np
import pytest
from workdirs import edit, make_workdir

from merclip_jax.errors import ConfigError
from merclip_jax.reports import comparison, paired, report, results


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "merclip_jax.evaluate", *arguments], capture_output=True, text=True
    )


def test_command_rebuilds_the_report_and_compares(tmp_path):
    good = make_workdir(tmp_path / "good", right=0.95)
    poor = make_workdir(tmp_path / "poor", right=0.2, draw=1)
    done = command(f"--workdir={good}", f"--against={poor}")
    assert done.returncode == 0, done.stderr
    assert (good / "report.html").exists() and not (poor / "report.html").exists()
    assert done.stdout.count("UF1 without any model") == 2
    assert f"{good} minus {poor}, paired by subject" in done.stdout


def test_refusal_leaves_everything_as_it_was(tmp_path):
    run = make_workdir(tmp_path / "run", subjects=2, strips=False)
    other = make_workdir(tmp_path / "other", subjects=3, strips=False)
    refused = command(f"--workdir={run}", f"--against={other}")
    assert refused.returncode == 2 and "not on the same clips" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not list(run.glob("report*"))


def test_missing_workdir_is_a_bad_argument():
    done = command()
    assert done.returncode == 2 and "--workdir is missing" in done.stderr


def test_comparison_tells_a_better_run_from_a_worse(tmp_path):
    runs = [
        results.read(make_workdir(tmp_path / str(i), subjects=12, right=right, draw=i))
        for i, right in enumerate((0.95, 0.3))
    ]
    outcome = paired.compare(*runs)["uf1"]
    scores = [report.build(run).metrics["uf1"]["value"] for run in runs]
    assert outcome.difference == pytest.approx(scores[0] - scores[1], abs=1e-15)
    assert outcome.ci95[0] > 0 and outcome.p_value < 0.01
    assert "+" in comparison.table({"uf1": outcome})


def test_comparison_of_a_run_with_itself(tmp_path):
    run = results.read(make_workdir(tmp_path / "w", seeds=(0, 1)))
    for outcome in paired.compare(run, run).values():
        assert outcome.difference == 0 and outcome.p_value == 1


def test_order_of_the_clips_does_not_matter(tmp_path):
    first = make_workdir(tmp_path / "a")
    second = make_workdir(tmp_path / "b", draw=1)
    straight = paired.compare(results.read(first), results.read(second))
    edit(second, "clips.csv", lambda table: table.sample(frac=1, random_state=2))
    assert paired.compare(results.read(first), results.read(second)) == straight


def test_unequal_seeds_are_refused(tmp_path):
    runs = [
        results.read(make_workdir(tmp_path / str(len(seeds)), seeds=seeds))
        for seeds in ((0,), (0, 1))
    ]
    with pytest.raises(ConfigError, match="1 and 2 seeds"):
        paired.compare(*runs)


def with_units(workdir, units, right, classes=True):
    """The same run, which also tells `units`: each clip shows one, told with the chance `right`."""
    rng = np.random.default_rng(int(100 * right))

    def told(table):
        shown = np.arange(len(table)) % (len(units) + 1)
        for i, unit in enumerate(units):
            moved = shown == i
            told = moved == (rng.random(len(table)) < right)
            table = table.assign(**{f"au_{unit}": moved.astype(int), f"au_p_{unit}": told * 0.9})
        return table if classes else table.drop(columns=["label", "prediction", *chances(table)])

    edit(workdir, "predictions.csv", told)
    run = json.loads((workdir / "run.json").read_text())
    run["config"]["au"] = {"emotion": "rules"}
    if not classes:
        edit(workdir, "clips.csv", lambda table: table.assign(**{"class": "", "label": -1}))
        run["protocol"]["classes"] = []
    (workdir / "run.json").write_text(json.dumps(run))
    return results.read(workdir)


def chances(table):
    return [name for name in table if name.startswith("p_")]


@pytest.mark.parametrize("classes", [True, False])
def test_action_units_are_compared_by_f1(tmp_path, classes):
    runs = [
        with_units(make_workdir(tmp_path / str(right), subjects=12), ("1", "L12"), right, classes)
        for right in (1.0, 0.6)
    ]
    compared = paired.compare(*runs)
    assert list(compared)[-2:] == ["au_f1", "au_f1_macro"] and ("uf1" in compared) == classes
    scores = [report.build(run).values["au"] for run in runs]
    assert scores[0]["f1"]["value"] == scores[0]["f1_macro"]["value"] == 1
    for name in ("f1", "f1_macro"):
        outcome = compared[f"au_{name}"]
        assert outcome.difference == pytest.approx(1 - scores[1][name]["value"])
        assert outcome.ci95[0] > 0 and outcome.p_value < 0.01
    table = comparison.table(compared)
    assert "AU: F1 of both states" in table and ("UF1" in table) == classes


def test_unlike_units_are_compared_by_their_emotions_alone(tmp_path):
    runs = [with_units(make_workdir(tmp_path / units), (units,), 0.9) for units in ("12", "L12")]
    assert list(paired.compare(*runs)) == ["uf1", "uar", "accuracy", "weighted_f1"]
    runs = [
        with_units(make_workdir(tmp_path / f"{units}-alone"), (units,), 0.9, classes=False)
        for units in ("12", "L12")
    ]
    with pytest.raises(ConfigError, match="the action units 12, the other L12"):
        paired.compare(*runs)
