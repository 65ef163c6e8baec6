"""A report beside the baseline run that its config names."""

import json

import pytest
from workdirs import make_workdir

from merclip_jax.errors import ConfigError
from merclip_jax.reports import paired, report, results


def named(root, baseline):
    """Write the baseline's folder into a run's config."""
    run = json.loads((root / "run.json").read_text())
    run["config"]["eval"] = {"baseline": str(baseline)}
    (root / "run.json").write_text(json.dumps(run))
    return root


@pytest.fixture
def folders(tmp_path):
    ours = make_workdir(tmp_path / "ours", right=0.95, draw=1)
    return ours, make_workdir(tmp_path / "baseline", right=0.4, draw=2)


def test_the_difference_is_that_of_the_comparison(folders):
    ours, baseline = folders
    found = report.write(named(ours, baseline)).values["baseline"]
    outcome = paired.compare(results.read(ours), results.read(baseline))["uf1"]
    uf1 = found["metrics"]["uf1"]
    assert (uf1["difference"], uf1["p_value"]) == (outcome.difference, outcome.p_value)
    assert uf1["value"] == report.build(results.read(baseline)).metrics["uf1"]["value"]
    assert uf1["difference"] > 0.2


def test_page_text_and_terminal_show_it(folders):
    ours, baseline = folders
    table = report.write(named(ours, baseline)).table()
    assert "MER-CLIP on the same clips" in table
    for name in ("report.html", "report.md"):
        text = (ours / name).read_text()
        assert str(baseline) in text
        assert "eside MER-CLIP" in text


def test_without_one_or_once_it_is_gone_nothing_is_shown(folders, tmp_path):
    ours, _ = folders
    assert report.write(ours).values["baseline"] is None
    gone = report.write(named(ours, tmp_path / "gone"))
    assert gone.values["baseline"] is None
    assert "on the same clips" not in gone.table()


def test_other_clips_are_no_baseline(folders, tmp_path):
    other = make_workdir(tmp_path / "other", clips=5)
    with pytest.raises(ConfigError, match="--config.eval.baseline: the runs are not on the same"):
        report.write(named(folders[0], other))
