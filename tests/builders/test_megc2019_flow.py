"""MEGC2019's published flow, from the folder as it lies there to a report."""

import json

import cv2
import jax.numpy as jnp
import numpy as np
import pytest
from corpora import megc2019_flow as fake

from merclip_jax import train
from merclip_jax.audit import main as audit_command
from merclip_jax.configs import megc2019_flow
from merclip_jax.configs.baselines import flow_regression, ststnet
from merclip_jax.data import audit, datasets, motion, pack
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.protocols import selection
from merclip_jax.reports import audit_page
from merclip_jax.tfds_builders.frames import NoFramesError
from merclip_jax.tfds_builders.megc2019_flow.corpus import Megc2019Flow
from merclip_jax.tfds_builders.synthetic_me.corpus import THREE_CLASSES, Corpus
from merclip_jax.tfds_builders.synthetic_me.synthetic_me_dataset_builder import Builder

OWNERS = {
    "casme2-01/EP02_01f": ("casme2", "positive", "sub01_EP02_01f"),
    "casme2-01/EP03_02": ("casme2", "negative", "sub01_EP03_02"),
    "casme2-02/EP02_01f": ("casme2", "surprise", "sub02_EP02_01f"),
    "smic-s1/s1_ne_01": ("smic", "negative", "s01_s01_ne_01"),
    "smic-s1/s1_po_01": ("smic", "positive", "s01_s01_po_01"),
    "smic-s13/s13_sur_02": ("smic", "surprise", "s13_s13_sur_02"),
    "samm-006/006_1_2": ("samm", "negative", "006_006_1_2"),
    "samm-006/006_1_3": ("samm", "positive", "006_006_1_3"),
    "samm-011/011_2_1": ("samm", "surprise", "011_011_2_1"),
}


@pytest.mark.parametrize("blank", [" ", ""])
def test_clips_are_called_as_their_owners_call_them(tmp_path, blank):
    fake.make_megc2019_flow(tmp_path, blank=blank)
    clips = {clip.key: clip for clip in Megc2019Flow(tmp_path).clips()}
    assert list(clips) == list(OWNERS)
    for key, (corpus, emotion, picture) in OWNERS.items():
        clip = clips[key]
        assert (clip.split, clip.emotion) == (corpus, emotion)
        assert (clip.onset, clip.apex, clip.offset, clip.apex_valid) == (1, 1, 1, True)
        assert [path.name for path in clip.frames] == [f"{picture}{blank}.png"]


def test_all_faults_are_said_at_once(tmp_path):
    place = fake.make_megc2019_flow(tmp_path)
    (place / "006_006_1_3 .png").unlink()
    text = (tmp_path / fake.LIST).read_text()
    text = text.replace("s01_ne_01,0", "s01_ne_01,7").replace("smic,s13", "casme3,s13")
    (tmp_path / fake.LIST).write_text(text + "smic,s01,s01_po_01,1,,,\n")
    with pytest.raises(DataError) as error:
        Megc2019Flow(tmp_path).clips()
    said = str(error.value)
    for part in (
        "row 5: s01/s01_ne_01: label '7' is none of 0, 1, 2",
        "row 7: s13/s13_sur_02: dataset 'casme3' is none of smic, casme2, samm",
        "has a row already",
        "no picture '006_006_1_3 .png'",
    ):
        assert part in said


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=fake.LIST):
        Megc2019Flow(tmp_path).clips()
    (tmp_path / fake.LIST).write_text(f"{fake.HEADINGS}\nsmic,s01,s01_ne_01,0,,,\n")
    with pytest.raises(NoFramesError, match=f"no folder {fake.FOLDER}"):
        Megc2019Flow(tmp_path).clips()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("htnet")
    fake.make_megc2019_flow(folder)
    return folder


def test_packed_motion_is_each_channel_less_its_median_over_its_size(root, tmp_path):
    builder = datasets.prepare("megc2019_flow", root, tmp_path)
    packed = pack.load([builder], 28, tmp_path, "memmap", kind="motion")
    row = packed.table.set_index("clip").loc["006_1_3"]
    assert (row["apex"], row["apex_annotated"], row["split"]) == (0, 1, "samm")
    written = cv2.imread(str(root / "datasets" / fake.FOLDER / "006_006_1_3 .png"))[..., ::-1]
    moved = written.astype(float) - np.median(written, (0, 1))
    moved /= np.sqrt((moved**2).mean((0, 1)))
    found = np.asarray(motion.decode(packed.stored.motion[row["start"]]))
    np.testing.assert_allclose(found[::2, ::2], moved, atol=0.06)  # bytes are coarse
    np.testing.assert_array_equal(found[::2, ::2], found[1::2, 1::2])


def test_the_strain_that_is_seen_is_the_published_one(root, tmp_path):
    builder = datasets.prepare("megc2019_flow", root, tmp_path)
    stored = pack.load([builder], 28, tmp_path, "memmap", kind="motion").stored.motion
    seen = np.asarray(motion.pictures(stored[:1]))[0]
    given = np.asarray(motion.decode(stored[0]))[::2, ::2]
    np.testing.assert_allclose(seen[..., 2], given[..., 2], atol=1e-5)
    mirrored = np.asarray(motion.mirror(jnp.asarray(given)))
    np.testing.assert_array_equal(mirrored[:, ::-1] * [-1, 1, 1], given)


def test_flow_and_faces_do_not_go_together(root, tmp_path):
    config = ststnet.get_config("megc2019_flow")
    config.data.update(dataset="megc2019_flow+synthetic_me", manual_dir=f"megc2019_flow={root}")
    with pytest.raises(ConfigError, match="pictures of flow and of faces do not go together"):
        train.run(config, tmp_path)


def test_the_audit_says_what_there_is_of_each_corpus(root, capsys):
    assert audit_command(["--dataset=megc2019_flow", f"--manual_dir={root}"]) == 0
    said = capsys.readouterr().out
    assert "megc2019_flow: 9 clips of 6 subjects" in said
    assert "parts: casme2 3, samm 3, smic 3" in said
    assert "faults: none" in said
    assert "smic: 3 here, 164 published" in said
    values = audit.audit(datasets.corpus("megc2019_flow", root), pixels=True)
    assert values["faults"] == []  # neither short nor without a face: it has no duration, no faces
    assert "clips by part" in audit_page.html(values)


@pytest.mark.parametrize("module", [flow_regression, ststnet])
def test_from_the_folder_to_a_report(module, root, data_dir, tmp_path):
    config = module.get_config("megc2019_flow")
    config.data.update(manual_dir=str(root), data_dir=str(data_dir / "flow"))
    config.recipe.update(epochs=min(3, config.recipe.epochs), warmup_epochs=0, batch_size=8)
    config.parallel.devices = 1
    report = train.run(config, tmp_path)
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["protocol"]["counts"] == {"negative": 3, "positive": 3, "surprise": 3}
    assert set(written["parts"]) == {"smic", "casme2", "samm"}
    assert written["protocol"]["n_subjects"] == 6
    if module is flow_regression:
        assert report.metrics["uf1"]["value"] == 1


def test_ours_goes_from_drawn_people_to_real_ones(root, tmp_path, monkeypatch):
    corpus = Corpus(size=56, subjects=11, clips_per_subject=2, emotions=THREE_CLASSES)
    monkeypatch.setattr(Builder.builder_configs["flow"], "corpus", corpus)
    monkeypatch.setattr(Builder.builder_configs["flow"], "more", ())
    drawn, real = (megc2019_flow.get_config(step) for step in ("drawn", "real"))
    for config in (drawn, real):
        config.data.update(manual_dir=str(root), data_dir=str(tmp_path / "data"))
        config.recipe.update(epochs=1, warmup_epochs=0, batch_size=8)
        config.parallel.devices = 1
    train.run(drawn, tmp_path / "drawn")
    start = tmp_path / "drawn" / "folds" / "hold_out" / "model-seed0"
    real.model.init_from = str(start)
    report = train.run(real, tmp_path / "real")
    assert set(report.values["parts"]) == {"smic", "casme2", "samm"}
    seen = json.loads((start / "merclip.json").read_text())["seen"]
    assert set(seen) == {"synthetic_me"}


@pytest.mark.parametrize(("field", "value"), [("input", "rgb"), ("image_size", 112)])
def test_it_is_read_as_motion_alone(field, value, root, tmp_path):
    config = ststnet.get_config("megc2019_flow")
    config.data.update(manual_dir=str(root), **{field: value})
    with pytest.raises(ConfigError, match="--config.data.input=motion"):
        train.run(config, tmp_path)


def test_the_list_is_megc2019s():
    lists = selection.published()
    whole, flow = lists["megc2019/full"], lists["megc2019/flow"]
    for name in ("n_clips", "n_subjects", "classes"):
        assert flow[name] == whole[name]
