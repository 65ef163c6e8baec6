"""What the files of a folder are: pictures by number, and nothing that programs left behind."""

import io
import os

import cv2
import numpy as np
import pytest
from corpora import casme2, pictures
from PIL import Image

from merclip_jax.data import datasets
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import folders
from merclip_jax.tfds_builders.casme2.corpus import Casme2
from merclip_jax.tfds_builders.smic.corpus import Smic

TWIN = b"\0\5\x16\7" + bytes(78)


@pytest.fixture
def root(tmp_path):
    """One clip, of frames 8 to 15."""
    table = casme2.rows(subjects=1, clips_per_subject=1)
    casme2.write_workbook(tmp_path, table)
    casme2.write_frames(tmp_path, table)
    return tmp_path


@pytest.fixture
def clip(root):
    return root / "Cropped" / "sub01" / "EP01_01f"


def _fault(root):
    with pytest.raises(DataError) as caught:
        Casme2(root).clips()
    (fault,) = caught.value.faults
    return fault


def test_what_programs_leave_behind_is_ignored_everywhere(root, clip):
    plain = Casme2(root).clips()
    for path in list(root.rglob("*")):
        if path.is_file():
            path.with_name(f"._{path.name}").write_bytes(TWIN)
            mirrored = root / "__MACOSX" / path.relative_to(root)
            mirrored.parent.mkdir(parents=True, exist_ok=True)
            mirrored.with_name(f"._{path.name}").write_bytes(TWIN)
    (root / f"~${casme2.WORKBOOKS['2019']}").write_bytes(b"lock")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (clip / name).write_bytes(b"stray")
    (clip / "@eaDir").mkdir()
    assert Casme2(root).clips() == plain
    assert Casme2(root).sheet().faults == []


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".PNG"])
def test_other_pictures_are_read_and_stored(root, clip, suffix):
    shown = {}
    for path in list(clip.iterdir()):
        pixels = cv2.imread(str(path))
        path.unlink()
        path = path.with_suffix(suffix)
        path.write_bytes(cv2.imencode(suffix.lower(), pixels)[1].tobytes())
        shown[path] = folders.decoded(path)
    builder = datasets.prepare("casme2", root, root.parent / f"data{suffix}")
    (record,) = builder.as_data_source("train")
    for frame, path in zip(
        record["frames"], sorted(shown, key=lambda p: int(p.stem[7:])), strict=True
    ):
        np.testing.assert_array_equal(frame, shown[path][:, :, ::-1])


def test_transparent_pictures_are_stored_with_three_channels(tmp_path):
    pixels = np.dstack([np.full((4, 5, 3), 90, np.uint8), np.full((4, 5), 7, np.uint8)])
    (tmp_path / "1.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    stored = Image.open(io.BytesIO(folders.encoded(tmp_path / "1.png")))
    assert (stored.mode, stored.size, stored.getpixel((0, 0))) == ("RGB", (5, 4), (90, 90, 90))


@pytest.mark.parametrize(
    ("suffix", "channels"), [(".png", 1), (".png", 3), (".tif", 1), (".tif", 3)]
)
def test_more_than_8_bits_are_named(root, clip, suffix, channels):
    path = clip / "reg_img12.jpg"
    deep = np.full((34, 28, channels), 2000, np.uint16)
    path.unlink()
    path.with_suffix(suffix).write_bytes(cv2.imencode(suffix, deep)[1].tobytes())
    assert "more than 8 bits of a colour, and nothing says how many" in _fault(root)
    assert f"reg_img12{suffix}" in _fault(root)


def test_several_pictures_in_one_file_are_named(tmp_path):
    images = [Image.new("L", (8, 8), shade) for shade in (1, 2)]
    images[0].save(tmp_path / "1.tif", save_all=True, append_images=images[1:])
    with pytest.raises(folders.PictureError, match="1.tif: several pictures in one file"):
        folders.size(tmp_path / "1.tif")


def test_a_frame_of_another_size_is_named_with_both_sizes(root, clip):
    path = clip / "reg_img12.jpg"
    cv2.imwrite(str(path), np.zeros((20, 60, 3), np.uint8))
    fault = _fault(root)
    assert "60 x 20 pixels, but the others are 28 x 34 pixels" in fault
    assert "sub01/EP01_01f/reg_img12.jpg" in fault


@pytest.mark.parametrize("name", ["reg_img12 (1).jpg", "reg_img12 - Copy.jpg", "img12.jpg"])
def test_a_frame_that_is_there_twice_is_named(root, clip, name):
    (clip / name).write_bytes((clip / "reg_img12.jpg").read_bytes())
    assert name in _fault(root)


def test_numbers_in_brackets_may_be_those_of_frames(tmp_path):
    pictures.write(tmp_path, range(3, 6), "frame ({}).png")
    assert list(folders.numbered(tmp_path)) == [3, 4, 5]


def test_onset_apex_and_offset_alone_are_called_so(root, clip):
    for number in (9, 10, 11, 13, 14):
        (clip / f"reg_img{number}.jpg").unlink()
    assert "only onset, apex and offset are there" in _fault(root)


@pytest.mark.parametrize("first", [0, 1])
def test_frames_that_were_renumbered_are_called_so(root, clip, first):
    for i, number in enumerate(range(8, 16), start=first):
        (clip / f"reg_img{number}.jpg").rename(clip / f"frame_{i:02d}.jpg")
    assert f"its pictures are numbered from {first} to {first + 7}, so they were" in _fault(root)


def test_a_video_in_place_of_pictures_is_called_so(root, clip):
    for path in clip.iterdir():
        path.unlink()
    (clip / "clip.avi").write_bytes(b"RIFF")
    assert "but 1 .avi; clip.avi is a video, and frames are read from pictures" in _fault(root)
    (clip / "clip.avi").rename(clip.with_suffix(".avi"))
    clip.rmdir()
    assert "EP01_01f.avi is a video" in _fault(root)


def test_a_clip_of_smic_that_is_a_video_is_not_left_out(tmp_path):
    negative = tmp_path / "HS" / "s1" / "micro" / "negative"
    pictures.write(negative / "s1_ne_01", range(5, 9), "{}.bmp")
    (negative / "s1_ne_02.avi").write_bytes(b"RIFF")
    (fault,) = Smic(tmp_path).sheet().faults
    assert "s1_ne_02.avi is a video" in str(fault)


def test_names_that_are_no_text_are_read(root, clip):
    """Old archives store the names of folders and files in other codes than UTF-8."""
    plain = Casme2(root).clips()[0].frame_numbers
    for path in list(clip.iterdir()):
        os.rename(path, os.fsencode(clip) + b"/\xd6\xd0" + os.fsencode(path.name))
    os.rename(root / "Cropped", os.fsencode(root) + b"/Cropped\xff")
    assert Casme2(root).clips()[0].frame_numbers == plain
    builder = datasets.prepare("casme2", root, root.parent / "data")
    assert builder.info.splits["train"].num_examples == 1
    assert folders.shown(b"\xd6\xd0\n".decode("utf-8", "surrogateescape")) == "\\udcd6\\udcd0\\n"
