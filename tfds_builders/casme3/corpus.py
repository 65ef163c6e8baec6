"""CAS(ME)^3 part A on disk: one workbook of text, spNO.1/a/color/355.jpg.

A video carries several micro-expressions, so a clip is called after its video's letter and its
annotated onset. Letters tell case apart: 'J' is not 'j'.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.records import ABSENT, Clip

SUBJECT = r"spNO\.\d+"
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

    def annotation(self) -> Path:
        """The second version of the workbook of micro-expressions.

        Raises:
          DataError: it is not there, whether or not the first version is.
        """
        versions = [rf"me_label_jpgindex_v{number}.*\.xlsx?$" for number in (2, 1)]
        found = sheets.find(self.manual_dir, versions, WORKBOOK, depth=2)
        if re.search(versions[1], found.name, re.IGNORECASE):
            raise DataError(
                f"{found}: the first version, with 921 rows, is not read: its owner withdrew "
                f"wrongly labelled clips, and all sample lists rest on the 860 rows of {WORKBOOK}; "
                "put that there"
            )
        return found

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('spNO.1', 'a/355'): the clip is the video's letter and the onset as annotated.

        Frames count from 1, so the one clip annotated from 0 is called 'e/1' (so does MER-CLIP
        @31037e9).
        """
        subject, letter = sheets.text(cells["subject"]), sheets.text(cells["clip"])
        if not subject.lower().startswith("spno."):
            raise DataError(f"Subject is {cells['subject']!r}, not like 'spNO.1'")
        if not letter:
            raise DataError("Filename is empty")
        onset = sheets.frame(cells["onset"])
        if onset == ABSENT:
            raise DataError(f"{subject}/{letter}: Onset is {cells['onset']!r}, not a frame number")
        return subject, f"{letter}/{max(onset, 1)}"

    def objective(self, cells: Mapping[str, Any]) -> int:
        """The objective class, which is a Roman numeral; 0 for a blank."""
        written = sheets.text(cells["objective"])
        if written and written not in OBJECTIVE:
            raise DataError(f"Objective class is {cells['objective']!r}, not one of I to VII")
        return OBJECTIVE.get(written, 0)

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
        return next((path for path in _folders(video) if path.name.lower() == "color"), video)

    def _videos(self, subject: str) -> dict[str, Path]:
        """The folders of a subject's videos, by letter."""
        folder = self._subjects.get(subject.lower())
        return {path.name.strip(): path for path in _folders(folder)} if folder else {}

    @cached_property
    def _subjects(self) -> dict[str, Path]:
        folders = frames.layout_folders(
            self.manual_dir, self.layout, SUBJECT, "spNO.1/a/color/355.jpg ..."
        )
        return {subject.lower(): path for subject, path in folders.items()}


def _folders(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_dir()]
