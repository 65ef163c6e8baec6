"""Output folders: what they are bound to, and who may use them."""

import json
import os
import shutil
from dataclasses import replace

import cv2
import pytest
from films import film, shade

from merclip_jax.errors import ConfigError
from merclip_jax.timeline import folders
from merclip_jax.video import decode
from merclip_jax.video.inference import Settings
from merclip_jax.video.predictor import Predictor

SETTINGS = Settings(300.0, 50.0, "largest")


@pytest.fixture(scope="module")
def reader(nano_model):
    return Predictor(nano_model)


@pytest.fixture
def of(nano_model, reader):
    """The identity of a run over a path."""

    def identity(path, fps=0.0, model=nano_model, settings=SETTINGS):
        return folders.identity(model, reader, decode.open_source(path, fps), settings)

    return identity


def pictures(folder, names, first=0):
    folder.mkdir(exist_ok=True)
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), shade(first + i))
    return folder


def test_an_input_is_known_by_its_bytes(tmp_path, of):
    one, same = film(tmp_path / "a.mp4", range(0, 400, 40)), tmp_path / "b.mp4"
    shutil.copy(one, same)
    assert of(one) == of(same)
    content = bytearray(one.read_bytes())
    content[len(content) // 2] ^= 1
    same.write_bytes(content)
    os.utime(same, ns=(one.stat().st_atime_ns, one.stat().st_mtime_ns))
    assert _differ(of(one), of(same)) == ["input"]


def test_pictures_are_known_by_their_bytes_and_places(tmp_path, of):
    names = [f"img{i}.png" for i in range(5)]
    before = of(pictures(tmp_path / "a", names), 100.0)
    assert of(pictures(tmp_path / "b", [f"x{i}.png" for i in range(5)]), 100.0) == before
    (tmp_path / "a" / "._img1.png").write_bytes(b"twin")
    assert of(tmp_path / "a", 100.0) == before
    assert _differ(of(pictures(tmp_path / "a", names, first=1), 100.0), before) == ["input"]
    moved = pictures(tmp_path / "c", [f"img{i}.png" for i in (0, 1, 2, 3, 5)])
    assert _differ(of(moved, 100.0), before) == ["input"]


def test_another_model_rate_or_window_is_another_run(tmp_path, of, nano_model):
    path = film(tmp_path / "a.mp4", range(0, 400, 40))
    before = of(path)
    shutil.copytree(nano_model, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert _differ(of(path, model=tmp_path / "model"), before) == ["model"]
    assert _differ(of(path, 50.0), before) == ["fps", "given_fps"]
    assert _differ(of(path, settings=replace(SETTINGS, window_ms=200.0)), before) == ["window_ms"]


def _differ(one, other):
    assert list(one) == list(other)
    return [name for name in one if one[name] != other[name]]


EXPECTED = {"input": "a" * 64, "fps": 100.0}


def test_a_folder_goes_on_with_the_same_and_refuses_another(tmp_path):
    digest = folders.opened(tmp_path / "out", EXPECTED)
    assert folders.opened(tmp_path / "out", EXPECTED | {"fps": 50.0}) != digest  # no rows yet
    folders.opened(tmp_path / "out", EXPECTED)
    (tmp_path / "out" / folders.ROWS).write_text("a row\n")
    assert folders.opened(tmp_path / "out", EXPECTED) == digest
    with pytest.raises(
        ConfigError, match=r"another configuration \(input: 'aaaaaaaaaaaa' there, 'b"
    ):
        folders.opened(tmp_path / "out", EXPECTED | {"input": "b" * 64})
    assert json.loads((tmp_path / "out" / folders.SETTINGS).read_text()) == EXPECTED


def test_what_a_killed_run_had_begun_goes_and_nothing_else(tmp_path):
    for name in (".overlay.mp4.7.partial", "inner/.mine.partial", "notes.partial"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    folders.opened(tmp_path, EXPECTED)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"inner/.mine.partial", "notes.partial", "settings.json"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "settings.json is missing"), ("{", "settings.json is damaged"), ("[]", "damaged")],
)
def test_rows_without_a_word_of_what_they_are_of_are_refused(tmp_path, content, message):
    (tmp_path / folders.ROWS).write_text("a row\n")
    if content is not None:
        (tmp_path / folders.SETTINGS).write_text(content)
    with pytest.raises(ConfigError, match=message):
        folders.opened(tmp_path, EXPECTED)


def test_a_folder_is_used_by_one_at_a_time(tmp_path):
    output = tmp_path / "out"
    with (
        folders.held(output),
        pytest.raises(ConfigError, match=rf"out is in use by process {os.getpid()}"),
        folders.held(output),
    ):
        pass
    with folders.held(output):
        pass
    assert list(output.iterdir()) == []


def test_a_place_that_cannot_be_a_folder_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigError, match="--output=.*file cannot be used"),
        folders.held(tmp_path / "file"),
    ):
        pass
