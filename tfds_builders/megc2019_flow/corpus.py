"""The published flow of MEGC2019's composite on disk: a list, and one small picture per clip.

datasets/STSNet_whole_norm_u_v_os/006_006_1_2 .png, 28 x 28, named by the columns `sub` and
`filename_o` of combined_3_class2_for_optical_flow.csv, with a blank before the suffix.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.records import Clip
from merclip_jax.tfds_builders.smic import names as smic

FOLDER = "STSNet_whole_norm_u_v_os"
LIST = "combined_3_class2_for_optical_flow.csv"
LABELS = {"0": "negative", "1": "positive", "2": "surprise"}
CORPORA = ("smic", "casme2", "samm")


class Megc2019Flow(Corpus):
    """Onset-apex flow of the 442 clips of MEGC2019 (published with HTNet, Wang et al. 2023)."""

    name = "megc2019_flow"
    home = "https://github.com/wangzhifengharrison/HTNet"
    layouts = {"flow": "Displacement and strain from onset to apex, 28 x 28."}
    pictures = "flow"
    columns = {
        "clip": ("filename_o",),
        "subject": ("sub",),
        "emotion": ("label",),
        "dataset": ("dataset",),
    }
    fps = 0.0  # three cameras; flow has no rate

    def annotation(self) -> Path:
        """The list; raises DataError if there is none."""
        return sheets.find(self.manual_dir, re.escape(LIST), LIST, depth=3)

    def rows(self) -> Iterator[sheets.Row]:
        """The list's rows; each clip is a single frame, at once onset, apex and offset."""
        for row in super().rows():
            frame = {"onset": "1", "apex": "1", "offset": "1"}
            label = sheets.text(row.cells["emotion"])
            cells = {**row.cells, **frame, "emotion": LABELS.get(label, label)}
            yield sheets.Row(row.where, cells)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('casme2-01', 'EP02_01f'): corpus and subject, and the clip, as their owner writes them.

        The list has 'sub01' and 's01_ne_01' where CASME II and SMIC have '01' and 's1_ne_01'.
        """
        corpus, subject, clip = (sheets.text(cells[key]) for key in ("dataset", "subject", "clip"))
        if corpus not in CORPORA:
            raise DataError(f"{subject}/{clip}: dataset {corpus!r} is none of {', '.join(CORPORA)}")
        if not subject or not clip:
            raise DataError(f"subject {subject!r} and clip {clip!r}: a row needs both")
        if cells["emotion"] not in LABELS.values():
            raise DataError(
                f"{subject}/{clip}: label {cells['emotion']!r} is none of 0, 1, 2 (negative, "
                "positive, surprise)"
            )
        if corpus == "smic":
            subject, clip, _ = smic.read(clip, subject)
        return f"{corpus}-{subject.removeprefix('sub')}", clip

    def split(self, cells: Mapping[str, Any]) -> str:
        """The corpus that a clip is from."""
        return sheets.text(cells["dataset"])

    def folder(self, clip: Clip) -> Path:
        """The clip's picture."""
        name = self._written[clip.subject, clip.clip]
        for path in (self._root / f"{name} .png", self._root / f"{name}.png"):
            if path.is_file():
                return path
        raise DataError(f"{self._root}: no picture '{name} .png'; copy it again")

    def numbered(self, folder: Path) -> dict[int, Path]:
        """The single frame."""
        return {1: folder}

    @cached_property
    def _written(self) -> dict[tuple[str, str], str]:
        """How a clip's picture is called: as the list has its subject and its name."""
        found = {}
        for row in self.rows():
            try:
                names = self.names(row.cells)
            except DataError:
                continue  # a fault of the list, which `sheet` says
            found[names] = "_".join(sheets.text(row.cells[key]) for key in ("subject", "clip"))
        return found

    @cached_property
    def _root(self) -> Path:
        places = [self.manual_dir, *sorted(self.manual_dir.glob(f"**/{FOLDER}"))]
        found = [path for path in places if path.name == FOLDER and path.is_dir()]
        if not found:
            raise frames.NoFramesError(
                f"{self.manual_dir}: no folder {FOLDER}; give a copy of {self.home}, or its folder "
                f"'datasets', with {LIST}"
            )
        return found[0]
