"""Protocols without emotion classes: action units alone, from the owners' files to the report."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from corpora import casme, casme2, casme3, fourdme, mmew, samm

from merclip_jax import train, workdir
from merclip_jax.configs import cd6me, corpus_au
from merclip_jax.data import audit, datasets
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.facs import labels as au_labels
from merclip_jax.protocols import selection
from merclip_jax.reports import audit_page, comparison, paired, report, results

# Counted by hand in the rows of the fake corpora: clips with each unit.
UNITS = {1: 5, 2: 6, 4: 11, 5: 2, 6: 0, 7: 8, 9: 0, 10: 4, 12: 7, 14: 4, 15: 4, 17: 0}
CLIPS = {"casme": 4, "casme2": 10, "samm": 8, "fourdme": 4, "mmew": 4, "casme3": 6}


def small(config, nano_model, data_dir):
    """The same run at the least size that trains: one epoch, CLIP's image tower left as it is."""
    with config.unlocked():
        config.data.update(image_size=32, frames=8, data_dir=str(data_dir), placement="host")
        config.data.crop = "owner"  # the fake files show no face to align
        config.model.update(init_from=str(nano_model), adapters=False, freeze_image=True)
        config.recipe.update(epochs=1, warmup_epochs=0, batch_size=4)
        config.augment.update(augmix=False, color=False)
        config.parallel.devices = 1
        config.eval.batch_size = 4
    return config


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with one folder per corpus."""
    folder = tmp_path_factory.mktemp("corpora")
    casme.make_casme(folder / "casme")
    casme2.make_casme2(folder / "casme2", subjects=2)
    samm.write_workbook(folder / "samm", samm.rows(2))
    samm.write_frames(folder / "samm", samm.rows(2), "SAMM_CROP")
    fourdme.make_fourdme(folder / "fourdme")
    mmew.make_mmew(folder / "mmew")
    casme3.make_casme3(folder / "casme3")
    return folder


@pytest.fixture(scope="module")
def prepared_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="module")
def finished(root, prepared_dir, nano_model, tmp_path_factory):
    """configs/cd6me.py on fake files of its six corpora: workdir and report."""
    config = small(cd6me.get_config(), nano_model, prepared_dir)
    config.data.update(manual_dir=str(root), builder_config="samm=cropped")
    directory = tmp_path_factory.mktemp("cd6me") / "run"
    return directory, train.run(config, directory)


def test_each_corpus_is_held_out_once(finished):
    directory, written = finished
    predictions = workdir.read_table(directory / "predictions.csv")
    assert (predictions["fold"] == predictions["dataset"]).all()
    assert predictions["dataset"].value_counts().to_dict() == CLIPS
    assert not [
        name for name in predictions if name in ("label", "prediction") or name.startswith("p_")
    ]
    history = workdir.read_table(directory / "history.csv")
    assert list(history["fold"]) == list(CLIPS)
    assert np.isfinite(history["loss"]).all()


def test_supports_are_those_of_the_annotation(finished):
    values = finished[1].values["au"]
    assert {name: row["support"] for name, row in values["per_au"].items()} == {
        f"AU{unit}": count for unit, count in UNITS.items()
    }
    assert {name: part["n_clips"] for name, part in values["parts"].items()} == CLIPS
    labels = results.read(finished[0]).headline.au_labels
    assert (labels[:, list(UNITS).index(6)] == -1).sum() == 2  # SAMM's '(R6 or R12)+R15', twice


def test_the_report_says_nothing_of_emotions(finished):
    directory, written = finished
    values = json.loads((directory / "report.json").read_text())
    assert values == written.values
    for name in ("metrics", "parts", "per_class", "bounds"):
        assert values[name] == {}
    assert values["confusion"] == values["per_subject"] == []
    assert values["paper"] is values["explanations"] is values["au"]["undecided"] is None
    assert values["protocol"]["classes"] == [] and values["protocol"]["counts"] == {}
    texts = [written.table()]
    texts += [(directory / f"report.{kind}").read_text() for kind in ("md", "html")]
    for text in texts:
        text = re.sub(r"base64,[^\"]*", "", text)  # of pictures, where any letters may meet
        assert "UF1" not in text and "UAR" not in text
        assert f"{values['au']['f1']['value']:.3f}" in text
        assert all(name in text for name in CLIPS)


def test_every_link_and_label_of_the_page_has_its_place(finished):
    class Page(HTMLParser):
        places, wanted = set(), set()

        def handle_starttag(self, tag, attributes):
            found = dict(attributes)
            self.places |= {found["id"]} if "id" in found else set()
            self.wanted |= {found["aria-labelledby"]} if "aria-labelledby" in found else set()
            if found.get("href", "").startswith("#"):
                self.wanted.add(found["href"][1:])

    page = Page()
    page.feed((finished[0] / "report.html").read_text())
    assert page.wanted <= page.places
    assert {"units", "training"} <= page.places and not {"scores", "classes"} & page.places


def test_the_verdict_is_about_the_best_guesser(finished):
    run = results.read(finished[0])
    values = report.build(run).values["au"]
    labels = run.headline.au_labels
    share = np.array([(labels[:, i] == 1).sum() / (labels[:, i] >= 0).sum() for i in range(12)])
    always = 2 * share / (1 + share)
    assert values["bounds"]["always"]["f1"] == pytest.approx(always[share > 0].mean())
    best = max(mark["f1"] for mark in values["bounds"].values())
    assert f"{best:.3f}" in finished[1].verdict
    assert ("Better" in finished[1].verdict) == (values["f1"]["ci95"][0] > best)


def test_a_run_against_itself(finished):
    run = results.read(finished[0])
    compared = paired.compare(run, run)
    assert list(compared) == ["au_f1", "au_f1_macro"]
    assert all(outcome.difference == 0 for outcome in compared.values())
    assert "AU: F1 of both states" in comparison.table(compared)


def test_merclip_needs_classes(nano_model, tmp_path):
    config = small(cd6me.get_config(), nano_model, tmp_path)
    config.model.system = "merclip"
    with pytest.raises(ConfigError, match="cd6me has no emotion classes.*micro_au"):
        train.run(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_table_that_tells_nothing_is_refused(finished, tmp_path):
    for name in ("run.json", "clips.csv", "history.csv"):
        (tmp_path / name).write_bytes((finished[0] / name).read_bytes())
    table = workdir.read_table(finished[0] / "predictions.csv")
    table[[name for name in table if not name.startswith("au_p_")]].to_csv(
        tmp_path / "predictions.csv", index=False
    )
    with pytest.raises(DataError, match="neither classes nor action units"):
        results.read(tmp_path)


def test_an_audit_names_protocols_of_units_alone(root):
    found = audit.audit(datasets.corpus("casme", root / "casme"))
    assert found["protocols"]["casme/au"]["n_clips"] == 4
    assert found["protocols"]["casme/au"]["counts"] == {}
    text = audit_page.text(found)
    assert "action units alone, no classes" in text[text.index("casme/au") :]
    assert "none: action units alone" in audit_page.html(found)


# Counted by hand as above, over the units that within-corpus papers use.
OF_ONE = {
    "casme": {1: 1, 4: 2, 9: 0, 14: 1},
    "mmew": {1: 0, 2: 0, 4: 2, 5: 1, 7: 1, 10: 1, 12: 2, 14: 0},
    "fourdme": {1: 1, 2: 2, 4: 1, 6: 0, 7: 1, 12: 0, 17: 0, 45: 1},
}


@pytest.mark.parametrize("name", OF_ONE)
def test_units_of_one_corpus(name, root):
    config = corpus_au.get_config(name)
    table = datasets.annotations(name, str(root / name), "")
    rows = selection.select(selection.get(config.data.protocol), table)
    units = au_labels.units(config.au.units, config.au.sides)
    found = au_labels.matrix(rows["action_units"], units)
    assert len(rows) == CLIPS[name] and units == tuple(map(str, OF_ONE[name]))
    assert (found == 1).sum(0).tolist() == list(OF_ONE[name].values())
    assert (found >= 0).all()


def test_the_blink_is_a_unit_like_others(root, prepared_dir, nano_model, tmp_path):
    config = small(corpus_au.get_config("fourdme"), nano_model, prepared_dir)
    config.data.manual_dir = str(root / "fourdme")
    values = train.run(config, tmp_path / "run").values["au"]
    found = {name: row["support"] for name, row in values["per_au"].items()}
    assert found == {f"AU{unit}": count for unit, count in OF_ONE["fourdme"].items()}
    assert values["parts"] == {}
