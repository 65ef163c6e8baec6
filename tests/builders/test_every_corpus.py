"""Every corpus that is read from disk, from the owner's files to the report; several at once, too.

What a corpus's own quirks do is tested beside its reader; here, that all of them go all the way.
Corpora of as many classes and sentences share their compiled programs.
"""

import importlib
import json
from dataclasses import dataclass, field

import numpy as np
import pytest
from corpora import mmew

from merclip_jax import train, workdir
from merclip_jax.data import audit, datasets
from merclip_jax.protocols import folds as cross_validation
from merclip_jax.protocols import selection
from merclip_jax.reports import audit_page

KEYS = {
    *("dataset", "annotation_file", "layout", "n_clips", "n_subjects", "parts"),
    *(
        "emotions",
        "objective_classes",
        "aus",
        "subjects",
        "published",
        "protocols",
        "faults",
        "corrections",
    ),
}


@dataclass(frozen=True)
class Case:
    """A fake corpus, and what its rows say by hand: `classes` are the clips of the protocol."""

    clips: int
    subjects: int
    protocol: str
    classes: dict[str, int]
    folds: tuple[str, ...]
    aus: dict[str, int]
    make: dict = field(default_factory=dict)


CASES = {
    "casme": Case(
        4, 2, "casme/4", {"disgust": 1, "repression": 1, "surprise": 1, "tense": 1},
        ("01", "19"), {"1": 1, "2": 1, "4": 2, "10": 1, "14": 1},
    ),
    "casme2": Case(
        10, 2, "merclip/casme2/3", {"negative": 4, "positive": 2, "surprise": 2},
        ("01", "02"), {"1": 2, "2": 2, "4": 4, "7": 2, "10": 2, "12": 2, "14": 2, "15": 2},
        {"subjects": 2},
    ),
    "casme3": Case(
        6, 3, "merclip/casme3/3", {"negative": 2, "positive": 1, "surprise": 1},
        ("spNO.1", "spNO.14", "spNO.217"),
        {name: 1 for name in ("1", "2", "5", "12", "14", "16", "18", "23", "24", "28")},
    ),
    "casme3_c": Case(
        4, 3, "casme3_c/4", {"negative": 1, "positive": 1, "surprise": 1, "others": 1},
        ("1", "2", "10"), {"1": 1, "4": 2, "5": 1, "11": 1, "14": 1, "24": 1},
    ),
    "casme_sq": Case(
        4, 3, "casme_sq/4", {"negative": 1, "positive": 1, "surprise": 1, "others": 1},
        ("s15", "s16", "s40"), {"1": 1, "2": 1, "4": 1, "12": 1, "14": 1},
    ),
    "dfme": Case(
        5, 4, "dfme/7", {"anger": 1, "contempt": 1, "disgust": 1, "happiness": 1, "sadness": 1},
        ("official",), {"1": 1, "2": 1, "4": 1, "5": 1, "23": 2, "38": 1, "57": 1},
    ),
    "fourdme": Case(
        4, 3, "fourdme/5", {"negative": 1, "others": 1, "surprise": 1},
        ("S08", "S13", "S13_1st"), {"1": 1, "2": 2, "4": 1, "7": 1, "45": 1},
    ),
    "mmew": Case(
        5, 3, "mmew/4", {"disgust": 1, "happiness": 1, "others": 1, "surprise": 1},
        ("S03", "S13", "S30"), {"4": 2, "5": 1, "7": 1, "9": 1, "10": 1, "12": 2},
        {"table": [*mmew.ROWS, mmew.Row(13, "S13-03-002", 4, 9, "9", "disgust")]},
    ),
    "samm": Case(
        8, 2, "merclip/samm/3", {"negative": 4, "positive": 2, "surprise": 2},
        ("006", "011"), {"4": 2, "7": 4, "12": 2, "15": 2, "43": 2}, {"subjects": 2},
    ),
    "smic": Case(
        5, 2, "megc2019/smic", {"negative": 2, "positive": 1, "surprise": 2},
        ("s1", "s3"), {}, {"counts": {1: (1, 1, 1), 3: (1, 0, 1)}},
    ),
    "smic_e": Case(
        3, 2, "smic_e/3", {"negative": 1, "positive": 1, "surprise": 1}, ("s9", "s20"), {},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with a folder per corpus, as a run on several corpora takes it."""
    folder = tmp_path_factory.mktemp("corpora")
    for name, case in CASES.items():
        fake = importlib.import_module(f"corpora.{name}")
        getattr(fake, f"make_{name}")(folder / name, **case.make)
    return folder


@pytest.fixture(scope="module")
def prepared_dir(tmp_path_factory):
    """Where all tests of this file keep prepared datasets."""
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture
def run(root, prepared_dir, tiny_config, tmp_path):
    """Runs the least that trains: one epoch, CLIP's image tower left as it is, a linear head."""

    def start(dataset, protocol, manual_dir=root):
        config = tiny_config.copy_and_resolve_references()
        config.data.update(dataset=dataset, protocol=protocol, builder_config="")
        config.data.update(manual_dir=str(manual_dir), data_dir=str(prepared_dir))
        config.model.update(adapters=False, freeze_image=True, head="linear")
        config.recipe.update(epochs=1, warmup_epochs=0, batch_size=4)
        config.augment.face_mix = 0.0
        train.run(config, tmp_path / "run")
        return tmp_path / "run"

    return start


def read(directory):
    """report.json and the tables of predictions and of the history of a run."""
    written = json.loads((directory / "report.json").read_text())
    tables = [workdir.read_table(directory / f"{name}.csv") for name in ("predictions", "history")]
    return written, *tables


def check_finite(written, predictions, history):
    for score in written["metrics"].values():
        assert np.isfinite([score["value"], *score["ci95"], *score["seeds"]]).all()
    shares = predictions.filter(regex="^p_")
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert np.isfinite(history[["loss", "loss_alignment", "loss_emotion"]]).all().all()


def test_no_corpus_is_forgotten():
    apart = {
        "synthetic_me",
        "megc2019_flow",
        "own_clips",
    }  # made by code; pictures of flow; a user's own: with tests of their own
    assert {*CASES, *apart} == set(datasets.datasets())


@pytest.mark.parametrize("name", CASES)
def test_an_audit_counts_its_rows(name, root):
    case, found = CASES[name], audit.audit(datasets.corpus(name, root / name))
    assert json.loads(json.dumps(found)) == found
    assert found.keys() == KEYS
    assert (found["dataset"], found["n_clips"], found["n_subjects"]) == (
        name,
        case.clips,
        case.subjects,
    )
    assert sum(found["emotions"].values()) == sum(found["subjects"].values()) == case.clips
    assert found["aus"] == case.aus
    taken = found["protocols"][case.protocol]
    assert {label: n for label, n in taken["counts"].items() if n} == case.classes
    assert taken["n_clips"] == sum(case.classes.values())
    kinds = [fault["kind"] for fault in found["faults"]]
    assert not any(fault["stops_build"] for fault in found["faults"])
    assert kinds.count("short") == case.clips
    assert set(kinds) - {"short"} == ({"annotation"} if name == "casme" else set())  # its note
    shown = audit_page.html(found)
    assert all(f'<th scope="row">{protocol}</th>' in shown for protocol in found["protocols"])


@pytest.mark.parametrize("name", CASES)
def test_what_is_prepared_is_what_the_annotation_says(name, root, prepared_dir):
    case = CASES[name]
    builder = datasets.prepare(name, root / name, prepared_dir)
    records = {record["clip_id"].decode(): record for record in builder.as_data_source("train")}
    table = datasets.annotations(name, str(root / name), prepared_dir)
    assert set(table["clip_id"]) == set(records) and len(records) == case.clips
    for record in records.values():
        numbers = list(record["frame_numbers"])
        assert numbers == list(range(record["onset_used"], record["offset_used"] + 1))
        assert len(record["frames"]) == len(numbers)
    protocol = selection.get(case.protocol)
    rows = selection.select(protocol, table)
    assert rows["class"].value_counts().to_dict() == case.classes
    assert tuple(fold.name for fold in cross_validation.of_protocol(protocol, rows)) == case.folds


@pytest.mark.parametrize("name", CASES)
def test_it_trains_and_reports(name, root, run):
    case = CASES[name]
    written, predictions, history = read(run(name, case.protocol, root / name))
    check_finite(written, predictions, history)
    assert written["protocol"]["name"] == case.protocol
    assert tuple(history["fold"]) == case.folds
    tested = 2 if name == "dfme" else sum(case.classes.values())  # its parts A and B
    assert len(predictions) == tested and predictions["clip_id"].is_unique
    if not case.aus:
        assert (history["loss_alignment"] == 0).all()
        assert not [column for column in predictions if column.startswith("nearest")]
        assert written["explanations"] is None
        assert written["bounds"]["au_oracle_loso"] is None


def test_megc2019_leaves_out_the_subjects_of_three_corpora(run):
    directory = run("smic+casme2+samm", "megc2019/full")
    written, predictions, history = read(directory)
    check_finite(written, predictions, history)
    folds = ["smic-s1", "smic-s3", "casme2-01", "casme2-02", "samm-006", "samm-011"]
    assert list(history["fold"]) == folds
    assert written["protocol"]["name"] == "megc2019/full"
    assert written["protocol"]["counts"] == {"negative": 10, "positive": 5, "surprise": 6}
    assert written["protocol"]["n_subjects"] == 6
    clips = workdir.read_table(directory / "clips.csv")
    assert sorted(predictions["clip_id"]) == sorted(clips["clip_id"])
    assert (predictions["fold"] == predictions["dataset"] + "-" + predictions["subject"]).all()
    assert ((clips["aus"] == "") == (clips["dataset"] == "smic")).all()
    assert (predictions["nearest_1"] != "").all()  # SMIC's too, of the other corpora's clips
    assert (history["loss_alignment"] > 0).all()
    assert written["bounds"]["au_oracle_loso"] is not None


def test_cd6me_leaves_one_corpus_out(run):
    names = ["casme", "casme2", "samm", "fourdme", "mmew", "casme3"]
    directory = run("+".join(names), "cd6me/3")
    written, predictions, history = read(directory)
    check_finite(written, predictions, history)
    assert list(history["fold"]) == names
    assert (predictions["fold"] == predictions["dataset"]).all()
    assert predictions["clip_id"].is_unique
    assert predictions["dataset"].value_counts().to_dict() == {
        **{"casme": 3, "casme2": 8, "samm": 8, "fourdme": 2, "mmew": 4, "casme3": 4},
    }
    assert written["protocol"]["name"] == "cd6me/3"
    assert written["protocol"]["n_clips"] == len(predictions) == 29
