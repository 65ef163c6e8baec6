"""CAS(ME)^3 part C on disk: one workbook without apexes, frames in a tree that varies.

How the owner lays out the frames of part C is not settled; MEB @0607d7d has 01/1/color/NNN.jpg.
Taken are a subject's folder (1, 01, sub01, s1, spNO.1) with the pictures in it, in `color`, in
the clip's folder, in `color` there, or in any of these within the only folder that it holds.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import folders, frames, sheets
from merclip_jax.tfds_builders.cells import text
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.records import Clip

SUBJECT = r"(?:spNO\.|sub|s)?(\d+)"
OTHER_PARTS = r"part.?[ab](?![a-z])|me_a(?![a-z])"


class Casme3C(Corpus):
    """CAS(ME)^3 part C, micro-expressions during a mock crime (Li et al. 2022)."""

    name = "casme3_c"
    home = "http://casme.psych.ac.cn/casme/e4"
    layouts = {
        "color": "The whole pictures, in colour.",
        "cropped": "Your own face crops, in a tree like the owner's.",
    }
    fps = 30.0
    has_apex = False
    gaps_stop = False  # as in part A
    columns = {
        "subject": ("sub",),
        "clip": ("count",),
        "onset": ("onset",),
        "offset": ("offset",),
        "aus": ("au",),
        "emotion": ("emotion",),
    }

    def books(self) -> Sequence[sheets.Book]:
        """The workbook of micro-expressions; CAS(ME)3_part_C.xls is another."""
        names = (r"^cas\(me\)3_part_?c_me\.xlsx?$", r"part_?c_me.*\.xlsx?$")
        return (sheets.Book("CAS(ME)3_part_C_ME.xlsx", names, depth=2),)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('1', '2'): the subject's number and the clip's."""
        subject, clip = text(cells["subject"]), text(cells["clip"])
        for heading, written in (("sub", subject), ("count", clip)):
            if not written.isdecimal():
                raise DataError(f"{heading} is {written!r}, not a number")
        return str(int(subject)), str(int(clip))

    def folder(self, clip: Clip) -> Path:
        """The folder of a subject's frames, or of the clip's.

        Raises:
          DataError: there is none; the message says what was looked for and what there is.
        """
        if int(clip.subject) not in self._subjects:
            raise DataError(
                f"{clip.key}: no folder of this subject, such as {clip.subject}, "
                f"{int(clip.subject):02d}, sub{clip.subject} or spNO.{clip.subject}; found are "
                f"{', '.join(paths[0].name for paths in self._subjects.values())}"
            )
        person = frames.only(self._subjects, int(clip.subject), f"subject {clip.subject}")
        pictures = _pictures(person, int(clip.clip)) or _pictures_in_the_only(
            person, int(clip.clip)
        )
        if pictures is None:
            raise DataError(
                f"{clip.key}: no pictures in {person}, in its folders color, {clip.clip} and "
                f"{clip.clip}/color, nor in its only folder{folders.contents(person)}"
            )
        return pictures

    @cached_property
    def _subjects(self) -> dict[int, list[Path]]:
        found = frames.layout_folders(
            self.manual_dir, self.layout, SUBJECT, "1/NNN.jpg ... or 1/1/color/NNN.jpg", OTHER_PARTS
        )
        return frames.by_key(
            (int(re.findall(r"\d+", name)[-1]), path) for name, path in found.items()
        )


def _pictures(folder: Path, clip: int) -> Path | None:
    """Where below a subject's folder the pictures lie: the clip's own folder goes first."""
    inner, _ = folders.entries(folder)
    own = [path for path in inner if path.name.isdecimal() and int(path.name) == clip]
    places = [place for path in (*own, folder) for place in (*_colour(path), path)]
    return next((place for place in places if folders.pictures(place)), None)


def _pictures_in_the_only(folder: Path, clip: int) -> Path | None:
    inner, _ = folders.entries(folder)
    return _pictures(inner[0], clip) if len(inner) == 1 else None


def _colour(folder: Path) -> list[Path]:
    return [path for path in folders.entries(folder)[0] if path.name.lower() == "color"]
