"""What a report says and shows of action units, on workdirs made by hand."""

import json
import re

import numpy as np
import pytest
from au_workdirs import UNITS, make_au_workdir
from workdirs import edit

from merclip_jax.errors import DataError
from merclip_jax.reports import report, results
from merclip_jax.scoring import attention, metrics
from merclip_jax.scoring.attention import Attention

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, (36, 3))
SAID = np.clip(0.6 * LABELS + 0.4 * RNG.random((36, 3)), 0, 1)


@pytest.fixture
def workdir(tmp_path):
    return make_au_workdir(tmp_path / "w", LABELS, SAID)


def with_attention(workdir, seeds=(0,)):
    """Each fold looked at the first cell of a 7 x 7 grid for '4', and everywhere for the others."""
    regions = np.full((3, 49), 1 / 49)
    regions[0] = np.eye(49)[0]
    sums = Attention(6 * regions, 6 * np.full((3, 3), 1 / 3), np.array([6.0, 6.0, 0.0]))
    for seed in seeds:
        for fold in range(1, 7):
            path = attention.file(workdir / "folds" / f"{fold:02}", seed)
            attention.write(path, sums, UNITS)
    return workdir


def page(workdir):
    report.write(workdir)
    return (workdir / "report.html").read_text()


def settings(workdir, **au):
    run = json.loads((workdir / "run.json").read_text())
    run["config"]["au"] |= au
    (workdir / "run.json").write_text(json.dumps(run))


def test_left_against_right_by_hand(tmp_path):
    labels = np.array([[0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 1, 0]])
    said = np.array([[0, 0.9, 0.2], [0, 0.6, 0.4], [1, 1, 0], [0, 0.3, 0.3]])
    workdir = make_au_workdir(tmp_path / "w", labels, said, subjects=2, clips=2)
    sides = report.write(workdir).values["au"]["sides"]
    assert sides["n"] == 3 and sides["share"] == pytest.approx((1 + 0 + 0.5) / 3)
    # One subject has shares 1, 0 in two clips, the other 1/2 in one: both means are 1/2.
    assert sides["ci95"] == pytest.approx([0.5, 0.5])
    for name in ("report.html", "report.md"):
        assert "of 3 one-sided movements" in (workdir / name).read_text()


def test_without_sides_nothing_is_said_of_them(tmp_path):
    units = ("4", "12", "14")
    values = report.write(make_au_workdir(tmp_path / "w", LABELS, SAID, units)).values
    assert values["au"]["sides"] is None
    assert "one-sided" not in (tmp_path / "w" / "report.html").read_text()


def test_undecided_clips_as_they_fall_and_as_errors(workdir):
    def torn(table):
        for i, row in table.iterrows():
            sure = [0.34, 0.33, 0.33] if i < 9 else [0.05, 0.05, 0.05]
            sure[int(row["prediction"])] += 0.0 if i < 9 else 0.85
            table.loc[i, ["p_negative", "p_positive", "p_surprise"]] = list(map(str, sure))
        return table

    edit(workdir, "predictions.csv", torn)
    values = report.write(workdir).values
    found = values["au"]
    assert found["undecided"] == 0.25
    assert set(found["uf1_abstaining"]) == {"value", "ci95", "seeds"}
    assert found["uf1_abstaining"]["value"] != values["metrics"]["uf1"]["value"]
    text = (workdir / "report.html").read_text()
    assert "25&nbsp;% of the clips are undecided" in text
    assert f"UF1 is {found['uf1_abstaining']['value']:.3f}" in text


def test_rules_told_the_truth_by_hand(tmp_path):
    """Whoever shows 4 is taken for negative, whoever shows 12 on both sides for positive."""
    labels = np.array([[1, 0, 0]] * 5 + [[0, 1, 1]] * 4, int)
    workdir = make_au_workdir(tmp_path / "w", labels, np.zeros((9, 3)), subjects=3, clips=3)
    truth = results.read(workdir)
    expected = metrics.uf1(
        metrics.subject_confusions(
            truth.labels, np.where(labels[:, 0] == 1, 0, 1)[None], truth.subjects, 3
        ).sum(1)
    )
    values = report.write(workdir).values
    assert values["bounds"]["au_rules"] == pytest.approx(float(expected.mean()))
    assert (
        f"AU oracle, by rule    {values['bounds']['au_rules']:.3f}" in report.build(truth).table()
    )
    settings(workdir, rules="gone.yaml")
    assert report.write(workdir).values["bounds"]["au_rules"] is None
    settings(workdir, rules="", emotion="text")
    assert report.write(workdir).values["bounds"]["au_rules"] is None


def test_the_page_shows_where_units_looked(workdir):
    text = page(with_attention(workdir))
    assert "AU4 at brows and forehead, right; AUL12" in text and "AUR12 in no clip" in text
    assert "AU4 to AUL12 (33 %)" in text
    assert "A unit looks nowhere else by design" in text
    assert not re.search(r"<svg(?![^>]*aria-label=)|<img(?![^>]*alt=)", text)


def test_seeds_are_pooled_and_all_must_be_there(tmp_path):
    workdir = make_au_workdir(tmp_path / "w", LABELS, SAID, seeds=(0, 1))
    with_attention(workdir)
    assert "Where each unit looked" not in page(workdir)  # seed 1 has left none
    with_attention(workdir, seeds=(1,))
    assert "Where each unit looked" in page(workdir)


def test_a_page_of_several_seeds_shows_each(tmp_path):
    values = report.write(make_au_workdir(tmp_path / "w", LABELS, SAID, seeds=(0, 1))).values
    score = f"{values['au']['f1']['value']:.3f}"  # the two are the same here
    assert f"F1 by seed: {score}, {score}." in (tmp_path / "w" / "report.html").read_text()


def test_the_whole_face_and_no_attention_between_units(workdir):
    settings(with_attention(workdir), regions=False, dependency=False)
    text = page(workdir)
    inside = re.search(r"(\d+)&nbsp;% of the attention falls within", text)
    assert inside and 0 < int(inside[1]) < 50
    assert "do not hear of each other" in text and "Which units listen" not in text


def test_damaged_attention_is_named(workdir):
    path = attention.file(with_attention(workdir) / "folds" / "03", 0)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="03/attention-seed0.npz is damaged"):
        report.write(workdir)
    assert not list(workdir.glob("report*"))


def test_best_and_worst_clips_are_shown(workdir):
    text = page(workdir)
    assert "Clips told best" in text and "Clips told worst" in text
    assert text.count("<figcaption><strong>F1 ") == 10
    assert "| clip | F1 over its units |" in (workdir / "report.md").read_text()
