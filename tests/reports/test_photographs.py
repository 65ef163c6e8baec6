"""The table of benchmarks/photographs.py, on fabricated runs."""

import numpy as np
import pytest
from workdirs import make_workdir

from benchmarks import photographs
from merclip_jax.reports import results


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return results.read(make_workdir(tmp_path_factory.mktemp("runs") / "ours", right=0.7))


def test_weights_as_they_are_tell_a_runs_clips_in_its_order(run):
    logits = {
        name: 9.0 * np.eye(3)[label]
        for name, label in zip(run.clips["clip_id"], run.labels, strict=True)
    }
    told = photographs.as_it_is(run, dict(reversed(logits.items()))).headline
    np.testing.assert_array_equal(told.classes, run.labels[None])
    np.testing.assert_allclose(told.probabilities.max(-1), 1, atol=1e-3)


def test_the_table_says_how_far_ours_is_ahead_of_each(run, tmp_path):
    perfect = photographs.as_it_is(
        run, {name: np.eye(3)[i] for name, i in zip(run.clips["clip_id"], run.labels, strict=True)}
    )
    theirs = results.read(make_workdir(tmp_path / "theirs", right=0.2, draw=1))
    runs = {"ours": run, "as it is": perfect, "theirs": theirs}
    people = np.array([True, False, *[True] * (len(set(run.subjects)) - 2)])
    lines = photographs.table(runs, people | True).splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert rows[0][3:] == ["UF1 of ours less this", "UF1 of as it is less this"]
    assert rows[3] == ["as it is", "1.000 (1.000 to 1.000)", "1.000 (1.000 to 1.000)", "", ""]
    assert rows[4][0] == "theirs"
    assert rows[4][4].startswith(f"{1 - float(rows[4][1].split()[0]):+.3f} (")
    fewer = photographs.table(runs, people).splitlines()
    assert fewer[3] == lines[3] and fewer[4] != lines[4]
