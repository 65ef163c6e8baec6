"""A user's own clips: a CSV and what it names, from its faults to a trained fold."""

import os

import cv2
import numpy as np
import pytest
from films import film, shade

import merclip_jax
from merclip_jax import audit, bounds, train
from merclip_jax.data import datasets, own_clips
from merclip_jax.data.records import Records
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.tfds_builders.own_clips import openface
from merclip_jax.tfds_builders.own_clips.corpus import OwnClips

HEAD = "path,subject,label,AUs,onset,apex,offset"
ROWS = (
    "p1.mp4,p1,happy,12,,,",
    "p1.mp4,p1,surprise,1+2,3,5,8",
    "frames/p2 a,p2,Happiness,L12,,,",
    "frames/p2b,p2,surprise,,2,,5",
)


@pytest.fixture
def folder(tmp_path):
    """Two people: one on film (10 frames), one in two folders of 6 pictures, from img1 on."""
    film(tmp_path / "p1.mp4", range(0, 100, 10))
    for name in ("p2 a", "p2b"):
        (tmp_path / "frames" / name).mkdir(parents=True)
        for number in range(1, 7):
            cv2.imwrite(str(tmp_path / "frames" / name / f"img{number}.png"), shade(number))
    return tmp_path


def listed(folder, rows=ROWS, head=HEAD):
    (folder / "clips.csv").write_text("\n".join([head, *rows]) + "\n")
    return folder / "clips.csv"


def faults(folder, rows, head=HEAD):
    listed(folder, rows, head)
    return [str(fault) for fault in OwnClips(folder).sheet().faults]


def test_a_csv_gives_clips_classes_and_folds(folder):
    own = merclip_jax.data.from_csv(listed(folder))
    assert own.protocol.classes == ("happiness", "surprise")
    assert list(own.table["clip"]) == ["p1", "p1_3", "frames_p2_a", "frames_p2b_2"]
    assert list(own.table["class"]) == ["happiness", "surprise"] * 2
    assert [fold.name for fold in own.folds] == ["p1", "p2"]
    assert repr(own) == (
        f"<4 clips of 2 subjects in {folder}: happiness 2, surprise 2; 2 folds (loso)>"
    )


def test_frames_are_those_from_onset_to_offset(folder, tmp_path_factory):
    listed(folder)
    builder = datasets.prepare("own_clips", folder, tmp_path_factory.mktemp("data"))
    records = {record["clip"]: record for record in Records(builder)}
    numbers = {name: list(record["frame_numbers"]) for name, record in records.items()}
    assert numbers == {
        "p1": list(range(1, 11)),
        "p1_3": list(range(3, 9)),
        "frames_p2_a": list(range(1, 7)),
        "frames_p2b_2": list(range(2, 6)),
    }
    np.testing.assert_array_equal(records["frames_p2b_2"]["frames"][0], shade(2))
    means = [float(frame.mean()) for frame in records["p1_3"]["frames"]]
    expected = [float(shade(number - 1).mean()) for number in range(3, 9)]  # the first is 1
    np.testing.assert_allclose(means, expected, atol=2)
    assert records["frames_p2_a"]["fps"] == 0
    assert 100 <= records["p1_3"]["fps"] < 111  # the file states no length of its last frame


def test_every_fault_is_named_at_once_by_row_and_column(folder):
    found = faults(
        folder,
        [
            "nowhere.mp4,p1,happy,12,x,,",
            "p1.mp4,,3,99+,,,",
            "p1.mp4,p1,happy,12,,,60",
            "p1.mp4,p1,happy,12,2,9,8",
            "clips.csv,p1,happy,12,,,",
            ",p2,,12,1,,",
        ],
    )
    assert len(found) == 6
    for fault, *said in (
        (found[0], "row 2", "'nowhere.mp4': no such file", "(path)", "onset is 'x'", "(onset)"),
        (found[1], "row 3", "a row needs both", "label is '3', not a word", "(label)", "(AUs)"),
        (found[2], "row 4", "has 10 frames, and offset is 60", "(path)"),
        (found[3], "row 5", "apex 9 is not between onset 2 and offset 8", "(apex)"),
        (found[4], "row 6", "neither a video nor a folder of frames"),
        (found[5], "row 7", "path is blank", "label is blank"),
    ):
        assert all(words in fault for words in said), fault


def test_one_person_in_two_spellings_is_a_fault(folder):
    (fault,) = faults(folder, [*ROWS, "p1.mp4,P 1,happy,12,2,,"])
    assert "subject 'P 1' is 'p1' elsewhere" in fault


def test_openface_columns_are_action_units(folder):
    head = "path,subject,AU01_c,AU02_r,AU12_r,AU12_c"
    rows = ["p1.mp4,p1,1,0.9,3.2,0", "frames/p2b,p2,0.0,1.00,,1.0"]
    own = merclip_jax.data.from_csv(listed(folder, rows, head))
    assert list(own.table["aus"]) == ["1", "2+12"]
    assert own.protocol.classes == ()


def test_a_value_that_openface_never_writes_is_a_fault(folder):
    head = "path,subject,AU01_c,AU02_r"
    found = faults(folder, ["p1.mp4,p1,0.5,7", "frames/p2b,p2,1,yes"], head)
    assert "AU01_c is '0.5': presence is 0 or 1; see cell C2 (AU01_c)" in found[0]
    assert "AU02_r is '7': intensity goes from 0 to 5; see cell D2" in found[0]
    assert "AU02_r is 'yes'" in found[1]


def test_a_unit_is_told_by_presence_before_intensity():
    assert openface.units({"AU04_c": "0", "AU04_r": "4"}) == ""
    assert openface.units({"AU04_r": "1.0", "AU45_r": "0.99"}) == "4"


def test_a_split_is_one_fold(folder):
    head = f"{HEAD},split"
    rows = [f"{row},{'train' if 'p1' in row else 'test'}" for row in ROWS]
    own = merclip_jax.data.from_csv(listed(folder, rows, head))
    (fold,) = own.folds
    assert (fold.name, list(fold.train), list(fold.test)) == ("official", [0, 1], [2, 3])


@pytest.mark.parametrize(
    ("splits", "reason"),
    [
        (("train", "test", "train", "test"), "subject 'p1' is trained on and tested"),
        (("a", "a", "b", "b"), "some clips must be 'train'"),
        (("train", "train", "test", ""), "own_clips/p2/frames_p2b_2: split is blank"),
    ],
)
def test_a_split_that_cannot_be_used(folder, splits, reason):
    rows = [f"{row},{split}" for row, split in zip(ROWS, splits, strict=True)]
    listed(folder, rows, f"{HEAD},split")
    with pytest.raises(DataError, match=reason):
        merclip_jax.data.from_csv(folder)


def test_one_class_is_none(folder):
    with pytest.raises(DataError, match="every clip has the label 'happiness'"):
        merclip_jax.data.from_csv(listed(folder, [ROWS[0], ROWS[2]]))


def test_which_csv(folder):
    (folder / "notes.csv").write_text("a,b\n")
    (folder / "others.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"which CSV .*\(found: notes.csv, others.csv\)"):
        merclip_jax.data.from_csv(folder)
    listed(folder)
    assert len(merclip_jax.data.from_csv(folder).table) == 4
    with pytest.raises(ConfigError, match="clips.csv lies in the same folder and is read instead"):
        merclip_jax.data.from_csv(folder / "notes.csv")
    with pytest.raises(ConfigError, match="no such folder"):
        merclip_jax.data.from_csv(folder / "nowhere" / "clips.csv")


def test_what_is_prepared_goes_by_the_csv_and_its_files(folder, tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("data")
    listed(folder)
    first = datasets.prepare("own_clips", folder, data_dir).data_dir
    assert datasets.prepare("own_clips", folder, data_dir).data_dir == first
    os.utime(folder / "frames" / "p2b" / "img3.png", ns=(0, 0))
    touched = datasets.prepare("own_clips", folder, data_dir).data_dir
    listed(folder, ROWS[:3])
    fewer = datasets.prepare("own_clips", folder, data_dir)
    assert len({first, touched, fewer.data_dir}) == 3
    assert fewer.info.splits["train"].num_examples == 3


def test_the_audit_and_the_bounds_know_its_protocol(folder, capsys):
    listed(folder)
    assert audit.main(["--dataset=own_clips", f"--manual_dir={folder}"]) == 0
    assert "happiness 2" in capsys.readouterr().out
    flags = ["--config=configs/own_clips.py", f"--config.data.manual_dir={folder}"]
    assert bounds.main(flags) == 0
    assert "own_clips" in capsys.readouterr().out


def test_it_trains(folder, tiny_config, tmp_path_factory):
    listed(folder)
    config = tiny_config.copy_and_resolve_references()
    config.data.update(dataset="own_clips", protocol="own_clips", builder_config="")
    config.data.manual_dir = str(folder)
    config.data.data_dir = str(tmp_path_factory.mktemp("data"))
    config.recipe.update(epochs=1, warmup_epochs=0, batch_size=2)
    config.augment.face_mix = 0.0
    report = train.run(config, tmp_path_factory.mktemp("run") / "run")
    assert report.values["protocol"]["classes"] == ["happiness", "surprise"]
    assert report.values["protocol"]["n_clips"] == 4
    assert own_clips.protocol(config.data).classes == ("happiness", "surprise")
