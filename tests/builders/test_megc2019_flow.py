"""MEGC2019's published flow, from the folder as it lies there to a report."""

import json

import cv2
import numpy as np
import pytest
from corpora import megc2019_flow as fake

from merclip_jax import train
from merclip_jax.configs.baselines import flow_regression, ststnet
from merclip_jax.data import datasets, motion, pack, published_flow
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.protocols import selection
from merclip_jax.tfds_builders.frames import NoFramesError
from merclip_jax.tfds_builders.megc2019_flow.corpus import Megc2019Flow


@pytest.mark.parametrize("headings", ["sub,imagename,label", "Subject,File name,Emotion", ""])
@pytest.mark.parametrize("blank", [" ", ""])
def test_every_spelling_is_read(tmp_path, headings, blank):
    fake.make_megc2019_flow(tmp_path, headings=headings, blank=blank)
    clips = {clip.clip: clip for clip in Megc2019Flow(tmp_path).clips()}
    assert list(clips) == [row[2] for row in fake.ROWS]
    for corpus, subject, name, label in fake.ROWS:
        clip = clips[name]
        assert (clip.split, clip.subject) == (corpus, f"{corpus}-{subject}")
        assert clip.emotion == ("negative", "positive", "surprise")[label]
        assert (clip.onset, clip.apex, clip.offset, clip.apex_valid) == (1, 1, 1, True)
        assert [path.name for path in clip.frames] == [f"{name}{blank}.png"]


def test_the_subject_may_stand_before_the_clip(tmp_path):
    rows = [("casme2", "1", "sub01_EP02_01f", 1), ("casme2", "sub02", "sub02_EP02_01f", 0)]
    fake.make_megc2019_flow(tmp_path, rows)
    listed = "dataset,sub,clip,label\ncasme2,1,EP02_01f,1\nCASME II,sub02,EP02_01f,0\n"
    (tmp_path / fake.LIST).write_text(listed)
    found = [clip.frames[0].name for clip in Megc2019Flow(tmp_path).clips()]
    assert found == ["sub01_EP02_01f .png", "sub02_EP02_01f .png"]


def test_all_faults_are_said_at_once(tmp_path):
    place = fake.make_megc2019_flow(tmp_path)
    (place / "006_1_3 .png").unlink()
    (place / "011_2_1.png").write_bytes((place / "011_2_1 .png").read_bytes())
    text = (tmp_path / fake.LIST).read_text()
    text = text.replace("s01_ne_01,0", "s01_ne_01,7").replace("s03,s03_sur_02", "x,y")
    (tmp_path / fake.LIST).write_text(text + "s01,s01_po_01,1\n")
    with pytest.raises(DataError) as error:
        Megc2019Flow(tmp_path).clips()
    said = str(error.value)
    for part in (
        "row 2: s01/s01_ne_01: label '7' is none of 0, 1, 2",
        "row 4: dataset '', clip 'y', subject 'x': not named as SMIC",
        "has a row already",
        "no picture '006_1_3 .png'",
        "'011_2_1 .png', '011_2_1.png' have one name",
    ):
        assert part in said


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=fake.LIST):
        Megc2019Flow(tmp_path).clips()
    (tmp_path / fake.LIST).write_text("sub,imagename,label\ns01,s01_ne_01,0\n")
    with pytest.raises(NoFramesError, match=f"no folder {fake.FOLDER}"):
        Megc2019Flow(tmp_path).clips()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("htnet")
    fake.make_megc2019_flow(folder)
    return folder


def test_packed_motion_is_u_and_v_less_their_median(root, tmp_path):
    builder = datasets.prepare("megc2019_flow", root, tmp_path)
    packed = pack.load([builder], 28, tmp_path, "memmap", kind="motion")
    row = packed.table.set_index("clip").loc["006_1_3"]
    assert (row["apex"], row["apex_annotated"], row["split"]) == (0, 1, "samm")
    written = cv2.imread(str(root / "datasets" / fake.FOLDER / "006_1_3 .png"))
    moved = written[..., :2].astype(float)
    moved -= np.median(moved, (0, 1))
    moved /= np.sqrt((moved**2).mean())
    found = np.asarray(motion.decode(packed.stored.motion[row["start"]]))
    np.testing.assert_allclose(found[::2, ::2], moved, atol=0.06)  # bytes are coarse
    np.testing.assert_array_equal(found[::2, ::2], found[1::2, 1::2])


def test_channels_are_told_by_the_strain():
    pictures = np.stack([fake.flow(label, label) for label in range(3)])
    assert published_flow.channels(pictures) == (0, 1)
    assert published_flow.channels(pictures[..., ::-1]) == (2, 1)
    with pytest.raises(DataError, match="do not tell which is strain"):
        published_flow.channels(np.full((2, 28, 28, 3), 7, np.uint8))


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


@pytest.mark.parametrize(("field", "value"), [("input", "rgb"), ("image_size", 112)])
def test_it_is_read_as_motion_alone(field, value, root, tmp_path):
    config = ststnet.get_config("megc2019_flow")
    config.data.update(manual_dir=str(root), **{field: value})
    with pytest.raises(ConfigError, match="--config.data.input=motion"):
        train.run(config, tmp_path)


def test_the_protocol_has_megc2019s_counts():
    assert selection.get("megc2019/flow").counts == (442, 68)
