"""CASME on disk: one workbook, sub01/EP01_12/EP01_12-73.jpg.

The number of a frame stands behind the last hyphen, padded to three digits in the corpus's second
part and bare in its first. Releases of the workbook have 189, 193 or 195 rows.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from tfds_builders import frames, sheets
from tfds_builders.corpus import Corpus
from tfds_builders.records import ABSENT, Clip

SUBJECT = r"sub\d+"


class Casme(Corpus):
    """CASME (Yan et al. 2013)."""

    name = "casme"
    home = "http://casme.psych.ac.cn/casme/e1"
    layouts = {
        "cropped": "The owner's aligned face crops.",
        "raw": "The whole pictures.",
    }
    fps = 60.0
    columns = {
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("OnsetF", "OnsetFrame"),
        "apex": ("ApexF1", "ApexF", "ApexFrame"),
        "offset": ("OffsetF", "OffsetFrame"),
        "aus": ("AU", "AUs", "Action Units"),
        "emotion": ("Emotion", "Estimated Emotion"),
    }

    def annotation(self) -> Path:
        """The coding workbook with the newest date in its name; never that of CASME II."""
        wanted = "CASME-coded-20190721.xls (or casme.xlsx)"
        pattern = (r"casme(?!.?(2|ii)).?cod.*\.xlsx?$", r"^casme\.xlsx?$")
        return sheets.find(self.manual_dir, pattern, wanted)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('01', 'EP01_12'), for a subject 1, 1.0, '01' or 'sub01'."""
        subject = sheets.text(cells["subject"]).lower().removeprefix("sub")
        if sheets.frame(subject) == ABSENT:
            raise DataError(f"Subject is {cells['subject']!r}, not a number")
        clip = sheets.text(cells["clip"])
        if not clip:
            raise DataError("Filename is empty")
        return f"{int(subject):02d}", clip

    def folder(self, clip: Clip) -> Path:
        """sub01/EP01_12 below the frames of the layout."""
        found = self._folders.get((int(clip.subject), clip.clip))
        if found is None:
            raise DataError(f"sub{clip.subject}/{clip.clip}: annotated, but the folder is missing")
        return found

    @cached_property
    def _folders(self) -> dict[tuple[int, str], Path]:
        root = frames.find_root(self.manual_dir, self.layout, SUBJECT, "sub01/EP01_12/...")
        folders = frames.clip_folders(root, SUBJECT)
        return {(int(person[3:]), clip): path for (person, clip), path in folders.items()}
