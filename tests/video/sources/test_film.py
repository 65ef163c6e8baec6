"""Video files: times, pixels, turns, damage."""

import os
import re
import weakref
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from films import all_of, film, noise, shade, times
from hypothesis import given, settings
from hypothesis import strategies as st

from merclip_jax.errors import DataError
from merclip_jax.video import decode
from merclip_jax.video.sources import film as film_module


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
    assert source.fps == pytest.approx(5 / 0.11)  # five steps in 110 ms, and a gap of 190
    assert source.n_frames == 7
    assert times(decode.frames(source)) == shown


def test_a_count_that_is_not_stated_follows_from_rate_and_length(tmp_path):
    path = film(tmp_path / "a.mkv", range(0, 2000, 20))
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


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_pictures_are_turned_upright(tmp_path, rotation):
    upright = shade(3)
    lying = np.ascontiguousarray(np.rot90(upright, rotation // -90))  # as the camera was held
    (frame,) = all_of(film(tmp_path / "a.mp4", [0], [lying], rotation=rotation))
    assert frame.image.shape == upright.shape
    assert np.median(np.abs(frame.image.astype(int) - upright)) <= 4


def test_pictures_are_mirrored_back(tmp_path):
    upright = shade(3)
    path = film(tmp_path / "a.mp4", [0], [np.ascontiguousarray(upright[:, ::-1])], rotation=180)
    matrix = (
        (0).to_bytes(4, "big"),
        (2**16).to_bytes(4, "big"),
        (-(2**16)).to_bytes(4, "big", signed=True),
    )
    zero, one, minus = matrix
    content = path.read_bytes()
    turned = minus + zero * 3 + minus + zero  # a b u, c d v: both axes turn round
    assert content.count(turned) == 1
    path.write_bytes(content.replace(turned, minus + zero * 3 + one + zero))
    (frame,) = all_of(path)
    assert np.median(np.abs(frame.image.astype(int) - upright)) <= 4


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (Fraction(4, 3), (85, 48)),  # of 64 x 48: no side gets shorter
        (Fraction(1, 2), (64, 96)),
        (Fraction(1, 1), (64, 48)),
        (Fraction(100, 1), (64, 48)),  # no camera's
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_pixels_become_square(tmp_path, name, aspect, size):
    (frame,) = all_of(film(tmp_path / name, [0], aspect=aspect))
    assert frame.image.shape == (size[1], size[0], 3)
    assert frame.image[5, size[0] // 2 - 6, 0] > frame.image[5, size[0] // 2 + 6, 0] + 30
    assert frame.image[size[1] // 2 - 6, 5, 0] > frame.image[size[1] // 2 + 6, 5, 0] + 30


def test_a_turned_picture_of_wide_pixels_is_high(tmp_path):
    (frame,) = all_of(film(tmp_path / "a.mp4", [0], rotation=90, aspect=Fraction(2, 1)))
    assert frame.image.shape == (128, 48, 3)


def test_one_frame_is_in_memory_at_a_time(tmp_path):
    stream = decode.frames(decode.open_source(film(tmp_path / "a.mp4", range(0, 100, 10))))
    images: list[weakref.ref] = []
    for frame in stream:
        images.append(weakref.ref(frame.image))
        assert sum(image() is not None for image in images) == 1


def test_a_frame_that_is_kept_stays_as_it_was(tmp_path):
    stream = decode.frames(decode.open_source(film(tmp_path / "a.mp4", range(0, 100, 10))))
    first = next(stream)
    kept = first.image.copy()
    assert len(list(stream)) == 9
    np.testing.assert_array_equal(first.image, kept)


# Names and streams.


@pytest.mark.parametrize(
    "name",
    [b"12:30 take.mp4", "\u4e2d.mp4".encode("gbk"), b"http:x.mp4", b"a\x1b[31m.mp4", b"-i.mp4"],
)
def test_a_name_is_a_name(tmp_path, monkeypatch, name):
    path = tmp_path / os.fsdecode(name)
    film(tmp_path / "plain.mp4", [0, 40]).rename(path)
    monkeypatch.chdir(tmp_path)
    source = decode.open_source(path.name)
    assert times(decode.frames(source)) == [0, 40]
    assert source.name.isprintable()


def test_a_cover_is_no_film(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        wave = out.add_stream("libx264", rate=25)
        wave.width, wave.height, wave.pix_fmt = 32, 32, "yuv420p"
        for stream, count, size in ((cover, 1, (64, 48)), (wave, 3, (32, 32))):
            for i in range(count):
                frame = av.VideoFrame.from_ndarray(shade(i, size), "rgb24")
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
    assert [frame.image.shape for frame in all_of(path)] == [(32, 32, 3)] * 3


def test_sound_alone_is_no_film(tmp_path):
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("pcm_s16le", rate=8000)
        sound.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        out.mux(sound.encode(frame))
        out.mux(sound.encode())
    with pytest.raises(DataError, match="no moving pictures in it"):
        decode.open_source(path)


# Times.


def test_files_without_times_run_at_a_usual_rate(tmp_path):
    path = film(tmp_path / "raw.h264", range(0, 50, 10))
    notices = []
    assert times(all_of(path, notices=notices)) == [0, 40, 80, 120, 160] and not notices


def test_a_clock_that_begins_again_goes_on_and_is_said(tmp_path):
    once = film(tmp_path / "a.ts", range(0, 400, 40)).read_bytes()
    (tmp_path / "a.ts").write_bytes(once * 2)
    notices = []
    shown = times(all_of(tmp_path / "a.ts", notices=notices))
    assert shown == list(range(0, 800, 40))
    assert re.search(r"a\.ts: its clock stands still or steps back 1 times", notices[0])


@given(
    st.lists(
        st.one_of(st.none(), st.integers(-(10**6), 10**12), st.integers(0, 500)),
        min_size=1,
        max_size=60,
    ),
    st.floats(0.1, 1000),
)
def test_times_grow_whatever_a_file_says(stated, step):
    clock = film_module._Clock(Fraction(1, 1000), step)
    shown = np.array([clock.ms(pts) for pts in stated])
    assert shown[0] == 0 and (np.diff(shown) > 0).all()
    if stated == sorted(set(map(float, filter(lambda pts: pts is not None, stated)))):
        np.testing.assert_allclose(shown, np.array(stated) - stated[0])


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.one_of(st.integers(1, 100), st.integers(1, 10**6)), min_size=1, max_size=30),
    st.sampled_from(["a.mkv", "a.mp4", "a.mov", "a.nut"]),
)
def test_any_growing_times_of_a_file_come_back(tmp_path_factory, steps, name):
    shown = np.cumsum([7, *steps]).tolist()
    path = film(tmp_path_factory.mktemp("film") / name, shown, codec="mpeg4")
    source = decode.open_source(path)
    notices = []
    assert times(decode.frames(source, notices)) == [time - 7 for time in shown]
    assert not notices and 0 < source.fps <= 1000
    assert source.n_frames is None or source.n_frames <= 1.2 * len(shown) + 60


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
    assert re.search(
        rf"a\.mp4: the file is cut off: {len(part)} frames .* of 4.0 s the last \d", notice
    )
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


@pytest.mark.parametrize("name", ["a.avi", "a.mkv", "a.flv", "a.ts"])
def test_a_cut_is_said_of_every_container_that_knows_its_length(tmp_path, name):
    path = film(tmp_path / name, range(0, 4000, 40), noise(100))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    notices = []
    part = all_of(path, notices=notices)
    assert 20 < len(part) < 90
    assert name == "a.ts" or "cut off" in notices[0]  # a transport stream states no length


def test_a_damaged_frame_is_left_out_and_said(tmp_path):
    path = film(tmp_path / "a.mov", range(0, 400, 40), noise(10), codec="png", pix_fmt="rgb24")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(400)
    path.write_bytes(content)
    notices = []
    assert times(all_of(path, notices=notices)) == [0, 40, 80, 120, 160, 240, 280, 320, 360]
    assert "1 damaged frames were left out" in notices[0]
