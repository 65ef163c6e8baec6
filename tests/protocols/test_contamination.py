import json

import numpy as np
import pandas as pd
import pytest

from merclip_jax import train
from merclip_jax.errors import ConfigError
from merclip_jax.protocols import contamination
from merclip_jax.protocols.folds import Fold

TABLE = pd.DataFrame(
    {
        "dataset": ["casme2", "casme2", "samm", "samm"],
        "subject": ["01", "02", "006", "007"],
    }
)
FOLDS = [
    Fold("casme2-01", np.array([1, 2, 3]), np.array([0])),
    Fold("samm-006", np.array([0, 1, 3]), np.array([2])),
]


@pytest.mark.parametrize(
    "seen",
    [{}, {"dfme": ["*"]}, {"samm": ["007"]}, {"casme2": ["02"]}, {"casme3": ["01", "006"]}],
    ids=str,
)
def test_weights_that_saw_others_are_no_matter(seen):
    assert contamination.check(seen, TABLE, FOLDS, allowed=False) == []


@pytest.mark.parametrize(
    ("seen", "named"),
    [
        ({"casme2": ["01", "02"]}, "1 of the subjects that this run tests (casme2/01)"),
        ({"casme2": ["*"], "samm": ["006"]}, "2 of the subjects that this run tests (casme2/01, "),
    ],
    ids=str,
)
def test_weights_that_saw_a_tested_subject_stop_the_run_or_are_named(seen, named):
    with pytest.raises(ConfigError) as caught:
        contamination.check(seen, TABLE, FOLDS, allowed=False)
    assert named in str(caught.value)
    assert "eval.allow_seen=True" in str(caught.value)
    notice = contamination.check(seen, TABLE, FOLDS, allowed=True)
    assert notice[0].startswith("CONTAMINATED")


COMPOSITE = pd.DataFrame(
    {"dataset": "megc2019_flow", "subject": ["smic-s1", "casme2-01", "samm-006"]}
)
THREE_FOLDS = [Fold("", np.array([1, 2]), np.array([0, 1, 2]))]


@pytest.mark.parametrize(
    ("seen", "named"),
    [
        (
            {"casme2": ["01", "02"]},
            "1 of the subjects that this run tests (megc2019_flow/casme2-01)",
        ),
        ({"casme2": ["*"], "samm": ["006"]}, "2 of the subjects"),
        ({"smic_e": ["s1"]}, "(megc2019_flow/smic-s1)"),
        ({"megc2019_flow": ["casme2-02", "samm-006"]}, "(megc2019_flow/samm-006)"),
        ({"megc2019_flow": ["*"]}, "3 of the subjects"),
    ],
    ids=str,
)
def test_a_composite_shows_the_people_of_its_corpora(seen, named):
    with pytest.raises(ConfigError) as caught:
        contamination.check(seen, COMPOSITE, THREE_FOLDS, allowed=False)
    assert named in str(caught.value)


def test_who_saw_the_composite_has_seen_its_corpora():
    with pytest.raises(ConfigError, match=r"1 of the subjects.*casme2/01"):
        contamination.check({"megc2019_flow": ["casme2-01", "samm-007"]}, TABLE, FOLDS, False)
    with pytest.raises(ConfigError, match="2 of the subjects"):
        contamination.check({"megc2019_flow": ["*"]}, TABLE, FOLDS, False)
    assert contamination.check({"megc2019_flow": ["smic-s1"]}, TABLE, FOLDS, False) == []


@pytest.mark.parametrize(
    "seen", [{"casme2": ["006"]}, {"casme3": ["*"]}, {"smic": ["s2"]}], ids=str
)
def test_others_are_no_matter_to_a_composite(seen):
    assert contamination.check(seen, COMPOSITE, THREE_FOLDS, allowed=False) == []


def test_weights_that_do_not_say_are_a_notice():
    notices = contamination.check(None, TABLE, FOLDS, allowed=False)
    assert "do not say which clips they have seen" in notices[0]


def test_what_was_seen_adds_up():
    seen = contamination.with_clips({"dfme": ["*"], "samm": ["006"]}, TABLE)
    assert seen == {"dfme": ["*"], "samm": ["006", "007"], "casme2": ["01", "02"]}


def test_a_run_from_weights_that_saw_its_subjects(tiny_config, nano_model, tmp_path):
    weights = tmp_path / "weights"
    weights.mkdir()
    for file in nano_model.iterdir():
        (weights / file.name).write_bytes(file.read_bytes())
    about = json.loads((weights / "merclip.json").read_text())
    (weights / "merclip.json").write_text(json.dumps(about | {"seen": {"synthetic_me": ["s00"]}}))
    with tiny_config.unlocked():
        tiny_config.model.init_from = str(weights)
        tiny_config.folds.scheme = "hold_out"
        tiny_config.recipe.epochs, tiny_config.recipe.warmup_epochs = 1, 0
        tiny_config.checkpoint.export = True
    with pytest.raises(ConfigError, match=r"synthetic_me/s00.*allow_seen"):
        train.run(tiny_config, tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "folds").exists()
    tiny_config.eval.allow_seen = True
    train.run(tiny_config, tmp_path / "told")
    assert "CONTAMINATED" in (tmp_path / "told" / "report.md").read_text()
    exported = tmp_path / "told" / "folds" / "hold_out" / "model-seed0" / "merclip.json"
    seen = json.loads(exported.read_text())["seen"]["synthetic_me"]
    assert seen == ["s00", "s01", "s02", "s03", "s04"]
