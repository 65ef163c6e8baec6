"""4DME on disk: the micro-expressions in grey video, S13_1st/001_01_1/Frame_000001823.jpg.

Only the release's workbook of micro-expressions is read. Subjects may have blanks or underscores
in their names, so that no name is taken apart.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.cells import blank, text
from merclip_jax.tfds_builders.corpus import Corpus, Sheet
from merclip_jax.tfds_builders.records import Clip, Fault

WORKBOOK = "4DME_Labelling_Micro_release v1.xlsx"
OTHER_VIDEO = r"long|macro|rgb|colou?r|depth|4d(?!me)|3d"
RELEASED = 267  # rows of release v1
EXCHANGED = (144, 145)  # rows of release v1, counted from 0 below the header


class FourDme(Corpus):
    """4DME, micro-expressions in grey video (Li et al. 2022)."""

    name = "fourdme"
    home = "https://doi.org/10.1109/TAFFC.2022.3182342"
    layouts = {
        "raw": "The grey pictures of the short clips, 480x640.",
        "cropped": "The same, cropped.",
    }
    fps = 60.0
    columns = {
        "subject": ("sub_ID", "SubID"),
        "clip": ("fold_name",),
        "onset": ("Onset",),
        "apex": ("Apex",),
        "offset": ("Offset",),
        "aus": ("AUs", "AU"),
        "emotion": ("Emotion",),
    }

    def books(self) -> Sequence[sheets.Book]:
        """The release's workbook of micro-expressions, not that of extras."""
        owners = r"^4dme_labelling_micro_release v\d+\.xlsx?$"
        copies = r"4dme.*micro(?!.*(macro|extra)).*\.xlsx?$"
        return (sheets.Book(WORKBOOK, (owners, copies), depth=2),)

    def rows(self) -> Iterator[sheets.Row]:
        """The annotated rows; some workbooks end in totals of a name alone."""
        for row in super().rows():
            said = {field for field, cell in row.cells.items() if not blank(cell)}
            if said != {"subject"} or text(row.cells["subject"]).lower() != "total":
                yield row

    def sheet(self) -> Sheet:
        """The rows; two, whose action units are in doubt, are a fault that does not stop."""
        sheet = super().sheet()
        if len(sheet.clips) != RELEASED:
            return sheet
        first, second = (sheet.clips[row].key for row in EXCHANGED)
        detail = (
            f"its action units and those of {second} may be exchanged (MEB @0607d7d, "
            "meb/datasets/datasets.py); compare them with the frames, and list both in "
            "corrections.csv if they are"
        )
        return replace(
            sheet, faults=[*sheet.faults, Fault(first, "annotation", detail, stops_build=False)]
        )

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('S13_1st', '001_01_1')."""
        subject, clip = text(cells["subject"]), text(cells["clip"])
        for heading, written in (("sub_ID", subject), ("fold_name", clip)):
            if not written:
                raise DataError(f"{heading} is empty")
        return subject, clip

    def meant(self, cells: Mapping[str, Any]) -> Mapping[str, Any]:
        """The cells, action units without the sign that one has behind its last unit."""
        return {**cells, "aus": re.sub(r"[^\w)?]+$", "", text(cells["aus"]))}

    def folder(self, clip: Clip) -> Path:
        """S13_1st/001_01_1, S13_1st/S13_1st_001_01_1 or S13_1st_001_01_1."""
        whole = f"{clip.subject}_{clip.clip}"
        person = self._found.get(clip.subject)
        inside = [person / clip.clip, person / whole] if person else []
        places = [path for path in (*inside, self._found.get(whole)) if path and path.is_dir()]
        if not places:
            raise DataError(f"{whole}: annotated, but the folder is missing")
        return places[0]

    def aligned(self, clip: Clip, numbered: Mapping[int, Path]) -> Mapping[int, Path]:
        """The frames as the annotation counts them.

        The release's numbers are those of the long video; a copy that counts each clip's frames
        anew, and has exactly as many as onset and offset span, is counted from onset.
        """
        span = range(clip.onset_used, clip.offset_used + 1)
        if len(numbered) != len(span) or min(numbered) not in (0, 1):
            return numbered
        if max(numbered) - min(numbered) + 1 != len(span):
            return numbered
        return dict(zip(span, numbered.values(), strict=True))

    @cached_property
    def _found(self) -> dict[str, Path]:
        """The folders of subjects, or of clips that carry the subject's name."""
        clips = super().sheet().clips
        names = {clip.subject for clip in clips}
        names |= {f"{clip.subject}_{clip.clip}" for clip in clips}
        return frames.layout_folders(
            self.manual_dir,
            self.layout,
            "|".join(map(re.escape, sorted(names))),
            "S13_1st/001_01_1/Frame_000001823.jpg ...",
            OTHER_VIDEO,
        )
