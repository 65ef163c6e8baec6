"""CAS(ME)^3 part A on disk: one workbook of text, spNO.1/a/color/355.jpg.

A video carries several micro-expressions, so a clip is called after its video's letter and its
annotated onset. Letters tell case apart: 'J' is not 'j'.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import folders, frames, sheets
from merclip_jax.tfds_builders.cells import canonical, frame, text
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.identity import NAME
from merclip_jax.tfds_builders.records import ABSENT, Clip

SUBJECT = r"spNO\.(\d+)"
WORKBOOK = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
OBJECTIVE = {name: i for i, name in enumerate(("I", "II", "III", "IV", "V", "VI", "VII"), start=1)}


class Casme3(Corpus):
    """CAS(ME)^3 part A, micro-expressions (Li et al. 2022)."""

    name = "casme3"
    home = "http://casme.psych.ac.cn/casme/e4"
    layouts = {
        "color": "The whole pictures, in colour.",
        "cropped": "Your own face crops, in a tree like the owner's.",
    }
    fps = 30.0
    gaps_stop = False  # the authors lost frames of about every tenth clip
    clip_name = rf"{NAME}/\d+"
    columns = {
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("Onset",),
        "apex": ("Apex",),
        "offset": ("Offset",),
        "aus": ("AU",),
        "emotion": ("emotion",),
        "objective": ("Objective class",),
    }

    def books(self) -> Sequence[sheets.Book]:
        """The second version of the workbook of micro-expressions.

        Raises:
          DataError: only the first version is there.
        """
        names = (
            r"^cas\(me\)3_part_a_me_label_jpgindex_v2\.xlsx?$",
            r"me_label_jpgindex_v2.*\.xlsx?$",
        )
        second = sheets.Book(WORKBOOK, names, depth=2)
        first = sheets.Book(WORKBOOK, (r"me_label_jpgindex_v1.*\.xlsx?$",), depth=2)
        if first.there(self.manual_dir) and not second.there(self.manual_dir):
            raise DataError(
                f"{first.find(self.manual_dir)}: the first version, with 921 rows, is not read: "
                "its owner withdrew wrongly labelled clips, and all sample lists rest on the 860 "
                f"rows of {WORKBOOK}; put that there"
            )
        return (second,)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('spNO.1', 'a/355'): the clip is the video's letter and the onset as annotated.

        Frames count from 1, so the one clip annotated from 0 is called 'e/1' (so does MER-CLIP
        @31037e9).
        """
        subject, letter = text(cells["subject"]), text(cells["clip"])
        number = re.fullmatch(SUBJECT, subject, re.IGNORECASE)
        if not number:
            raise DataError(f"Subject is {cells['subject']!r}, not like 'spNO.1'")
        subject = f"spNO.{number[1]}"  # in whatever letters
        if not letter:
            raise DataError("Filename is empty")
        onset = frame(cells["onset"])
        if onset == ABSENT:
            raise DataError(f"{subject}/{letter}: Onset is {cells['onset']!r}, not a frame number")
        return subject, f"{letter}/{max(onset, 1)}"

    def objective(self, cells: Mapping[str, Any]) -> int:
        """The objective class, which is a Roman numeral; 0 for a blank."""
        written = text(cells["objective"])
        if written and written not in OBJECTIVE:
            raise DataError(f"Objective class is {cells['objective']!r}, not one of I to VII")
        return OBJECTIVE.get(written, 0)

    def same(self, clip: Clip) -> str:
        """As of any corpus, but letters tell videos apart."""
        return f"{canonical(clip.subject)}/{clip.clip}"

    def folder(self, clip: Clip) -> Path:
        """spNO.1/a/color, or spNO.1/a where a copy has no such level.

        Raises:
          DataError: there is none, or two videos whose letters differ in case share one.
        """
        letter = clip.clip.partition("/")[0]
        videos = self._videos(clip.subject)
        twin = videos.get(letter.swapcase())
        video = videos.get(letter)
        if twin and (video is None or video.samefile(twin)):
            raise DataError(
                f"{clip.subject}: the videos {letter} and {twin.name} are two, but {twin} is the "
                "only folder for them; where upper and lower case are one, unpacking mixes their "
                "frames: unpack the corpus anew where they are not"
            )
        if video is None:
            raise DataError(f"{clip.subject}/{letter}: annotated, but the folder is missing")
        inner, _ = folders.entries(video)
        return next((path for path in inner if path.name.lower() == "color"), video)

    def _videos(self, subject: str) -> dict[str, Path]:
        """The folders of a subject's videos, by letter."""
        if canonical(subject) not in self._subjects:
            return {}
        folder = frames.only(self._subjects, canonical(subject), subject)
        return {path.name.strip(): path for path in folders.entries(folder)[0]}

    @cached_property
    def _subjects(self) -> dict[str, list[Path]]:
        found = frames.layout_folders(
            self.manual_dir, self.layout, SUBJECT, "spNO.1/a/color/355.jpg ..."
        )
        return frames.by_key((canonical(subject), path) for subject, path in found.items())
