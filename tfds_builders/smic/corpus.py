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
from merclip_jax.tfds_builders import frames, sheets
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
            fault = "it holds no frames; copy it again"
            cells: dict[str, Any] = {"clip": path.name, "folder": path, "fault": fault}
            try:
                numbers = [*self.numbered(path)]
            except ValueError as error:
                cells["fault"] = str(error)
            else:
                if numbers:
                    cells |= {"onset": numbers[0], "offset": numbers[-1], "fault": ""}
            cells["emotion"] = path.parent.name
            yield sheets.Row(str(path.relative_to(self.manual_dir)), cells)

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
        for person in _folders(self._root):
            if re.fullmatch(names.SUBJECT, person.name, re.IGNORECASE):
                micro = person / "micro" if (person / "micro").is_dir() else person
                labels = [path for path in _folders(micro) if path.name.lower() != "non_micro"]
                clips += [clip for label in labels for clip in _folders(label)]
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


def _folders(path: Path) -> list[Path]:
    return [child for child in sorted(path.iterdir()) if child.is_dir()]


def _is_clip(folder: Path) -> bool:
    """Whether it is named as one or holds pictures; other folders are no part of the corpus."""
    named = re.fullmatch(names.CLIP, folder.name, re.IGNORECASE)
    return bool(named) or any(path.suffix.lower() in frames.SUFFIXES for path in folder.iterdir())
