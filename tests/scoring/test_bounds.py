import json
import subprocess
import sys

import numpy as np
import pytest
from corpora import casme, casme2, samm

from merclip_jax.configs import cd6me
from merclip_jax.data import datasets
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.facs import notation
from merclip_jax.protocols import selection
from merclip_jax.scoring import bounds


def fabricated(n=857, subjects=94, classes=7, units=88, seed=0):
    rng = np.random.default_rng(seed)
    pool = [
        frozenset(rng.choice(20, rng.integers(1, 4), replace=False).tolist()) for _ in range(units)
    ]
    picked = rng.choice(units, n, p=rng.dirichlet(np.full(units, 0.4)))
    labels = (
        picked + rng.choice(classes, n, p=[0.5] + [0.5 / (classes - 1)] * (classes - 1))
    ) % classes
    return labels, rng.integers(0, subjects, n), [pool[i] for i in picked]


def test_all_bounds_are_in_order():
    labels, subjects, au_sets = fabricated()
    marks = bounds.all_bounds(labels, subjects, au_sets, 7)
    assert marks["majority"].uf1 < marks["random"].uf1 < marks["random_best_of_epochs"].uf1
    assert marks["au_oracle_loso"].uf1 < marks["au_oracle_ceiling"].uf1
    assert marks == bounds.all_bounds(labels, subjects, au_sets, 7)


def test_no_action_units_no_oracle():
    marks = bounds.all_bounds(np.array([0, 1]), np.array(["a", "b"]), [frozenset()] * 2, 2)
    assert marks["au_oracle_loso"] is None and marks["au_oracle_ceiling"] is None


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("4+L10", {((4, ""),), ((10, "L"),)}),
        ("4(k)+7", {((7, ""),)}),
        ("(R6 or R12)+15", {((15, ""),), ((6, "R"), (12, "R"))}),
        ("?", set()),
    ],
)
def test_the_set_of_a_cell(cell, expected):
    assert bounds.au_set(notation.parse(cell)) == expected


def test_bounds_of_a_protocol_by_hand(tmp_path):
    """Two subjects, both with one clip of each class; its AUs tell three classes of five."""
    table = casme2.rows(subjects=2)
    for i in (3, 8):  # repression looks like disgust
        table = casme2.change(table, i, aus="4+7")
    casme2.write_workbook(tmp_path, table)
    protocol = selection.get("merclip/casme2/5")
    found = bounds.of_protocol(protocol, datasets.annotations("casme2", str(tmp_path), ""))
    assert (found["protocol"], found["n_clips"]) == ("merclip/casme2/5", 10)
    assert found["majority"] == {"uf1": pytest.approx(1 / 3 / 5), "uar": pytest.approx(1 / 5)}
    # Of disgust and repression one is always right: F1 is 2/3 and 0, the other three are 1.
    both = {"uf1": pytest.approx((3 + 2 / 3) / 5), "uar": pytest.approx(4 / 5)}
    assert found["au_oracle_ceiling"] == both
    assert found["au_oracle_loso"] == both
    assert list(found["random_best_of_epochs"]) == ["1", "10", "55"]
    assert found["random_best_of_epochs"]["1"] == found["random"]


def test_a_corpus_without_action_units_has_no_oracle():
    table = datasets.pd.DataFrame(
        [("a", "smic", "s1", "c1", "negative", ""), ("b", "smic", "s2", "c2", "surprise", "")],
        columns=["clip_id", "dataset", "subject", "clip", "emotion", "aus"],
    )
    table["action_units"] = notation.parse_column(table["aus"])
    found = bounds.of_protocol(selection.get("megc2019/smic"), table)
    assert (found["au_oracle_loso"], found["au_oracle_ceiling"]) == (None, None)
    assert "AU oracle, LOSO         not defined" in bounds.printed(found)


def test_a_protocol_without_classes_is_refused():
    with pytest.raises(ConfigError, match="cd6me has no classes.*action units are guessed"):
        bounds.of_protocol(selection.get("cd6me"), datasets.pd.DataFrame())


def test_marks_of_action_units_by_hand(tmp_path):
    """Two people of two clips each: 4 and 4+L10, 14 and 1+2."""
    casme.write_workbook(tmp_path, casme.rows())
    config = cd6me.get_config()
    config.au.units = (1, 4, 9, 14)
    found = bounds.of_units(
        selection.get("casme/au"), datasets.annotations("casme", str(tmp_path), ""), config
    )
    assert found["always"]["f1"] == pytest.approx((2 / 5 + 4 / 6 + 2 / 5) / 3)  # none shows 9
    assert found["base_rate"]["f1"] == 0  # whoever knows the one person is wrong of the other
    shown = bounds.printed({"protocol": "casme/au", "n_clips": 4, "au": found})
    assert "every unit, always      0.489" in shown and "UF1" not in shown


def _command(*flags):
    command = [sys.executable, "-m", "merclip_jax.bounds", *flags]
    return subprocess.run(command, capture_output=True, text=True)


def _of_samm(config, tmp_path):
    """What the command prints and writes of SAMM's workbook, without any frames."""
    samm.write_workbook(tmp_path / "SAMM", samm.rows())
    done = _command(
        f"--config=configs/{config}",
        f"--config.data.manual_dir={tmp_path}/SAMM",
        f"--json={tmp_path}/bounds.json",
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, json.loads((tmp_path / "bounds.json").read_text())


def test_the_command_needs_the_workbook_alone(tmp_path):
    shown, written = _of_samm("samm.py:classes=4", tmp_path)
    of_classes = [name for name in bounds.MEANINGS if name != "au_rules"]  # no units are told
    assert list(written) == ["protocol", "n_clips", *of_classes]
    assert shown == bounds.printed(written) + "\n"


def test_the_command_says_what_the_rules_of_a_micro_au_config_reach(tmp_path):
    shown, written = _of_samm("corpus_au.py:samm", tmp_path)
    reached = written["au_rules"]
    assert f"  AU oracle, by rule      {reached['uf1']:.3f}  {reached['uar']:.3f}" in shown


def test_a_corpus_that_is_made_by_code_is_prepared_first(tmp_path):
    table = datasets.annotations("synthetic_me", "", tmp_path, "tiny")
    assert list(table.columns) == [*datasets.FACTS, "action_units"]
    assert (len(table), table["subject"].nunique()) == (15, 5)
    assert bounds.of_protocol(selection.get("synthetic/5"), table)["n_clips"] == 15


def test_rows_that_cannot_be_used_are_listed(tmp_path):
    casme2.write_workbook(tmp_path, casme2.change(casme2.rows(2), 1, aus="4+Q7"))
    with pytest.raises(DataError) as caught:
        datasets.annotations("casme2", str(tmp_path), "")
    assert "row 3: action units '4+Q7'" in caught.value.faults[0]


def test_several_corpora_lie_in_a_folder_each(tmp_path):
    casme2.write_workbook(tmp_path, casme2.rows(1))  # beside the folders: not looked at
    (tmp_path / "casme2").mkdir()
    casme2.write_workbook(tmp_path / "casme2", casme2.rows(2))
    samm.write_workbook(tmp_path / "elsewhere", samm.rows(1))
    places = f"casme2={tmp_path}/casme2,samm={tmp_path}/elsewhere"
    table = datasets.annotations("casme2+samm", places, "")
    assert table["dataset"].value_counts().to_dict() == {"casme2": 10, "samm": 4}
    with pytest.raises(ConfigError, match=rf"manual_dir={tmp_path}/samm: no such folder"):
        datasets.annotations("casme2+samm", str(tmp_path), "")
    with pytest.raises(ConfigError, match="manual_dir=smic=/x: smic is none of casme2, samm"):
        datasets.annotations("casme2+samm", "smic=/x", "")
