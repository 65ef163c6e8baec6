"""SMIC on disk: no annotation, the folders are it.

SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/reg_image559740.bmp: the folder names the label, the
first and the last frame are onset and offset, nobody marked an apex. Frame numbers are counted on
from clip to clip, with 5 to 8 digits.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import folders, frames, sheets
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.records import Clip
from merclip_jax.tfds_builders.smic import names

FPS = {"hs": 100.0, "vis": 25.0, "nir": 25.0}


class Smic(Corpus):
    """SMIC, the base release (Li et al. 2013)."""

    name = "smic"
    home = "https://www.oulu.fi/cmvs/node/41319"
    layouts = {
        "hs_cropped": "High-speed camera, the owner's face crops.",
        "hs_raw": "High-speed camera, the whole pictures, 640x480.",
        "vis_cropped": "Visible light, 25 frames per second, the owner's face crops.",
        "vis_raw": "Visible light, 25 frames per second, the whole pictures.",
        "nir_cropped": "Near infrared, 25 frames per second, the owner's face crops.",
        "nir_raw": "Near infrared, 25 frames per second, the whole pictures.",
    }
    has_apex = False

    def annotation(self) -> Path:
        """The folder with the subjects of the layout; raises DataError if there is none."""
        return self._root

    def rows(self) -> Iterator[sheets.Row]:
        """The clips' folders; the place of a fault is the folder below manual_dir."""
        for path in self._clips:
            cells: dict[str, Any] = {"clip": path.stem, "folder": path, "fault": ""}
            try:
                first, *_, last = [*self._frames(path)] * 2
                cells |= {"onset": first, "offset": last}
            except DataError as error:
                cells["fault"] = str(error)
            cells["emotion"] = path.parent.name
            yield sheets.Row(folders.shown(path.relative_to(self.manual_dir)), cells)

    def _frames(self, clip: Path) -> dict[int, Path]:
        """A clip's frames by number; raises DataError if there are none."""
        if not clip.is_dir():
            raise DataError(f"it is no folder of frames{folders.remedy([clip])}")
        found = self.numbered(clip)
        if not found:
            raise DataError(f"it holds no frames{folders.contents(clip)}; copy it again")
        return found

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """('s1', 's1_ne_01')."""
        if cells["fault"]:
            raise DataError(cells["fault"])
        return self._read(cells["folder"])

    def rate(self, cells: Mapping[str, Any]) -> float:
        """100 for the high-speed camera, 25 for the others."""
        return FPS[self.layout.split("_")[0]]

    def folder(self, clip: Clip) -> Path:
        """The folder that is the clip's row."""
        return self._places[clip.key]

    @cached_property
    def _root(self) -> Path:
        example = "HS/s1/micro/negative/s1_ne_01/..."
        return frames.find_root(self.manual_dir, self.layout, names.SUBJECT, example)

    @cached_property
    def _clips(self) -> list[Path]:
        """s1/micro/negative/s1_ne_01 and its like; non_micro holds no micro-expressions."""
        clips = []
        for person in folders.entries(self._root)[0]:
            if re.fullmatch(names.SUBJECT, person.name, re.IGNORECASE):
                inner, _ = folders.entries(person)
                micro = [path for path in inner if path.name.lower() == "micro"]
                labels = folders.entries(micro[0])[0] if micro else inner
                for label in labels:
                    if label.name.lower() != "non_micro":
                        clips += [path for found in folders.entries(label) for path in found]
        return [path for path in clips if _is_clip(path)]

    @cached_property
    def _places(self) -> dict[str, Path]:
        """'s1/s1_ne_01' -> the folder; misnamed ones, which are faults already, left out."""
        places: dict[str, Path] = {}
        for path in self._clips:
            with contextlib.suppress(DataError):
                places.setdefault("/".join(self._read(path)), path)
        return places

    def _read(self, folder: Path) -> tuple[str, str]:
        said, person = folder.parent.name, folder.relative_to(self._root).parts[0]
        subject, clip, label = names.read(folder.name, person)
        if said.lower() != label:
            raise DataError(
                f"the folder's label is {said!r}, but the name {folder.name} says {label!r}; find "
                "out which is right and rename the folder"
            )
        return subject, clip


def _is_clip(path: Path) -> bool:
    """Whether it is named as one or holds pictures; other folders are no part of the corpus."""
    if path.is_dir():
        named = re.fullmatch(names.CLIP, path.name, re.IGNORECASE)
        return bool(named) or bool(folders.pictures(path))
    named = re.fullmatch(names.CLIP, path.stem, re.IGNORECASE)
    return bool(named) and bool(folders.remedy([path]))
