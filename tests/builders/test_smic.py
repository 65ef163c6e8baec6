import pandas as pd
import pytest
from corpora import smic

from merclip_jax.data import datasets, pack
from merclip_jax.errors import DataError
from merclip_jax.protocols import selection
from merclip_jax.tfds_builders.records import ABSENT
from merclip_jax.tfds_builders.smic import names
from merclip_jax.tfds_builders.smic.corpus import Smic


@pytest.mark.parametrize("layout", sorted(smic.FRAMES))
def test_every_layout(tmp_path, layout):
    made = smic.make_smic(tmp_path, layout)
    found = {clip.clip: clip for clip in Smic(tmp_path, layout).clips()}
    assert sorted(found) == sorted(name for _, name, _ in made)
    for label, name, first in made:
        clip = found[name]
        assert (clip.emotion, clip.subject) == (label, name.split("_")[0])
        assert clip.frame_numbers == list(range(first, first + 6))
        assert clip.fps == (100 if layout.startswith("hs") else 25)


def test_the_default_is_high_speed_and_cropped_among_all_others(tmp_path):
    for layout in smic.FRAMES:
        smic.make_smic(tmp_path, layout)
    for layout, (place, _) in smic.FRAMES.items():
        assert Smic(tmp_path, layout).annotation() == tmp_path / place
    assert Smic(tmp_path).layout == "hs_cropped"


def test_onset_and_offset_are_the_ends_and_the_middle_serves_as_apex(tmp_path):
    smic.make_smic(tmp_path, counts={1: (1, 0, 0)})
    sheet = Smic(tmp_path).sheet()
    assert sheet.faults == []
    clip = sheet.clips[0]
    assert clip.clip_id == "smic/s1/s1_ne_01"
    assert (clip.onset, clip.apex, clip.offset) == (99_000, ABSENT, 99_005)
    assert (clip.onset_used, clip.apex_used, clip.offset_used) == (99_000, 99_002, 99_005)
    assert (clip.apex_valid, clip.aus, clip.objective_class) == (False, "", 0)


def test_numbers_of_five_and_six_digits_stay_in_order(tmp_path):
    smic.make_smic(tmp_path, counts={1: (1, 0, 0)})
    folder = tmp_path / "SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01"
    for number in range(99_000, 99_006):  # written bare, as the longer numbers are
        (folder / f"reg_image{number:06d}.bmp").rename(folder / f"reg_image{number + 997}.bmp")
    numbers = Smic(tmp_path).clips()[0].frame_numbers
    assert numbers == list(range(99_997, 100_003))


def test_the_megc2019_list_comes_out_of_the_real_counts(tmp_path):
    made = smic.make_smic(tmp_path, counts=smic.REAL_COUNTS, length=1, size=(4, 4))
    labels = pd.Series([label for label, _, _ in made])
    assert labels.value_counts().to_dict() == {"negative": 70, "positive": 51, "surprise": 43}
    found = Smic(tmp_path).sheet().clips
    table = pd.DataFrame(
        [("smic", clip.subject, clip.clip, clip.emotion) for clip in found],
        columns=["dataset", "subject", "clip", "class"],
    )
    assert table["subject"].nunique() == 16
    assert selection.match(selection.fingerprint(table)) == "megc2019/smic"


def test_a_copy_that_pads_its_subjects_names_the_same_clips(tmp_path):
    smic.make_smic(tmp_path / "plain")
    smic.make_smic(tmp_path / "padded", padded=True)
    plain, padded = (Smic(tmp_path / name).sheet().clips for name in ("plain", "padded"))
    assert sorted(padded, key=lambda clip: clip.clip) == sorted(plain, key=lambda clip: clip.clip)


def test_a_name_is_read_in_any_case_and_padding():
    for name in ("s1_ne_02", "S01_NE_02"):
        assert names.read(name, "s01") == ("s1", "s1_ne_02", "negative")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "s1/micro/negative/s1_ne_01",
            "s1/micro/positive/s1_ne_01",
            "the folder's label is 'positive', but the name s1_ne_01 says 'negative'",
        ),
        (
            "s1/micro/negative/s1_ne_01",
            "s3/micro/negative/s1_ne_01",
            "s1_ne_01 is listed under subject 's3'",
        ),
        (
            "s1/micro/negative/s1_ne_01",
            "s1/micro/negative/clip one",
            "'clip one' is not a clip's name, such as s1_ne_01",
        ),
        (
            "s1/micro/negative/s1_ne_01",
            "s1/micro/angry/s1_ne_01",
            "the folder's label is 'angry', but the name s1_ne_01 says 'negative'",
        ),
    ],
)
def test_a_clip_in_the_wrong_place_stops_the_build(tmp_path, old, new, message):
    smic.make_smic(tmp_path)
    smic.move(tmp_path, old, new)
    with pytest.raises(DataError) as caught:
        Smic(tmp_path).clips()
    assert len(caught.value.faults) == 1
    assert f"SMIC_all_cropped/HS/{new}: {message}" in caught.value.faults[0]


def test_a_clip_twice(tmp_path):
    smic.make_smic(tmp_path, counts={1: (1, 0, 0)})
    smic.make_smic(tmp_path, counts={1: (1, 0, 0)}, padded=True)
    faults = Smic(tmp_path).sheet().faults
    assert [fault.kind for fault in faults] == ["duplicate"]


def test_frames_that_lack_or_clash_stop_the_build(tmp_path):
    smic.make_smic(tmp_path)
    top = tmp_path / "SMIC_all_cropped/HS"
    gap = top / "s1/micro/negative/s1_ne_01"
    (gap / "reg_image099003.bmp").unlink()
    twice = top / "s1/micro/positive/s1_po_01"
    (twice / "reg_image099997.bmp").rename(twice / "image99998.bmp")
    for path in (top / "s1/micro/surprise/s1_sur_01").iterdir():
        path.unlink()
    with pytest.raises(DataError) as caught:
        Smic(tmp_path).clips()
    expected = [
        "image99998.bmp and reg_image099998.bmp are both frame 99998",
        "s1/micro/surprise/s1_sur_01: it holds no frames; copy it again",
        "frames missing between onset 99000 and offset 99005: 99003; copy it again",
    ]
    for fault, words in zip(caught.value.faults, expected, strict=True):
        assert words in fault


def test_another_camera_is_not_taken_for_the_wanted_one(tmp_path):
    smic.make_smic(tmp_path, "vis_raw")
    with pytest.raises(DataError, match="no hs_raw frames.*found: SMIC_all_raw/VIS"):
        Smic(tmp_path, "hs_raw").clips()
    with pytest.raises(DataError, match="no vis_cropped frames.*found: SMIC_all_raw/VIS"):
        Smic(tmp_path, "vis_cropped").clips()


def test_a_camera_is_named_by_a_whole_word_alone(tmp_path):
    smic.make_smic(tmp_path / "paths", "nir_raw")
    assert len(Smic(tmp_path, "nir_raw").clips()) == 7


def test_a_tree_that_says_neither_camera_nor_crop_is_taken_as_called(tmp_path):
    smic.make_smic(tmp_path)
    assert len(Smic(tmp_path / "SMIC_all_cropped/HS").clips()) == 7
    smic.move(tmp_path, "s20/micro/positive", "s20/positive")
    (tmp_path / "SMIC_all_cropped/HS/s20/micro").rmdir()
    assert len(Smic(tmp_path / "SMIC_all_cropped/HS").clips()) == 7


def test_prepared_and_packed(tmp_path):
    made = smic.make_smic(tmp_path / "SMIC", "nir_raw")
    builder = datasets.prepare("smic", tmp_path / "SMIC", tmp_path / "data", "nir_raw")
    packed = pack.load([builder], 32, tmp_path / "data", "host")
    assert len(packed.table) == len(made) == 7
    assert packed.frames.shape == (7 * 6, 32, 32, 3)
