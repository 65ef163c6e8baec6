"""Folders of pictures, cameras, and what is neither they nor a video."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import all_of, film, shade, times

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.video import decode


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone.mp4", "gone.mp4: there is no such file or folder"),
        ("picture.png", "picture.png is one picture, .* a folder of pictures with --fps"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error(tmp_path, path, message):
    cv2.imwrite(str(tmp_path / "picture.png"), shade(0))
    with pytest.raises(ConfigError, match=message):
        decode.open_source(tmp_path / path)


def test_missing_rights_are_said(tmp_path, monkeypatch):
    path = film(tmp_path / "a.mp4", [0, 40])

    def refuse(*given, **named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"a\.mp4: cannot be read \(Permission denied\); check"):
        decode.open_source(path)


@pytest.mark.parametrize("fps", [-1.0, float("inf"), float("nan")])
def test_a_rate_must_be_a_rate(tmp_path, fps):
    with pytest.raises(ConfigError, match="--fps="):
        decode.open_source(tmp_path, fps)


# Folders of pictures.


def folder(path, names, picture=shade):
    path.mkdir(exist_ok=True)
    for i, name in enumerate(names):
        assert cv2.imwrite(str(path / name), picture(i))
    return path


def test_pictures_come_in_the_order_of_their_last_number(tmp_path):
    clip = folder(tmp_path / "sub01", ["s01_img10.png", "s01_img8.png", "s01_img9.bmp"])
    (clip / "Thumbs.db").write_bytes(b"x")
    (clip / "._s01_img7.png").write_bytes(b"x")  # left behind by an archiver
    (clip / "cover.png").write_bytes(b"no number: not looked at")
    source = decode.open_source(clip, fps=200.0)
    assert (source.name, source.fps, source.n_frames) == ("sub01", 200, 3)
    frames = list(decode.frames(source))
    assert times(frames) == [0, 5, 10]
    assert [frame.image[-1, -1, 0] for frame in frames] == [30, 40, 20]


def test_a_gap_in_the_numbers_is_a_gap_in_time(tmp_path):
    clip = folder(tmp_path / "a", [f"{number}.png" for number in (2, 4, 6, 10, 12)])
    assert times(all_of(clip, fps=100.0)) == [0, 10, 20, 40, 50]


def test_grey_four_channel_and_sixteen_bit_pictures_become_rgb(tmp_path):
    grey = shade(2)
    clip = folder(tmp_path / "a", ["1.png"], lambda i: grey[..., 0])
    folder(clip, ["2.png"], lambda i: np.dstack([grey, np.full(grey.shape[:2], 7, np.uint8)]))
    folder(clip, ["3.png"], lambda i: grey.astype(np.uint16) * 257)
    for frame in all_of(clip, fps=25.0):
        np.testing.assert_array_equal(frame.image, grey)


@pytest.mark.parametrize(
    ("names", "fps", "error", "message"),
    [
        (
            ["1.png"],
            0.0,
            ConfigError,
            "a: pictures have no times; give their rate, as in --fps=200",
        ),
        ([], 25.0, DataError, "a: no numbered pictures"),
        (["a1.png", "b01.png"], 25.0, DataError, "a1.png and b01.png are both frame 1; keep one"),
    ],
)
def test_folders_without_an_order_or_a_rate(tmp_path, names, fps, error, message):
    with pytest.raises(error, match=message):
        decode.open_source(folder(tmp_path / "a", names), fps)


def test_a_damaged_picture_is_named_after_those_before_it(tmp_path):
    clip = folder(tmp_path / "a", ["1.png", "2.png"])
    (clip / "3.png").write_bytes(b"no picture")
    stream = decode.frames(decode.open_source(clip, fps=25.0))
    assert [next(stream).index, next(stream).index] == [0, 1]
    with pytest.raises(DataError, match=r"3\.png: not a readable image; copy it again"):
        next(stream)


def test_pictures_of_two_sizes_are_no_clip(tmp_path):
    clip = folder(tmp_path / "a", ["1.png"])
    folder(clip, ["2.png"], lambda i: shade(i, (20, 10)))
    with pytest.raises(DataError, match=r"2\.png is 20 x 10 pixels, those before it are 64 x 48"):
        all_of(clip, fps=25.0)


@pytest.mark.parametrize("stray", ["1700000000000.png", "img-20231114221320.png"])
def test_a_picture_numbered_by_a_clock_is_named(tmp_path, stray):
    clip = folder(tmp_path / "a", [f"img{i:04}.png" for i in range(60)])
    folder(clip, [stray])
    with pytest.raises(DataError, match=f"a: the number of {stray} is far from those .* 0 to 59"):
        decode.open_source(clip, fps=100.0)


def test_pictures_may_all_be_numbered_by_a_clock(tmp_path):
    names = [f"{1_700_000_000_000 + 10 * i}.png" for i in range(20) if i != 7]
    shown = times(all_of(folder(tmp_path / "a", names), fps=100.0))
    assert shown == [10 * i for i in range(20) if i != 7]


def test_of_many_strays_a_few_are_named(tmp_path):
    clip = folder(tmp_path / "a", [f"{i}.png" for i in range(1, 9)])
    folder(clip, [f"{10**12 * i}.png" for i in range(1, 6)])
    with pytest.raises(DataError, match=r"of 1000000000000.png, .* and 2 more is far .* 1 to 8"):
        decode.open_source(clip, fps=100.0)


def test_what_programs_leave_behind_is_no_picture(tmp_path):
    clip = folder(tmp_path / "a", [f"{i}.png" for i in range(5)])
    plain = times(all_of(clip, fps=100.0))
    for i in range(5):
        (clip / f"._{i}.png").write_bytes(b"twin")
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini"):
        (clip / name).write_bytes(b"x")
    (clip / "__MACOSX").mkdir()
    assert times(all_of(clip, fps=100.0)) == plain


def test_a_picture_whose_name_is_no_text_is_read(tmp_path):
    clip = folder(tmp_path / "a", ["1.png", "2.png"])
    (clip / "2.png").rename(clip / os.fsdecode("\u4e2d2.png".encode("gbk")))
    clip.rename(tmp_path / os.fsdecode(b"\xd6\xd0"))
    source = decode.open_source(tmp_path / os.fsdecode(b"\xd6\xd0"), fps=100.0)
    assert times(decode.frames(source)) == [0, 10] and source.name.isprintable()


def test_a_folder_of_videos_says_so(tmp_path):
    (tmp_path / "a").mkdir()
    film(tmp_path / "a" / "x.mp4", [0, 40])
    with pytest.raises(DataError, match=r"a: no numbered pictures .*1 \.mp4.*or a video itself"):
        decode.open_source(tmp_path / "a", fps=25.0)


# Cameras.


class Stream:
    """A stand-in for cv2.VideoCapture: grey pictures, and what is said of them."""

    def __init__(self, shown, **said):
        self.shown, self.said, self.index = shown, said, -1

    def isOpened(self):
        return True

    def grab(self):
        self.index += 1
        return self.index < len(self.shown)

    def read(self):
        return self.grab(), np.full((4, 4, 3), 9, np.uint8)

    def get(self, what):
        if what == cv2.CAP_PROP_POS_MSEC:
            return self.shown[self.index]
        return {
            cv2.CAP_PROP_FPS: self.said.get("fps", 0.0),
            cv2.CAP_PROP_FRAME_COUNT: self.said.get("count", 0.0),
        }[what]

    def set(self, what, value):
        return True

    def release(self):
        pass


def test_a_camera_is_opened_by_its_index_and_keeps_time_itself(monkeypatch):
    clock = iter([5.0, 5.0, 5.04, 5.1])
    monkeypatch.setattr(decode.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(cv2, "VideoCapture", lambda index: Stream([0.0] * 3, fps=30.0))
    for given in (0, "0"):
        source = decode.open_source(given)
        assert (source.name, source.path, source.fps, source.n_frames) == ("camera0", 0, 30, None)
    assert times(decode.frames(source)) == [0, 40, 100]


def test_no_camera_is_said():
    with pytest.raises(ConfigError, match="no camera 87, nor a file of this name"):
        decode.open_source("87")
