import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from films import film, noise, shade

from merclip_jax.errors import ConfigError, DataError
from merclip_jax.video import decode


def all_of(path, fps=0.0, notices=None):
    return list(decode.frames(decode.open_source(path, fps), notices))


def times(frames):
    return [round(frame.time_ms, 3) for frame in frames]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("plain.mp4", {}),
        ("lossless.mkv", {"codec": "ffv1"}),
        ("grey.mkv", {"codec": "ffv1", "pix_fmt": "gray"}),
        ("grey16.mkv", {"codec": "ffv1", "pix_fmt": "gray16le"}),
        ("ten_bit.mp4", {"pix_fmt": "yuv420p10le"}),
        ("ten_bit_alpha.mov", {"codec": "prores_ks", "pix_fmt": "yuva444p10le"}),
        ("four_channels.mov", {"codec": "png", "pix_fmt": "rgba"}),
        ("old.avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
    ],
)
def test_every_kind_of_pixels_becomes_eight_bit_rgb(tmp_path, name, kind):
    frames = all_of(film(tmp_path / name, range(0, 60, 10), **kind))
    assert [frame.index for frame in frames] == list(range(6))
    assert times(frames) == [0, 10, 20, 30, 40, 50]
    for frame in frames:
        expected = shade(frame.index)
        assert frame.image.shape == expected.shape and frame.image.dtype == np.uint8
        error = np.abs(frame.image.astype(int) - expected)
        assert np.median(error, axis=(0, 1)).max() <= 4  # compression, and ranges of 219 levels


def test_colours_are_red_green_blue(tmp_path):
    pictures = [np.full((48, 64, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 0, 200))]
    red, blue = all_of(film(tmp_path / "a.mkv", [0, 40], pictures, codec="ffv1", pix_fmt="bgr0"))
    np.testing.assert_array_equal(red.image[5, 5], (200, 0, 0))
    np.testing.assert_array_equal(blue.image[5, 5], (0, 0, 200))


@pytest.mark.parametrize(("width", "height"), [(65, 47), (17, 33), (640, 2)])
def test_odd_sizes_are_kept(tmp_path, width, height):
    pictures = [shade(i, (width, height)) for i in range(3)]
    for codec, pix_fmt in (("libx264", "yuv444p"), ("ffv1", "yuv420p")):
        path = film(tmp_path / f"{codec}.mkv", [0, 40, 80], pictures, codec, pix_fmt)
        assert [frame.image.shape for frame in all_of(path)] == [(height, width, 3)] * 3


@pytest.mark.parametrize("name", ["varying.mp4", "varying.mkv"])
def test_variable_rates_keep_the_times_of_the_file(tmp_path, name):
    shown = [0, 10, 20, 60, 100, 110, 300]
    path = film(tmp_path / name, shown)
    source = decode.open_source(path)
    assert source.fps == pytest.approx(6 / 0.3)  # six steps in 300 ms
    assert source.n_frames == 7
    assert times(decode.frames(source)) == shown


def test_a_guessed_count_is_put_right_by_the_measured_rate(tmp_path):
    path = film(tmp_path / "a.mkv", range(0, 2000, 20))  # the file states 1,000 per second
    film_of = cv2.VideoCapture(str(path))
    assert film_of.get(cv2.CAP_PROP_FPS) == 1000 and film_of.get(cv2.CAP_PROP_FRAME_COUNT) > 1900
    source = decode.open_source(path)
    assert source.fps == pytest.approx(50)
    assert source.n_frames == pytest.approx(100, abs=2)


def test_a_film_that_begins_late_begins_at_nought(tmp_path):
    assert times(all_of(film(tmp_path / "a.mp4", [500, 510, 540]))) == [0, 10, 40]


def test_a_given_rate_goes_before_the_files_times(tmp_path):
    path = film(tmp_path / "slow_motion.mp4", range(0, 200, 40))
    source = decode.open_source(path, fps=200.0)
    assert source.fps == 200
    assert times(decode.frames(source)) == [0, 5, 10, 15, 20]


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


@pytest.mark.parametrize(
    ("said", "step"), [({"fps": 50.0}, 20), ({"fps": 90_000.0}, 40), ({"fps": 0.0}, 40)]
)
def test_files_without_times_run_at_their_stated_rate_or_at_25(tmp_path, monkeypatch, said, step):
    path = tmp_path / "raw.h264"
    path.touch()
    monkeypatch.setattr(decode, "_open", lambda path: Stream([0.0] * 5, **said))
    assert times(all_of(path)) == [0, step, 2 * step, 3 * step, 4 * step]
    assert decode.open_source(path).n_frames == 5


def test_a_step_back_in_time_is_mended(tmp_path, monkeypatch):
    path = tmp_path / "a.avi"
    path.touch()
    monkeypatch.setattr(decode, "_open", lambda path: Stream([0.0, 40.0, 30.0, 200.0], fps=25.0))
    assert times(all_of(path)) == [0, 40, 80, 200]


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_pictures_are_turned_upright(tmp_path, rotation):
    upright = shade(3)
    lying = np.ascontiguousarray(np.rot90(upright, rotation // -90))  # as the camera was held
    (frame,) = all_of(film(tmp_path / "a.mp4", [0], [lying], rotation=rotation))
    assert frame.image.shape == upright.shape
    assert np.median(np.abs(frame.image.astype(int) - upright)) <= 4


def test_one_frame_is_in_memory_at_a_time(tmp_path, monkeypatch):
    """Frames that the reader keeps could not be overwritten unseen: none is the same array."""
    source = decode.open_source(film(tmp_path / "a.mp4", range(0, 100, 10)))
    stream = decode.frames(source)
    first = next(stream)
    kept = first.image.copy()
    ids = {frame.image.__array_interface__["data"][0] for frame in stream}
    assert len(ids) <= 3
    np.testing.assert_array_equal(first.image, kept)


# Damaged files.


def test_a_cut_off_file_gives_what_it_has_and_says_so(tmp_path):
    path = film(
        tmp_path / "a.mp4", range(0, 4000, 40), noise(100), container={"movflags": "faststart"}
    )
    whole = all_of(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    notices = []
    part = all_of(path, notices=notices)
    assert 30 < len(part) < 60
    (notice,) = notices
    assert re.search(rf"a\.mp4: the file is cut off: {len(part)} frames .* 100,", notice)
    np.testing.assert_array_equal(part[10].image, whole[10].image)


def test_a_whole_file_gives_no_notice(tmp_path):
    path = film(tmp_path / "a.mp4", range(0, 4000, 40), noise(100))
    notices = []
    assert len(all_of(path, notices=notices)) == 100
    assert not notices


def no_index(path):
    film(path, range(0, 1000, 40), noise(25))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_picture(path):
    film(path, range(0, 4000, 40), noise(100), container={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 50])


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("empty.mp4", lambda path: path.write_bytes(b""), "empty .0 bytes.; copy it again"),
        ("text.mp4", lambda path: path.write_text("hello " * 99), "not a video"),
        ("cut.mp4", no_index, "cut off before its index; .*ffmpeg -i"),
        ("head.mp4", no_picture, "not one frame can be decoded; .*ffmpeg -i"),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(tmp_path, capfd, name, make, message):
    make(tmp_path / name)
    with pytest.raises(DataError, match=f"{name}: .*{message}"):
        all_of(tmp_path / name)
    assert capfd.readouterr().err == ""  # neither OpenCV nor FFmpeg speaks beside it


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
    with pytest.raises(DataError, match=r"3\.png: the picture cannot be read; copy it again"):
        next(stream)


def test_pictures_of_two_sizes_are_no_clip(tmp_path):
    clip = folder(tmp_path / "a", ["1.png"])
    folder(clip, ["2.png"], lambda i: shade(i, (20, 10)))
    with pytest.raises(DataError, match=r"2\.png is 20 x 10 pixels, those before it are 64 x 48"):
        all_of(clip, fps=25.0)


# Cameras.


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


# Lists.


def test_a_list_gives_its_clips_with_names_apart(tmp_path):
    (tmp_path / "b").mkdir()
    film(tmp_path / "clip.mp4", [0, 40])
    film(tmp_path / "b" / "clip.mp4", [0, 20])
    (tmp_path / "list.txt").write_text("clip.mp4\n\n  b/clip.mp4\n")
    (tmp_path / "list.csv").write_text("who,path\nA,clip.mp4\nB,b/clip.mp4\n")
    for listed in ("list.txt", "list.csv"):
        found = decode.sources(str(tmp_path / listed), 0.0)
        assert [source.name for source in found] == ["clip", "clip-2"]
        assert [source.fps for source in found] == [25, 50]
    (single,) = decode.sources(str(tmp_path / "clip.mp4"), 0.0)
    assert single.name == "clip"


def test_all_faults_of_a_list_are_said_at_once(tmp_path):
    film(tmp_path / "clip.mp4", [0, 40])
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "list.txt").write_text("clip.mp4\ngone.mp4\nempty.mp4\nclip.mp4\n")
    with pytest.raises(DataError, match=r"list\.txt: mend these lines") as error:
        decode.sources(str(tmp_path / "list.txt"), 0.0)
    assert [fault.split(": ")[1][:21] for fault in error.value.faults] == [
        "there is no such file",
        "the file is empty (0 ",
        "listed twice",
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "\n", "a.txt: the list is empty; write one path per line"),
        ("a.csv", "", "a.csv: the list is empty"),
        ("a.csv", "file\nx.mp4\n", "a.csv: no column 'path'"),
    ],
)
def test_lists_that_list_nothing(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        decode.sources(str(tmp_path / name), 0.0)


def test_a_list_that_is_no_text_is_said(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00clip")
    with pytest.raises(DataError, match=r"a\.txt: cannot be read as a list of paths"):
        decode.sources(str(tmp_path / "a.txt"), 0.0)
