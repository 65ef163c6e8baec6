"""SAMM on disk: one FACS workbook, 006/006_1_2/006_05562.jpg.

The workbook has a title and a key of symbols above its header; some copies have neither. Frame
numbers are padded to four or to five digits, which differs from clip to clip.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.cells import frame, text
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.records import ABSENT, Clip

SUBJECT = r"\d{3}"


class Samm(Corpus):
    """SAMM (Davison et al. 2018)."""

    name = "samm"
    home = "http://www2.docm.mmu.ac.uk/STAFF/M.Yap/dataset.php"
    layouts = {
        "raw": "The whole pictures, grey, 960x650.",
        "cropped": "The cropped kit (SAMM_CROP).",
    }
    fps = 200.0
    columns = {
        "subject": ("Subject",),
        "clip": ("Filename",),
        "onset": ("Onset Frame",),
        "apex": ("Apex Frame",),
        "offset": ("Offset Frame",),
        "aus": ("Action Units",),
        "emotion": ("Estimated Emotion",),
        "objective": ("Objective Classes",),
    }
    optional = ("objective",)

    def books(self) -> Sequence[sheets.Book]:
        """The FACS workbook, beside the frames or inside their folder."""
        owners = (r"^samm_micro_facs_codes_v2\.xlsx?$", r"^samm\.xlsx?$")
        names = (*owners, r"samm.*facs.*\.xlsx?$")
        return (sheets.Book("SAMM_Micro_FACS_Codes_v2.xlsx", names, depth=2),)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('006', '006_1_2'); the subject is three digits, also where a copy says 6."""
        subject, clip = text(cells["subject"]), text(cells["clip"])
        if frame(subject) == ABSENT:
            raise DataError(f"Subject is {cells['subject']!r}, not a number")
        if not clip:
            raise DataError("Filename is empty")
        return f"{int(subject):03d}", clip

    def folder(self, clip: Clip) -> Path:
        """006/006_1_2 below the frames of the layout."""
        return frames.only(self._folders, (clip.subject, clip.clip), clip.key)

    @cached_property
    def _folders(self) -> dict[tuple[str, str], list[Path]]:
        root = frames.find_root(self.manual_dir, self.layout, SUBJECT, "006/006_1_2/...")
        found = frames.clip_folders(root, SUBJECT)
        return frames.by_key(((person, clip), path) for person, clip, path in found)
