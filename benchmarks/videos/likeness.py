"""How often a face that comes back is known again, and how often it is taken for another one.

python -m benchmarks.real_faces --posed --output=DIR
python -m benchmarks.videos.likeness --photographs=DIR

Each picture is taken as it is and in six variations: darker or lighter, lit from one side, turned,
larger or smaller, noisy. A variation must be known by three others of the same person, of another
picture where there is one; two people are confused if any two of their pictures are alike. The same
for drawn people on film, by frames a fifth of a second apart.
"""

import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from absl import flags
from jaxtyping import UInt8

from merclip_jax import app
from merclip_jax.faces import face, likeness
from merclip_jax.tfds_builders.synthetic_me import clips, long_videos
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus

VARIATIONS, REMEMBERED, EVERY = 6, 3, 20
LONGEST = 600  # pixels of a side

Picture = UInt8[np.ndarray, "h w 3"]
Person = list[list[likeness.Look]]  # by picture


def varied(picture: Picture, rng: np.random.Generator) -> Iterator[Picture]:
    """The picture, and what another moment of the same film could show."""
    yield picture
    height, width = picture.shape[:2]
    for _ in range(VARIATIONS):
        turn = cv2.getRotationMatrix2D(
            (width / 2, height / 2), rng.uniform(-12, 12), rng.uniform(0.7, 1.2)
        )
        turn[:, 2] += rng.uniform(-0.05, 0.05, 2) * (width, height)
        moved = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
        light = rng.uniform(0.7, 1.2) * (1 + rng.uniform(-0.3, 0.3) * np.linspace(-1, 1, width))
        noise = rng.normal(0, 4, picture.shape)
        yield np.clip(moved * light[:, None] + noise, 0, 255).astype(np.uint8)


def looks(pictures: Iterator[Picture]) -> list[likeness.Look]:
    """Of all pictures in which a face is found."""
    meshes = ((picture, face.landmarks(picture)) for picture in pictures)
    return [likeness.look(picture, mesh) for picture, mesh in meshes if mesh is not None]


def photographed(folder: Path) -> list[Person]:
    """The people of a folder that `benchmarks.real_faces` made."""
    rng, people = np.random.default_rng(0), []
    for subject in sorted(path for path in folder.iterdir() if path.is_dir()):
        person = []
        for path in sorted(subject.glob("*.png")):
            picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            share = min(1.0, LONGEST / max(picture.shape[:2]))
            person.append(looks(varied(cv2.resize(picture, None, fx=share, fy=share), rng)))
        people.append([each for each in person if each])
    return people


def drawn(count: int) -> list[Person]:
    """Drawn people on four seconds of film each."""
    corpus, people = Corpus.macro(size=192), []
    for subject in range(count):
        scene = long_videos.tell(corpus, subject, 0, seconds=4, events=2)
        film = long_videos.film(clips.identity(0, subject, 192), scene, corpus.noise)
        people.append([[look] for look in looks(itertools.islice(film, 0, None, EVERY))])
    return people


def told(name: str, people: Sequence[Person]) -> str:
    """Hits and confusions in words."""
    rng, known = np.random.default_rng(0), []
    for person in people:
        for i, picture in enumerate(person):
            others = [look for j, one in enumerate(person) if j != i for look in one]
            for k, look in enumerate(picture):
                rest = others or [one for m, one in enumerate(picture) if m != k]
                chosen = rng.permutation(len(rest))[:REMEMBERED]
                best = max((likeness.likeness(look, rest[j]) for j in chosen), default=-1.0)
                known.append(best >= likeness.ALIKE)
    confused = [
        max(likeness.likeness(a, b) for a in sum(one, []) for b in sum(other, [])) >= likeness.ALIKE
        for one, other in itertools.combinations(people, 2)
    ]
    return (
        f"{name}: {len(people)} people; known again {np.mean(known):.3f} of {len(known)} looks; "
        f"{sum(confused)} of {len(confused)} pairs of people confused"
    )


def _define(given: flags.FlagValues, _: Any) -> None:
    flags.DEFINE_string("photographs", "", "of benchmarks.real_faces", flag_values=given)
    flags.DEFINE_integer("people", 40, "drawn people", flag_values=given)


def _measure(given: flags.FlagValues) -> None:
    if given.photographs:
        print(told("photographs", photographed(Path(given.photographs))))
    print(told("drawn", drawn(given.people)))


if __name__ == "__main__":
    sys.exit(app.run(app.Command(__doc__, _define, _measure)))
