"""A user's own clips on disk: one CSV, and the videos or folders of frames that it names.

A row is a clip. Onset and offset may be left blank: then the whole video or folder is the clip.
"""

import hashlib
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from merclip_jax.errors import DataError
from merclip_jax.facs import notation
from merclip_jax.tfds_builders import cells as reading
from merclip_jax.tfds_builders import folders, sheets
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.own_clips import films, openface
from merclip_jax.tfds_builders.records import ABSENT, Clip, Correction

LIST = "clips.csv"


class OwnClips(Corpus):
    """A user's own labelled clips."""

    name = "own_clips"
    home = ""
    layouts = {"clips": "What the CSV names, whole pictures or cut to the face."}
    fps = 0.0  # of folders whose rows say none; nothing is computed from it
    has_apex = False  # a missing apex is no fault
    changes = True
    columns = {
        "path": ("path", "file", "video", "folder"),
        "subject": ("subject", "participant", "person"),
        "clip": ("clip", "name"),
        "emotion": ("label", "emotion", "class"),
        "aus": ("AUs", "AU", "action units"),
        "onset": ("onset",),
        "apex": ("apex",),
        "offset": ("offset",),
        "fps": ("fps",),
        "split": ("split",),
        **openface.COLUMNS,
    }
    optional: ClassVar = tuple(name for name in columns if name not in ("path", "subject"))

    def annotation(self) -> Path:
        """clips.csv, else the only CSV of the folder; raises DataError if there is neither."""
        found = [p for p in folders.entries(self.manual_dir)[1] if p.suffix.lower() == ".csv"]
        named = [path for path in found if path.name.lower() == LIST] or found
        if len(named) != 1:
            listed = ", ".join(folders.shown(path.name) for path in named) or "none"
            raise DataError(
                f"{self.manual_dir}: which CSV lists the clips? Put one there and call it {LIST} "
                f"(found: {listed})"
            )
        return named[0]

    def version(self) -> str:
        """A digest of the CSV, and of the sizes and times of what it names."""
        sha = hashlib.sha256(self.annotation().read_bytes())
        for row in self.rows():
            path = self._path(row.cells)
            files = folders.entries(path)[1] if path.is_dir() else [path]
            for file in filter(Path.is_file, files):
                sha.update(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}".encode())
        return sha.hexdigest()[:16]

    def rows(self) -> Iterator[sheets.Row]:
        """The CSV's rows; a clip without a name goes by its path, action units by OpenFace's."""
        for row in super().rows():
            cells = dict(row.cells)
            if not reading.blank(cells.get("path")) and reading.blank(cells.get("clip")):
                cells["clip"] = _named(cells)
            if reading.blank(cells.get("aus")) and not any(openface.faults(cells)):
                cells["aus"] = openface.units(cells)
            yield replace(row, cells=cells)

    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """Subject and clip as they are written."""
        subject, clip = (reading.text(cells.get(name)) for name in ("subject", "clip"))
        if not subject or not clip:
            raise DataError(f"subject {subject!r} and clip {clip!r}: a row needs both")
        return subject, clip

    def rate(self, cells: Mapping[str, Any]) -> float:
        """As the row says, else as the video states it; 0 where neither does."""
        written = reading.text(cells.get("fps"))
        if written:
            return _positive(written)
        path = self._path(cells)
        return films.rate(path) if _is_film(path) else self.fps

    def split(self, cells: Mapping[str, Any]) -> str:
        """The user's split, such as 'train'."""
        return reading.text(cells.get("split"))

    def meant(self, cells: Mapping[str, Any]) -> Mapping[str, Any]:
        """With the first and last frame for onset and offset where they are blank."""
        lacking = [name for name in ("onset", "offset") if reading.blank(cells.get(name))]
        if not lacking:
            return cells
        first, last = self._ends(self._path(cells))
        return {**cells, **{name: first if name == "onset" else last for name in lacking}}

    def folder(self, clip: Clip) -> Path:
        """Where the frames lie; those of a video are written out first, as PNG."""
        path = self._places[clip.subject, clip.clip]
        if not _is_film(path):
            return path
        out = self._scratch / clip.subject / clip.clip
        if not out.exists():
            films.write_out(path, out, clip.onset_used, clip.offset_used)
        return out

    def _clip(
        self, row: sheets.Row, corrections: Mapping[tuple[str, str], Correction]
    ) -> tuple[Clip, list[Correction]]:
        faults = [*self._wrong(row)]
        if faults:
            raise DataError("; ".join(faults))
        clip, used = super()._clip(row, corrections)
        with row.at("apex"):
            if clip.apex_used != ABSENT and not clip.has_apex:
                raise DataError(
                    f"apex {clip.apex_used} is not between onset {clip.onset_used} and offset "
                    f"{clip.offset_used}"
                )
        return clip, used

    def _wrong(self, row: sheets.Row) -> Iterator[str]:
        """Everything that is wrong with single cells of a row, each with its place."""
        for name, check in self._checks(row).items():
            try:
                with row.at(name):
                    check()
            except DataError as error:
                yield str(error)
        for name, fault in openface.faults(row.cells):
            yield f"{fault}; see {row.places[name]}"

    def _checks(self, row: sheets.Row) -> dict[str, Callable[[], Any]]:
        cells = row.cells
        frame = {
            name: lambda name=name: reading.frame_or_none(cells.get(name), name)
            for name in ("onset", "apex", "offset")
        }
        return {
            "path": lambda: self._check_path(cells),
            "subject": lambda: self.names({**cells, "clip": "named"}),
            "emotion": lambda: _label(row),
            "aus": lambda: notation.parse(reading.text(cells.get("aus"))),
            "fps": lambda: reading.text(cells.get("fps")) and _positive(cells["fps"]),
            **frame,
        }

    def _check_path(self, cells: Mapping[str, Any]) -> None:
        path, written = self._path(cells), reading.text(cells.get("path"))
        if not written:
            raise DataError("path is blank: name a video or a folder of frames")
        if not path.exists():
            raise DataError(f"path {written!r}: no such file or folder below {self.manual_dir}")
        if path.is_file() and not _is_film(path):
            raise DataError(f"path {written!r} is neither a video nor a folder of frames")
        _, last = self._ends(path)
        offset = reading.frame(cells.get("offset"))
        if _is_film(path) and offset > last:
            raise DataError(f"path {written!r} has {last} frames, and offset is {offset}")

    def _path(self, cells: Mapping[str, Any]) -> Path:
        return self.manual_dir / Path(reading.text(cells.get("path"))).expanduser()

    def _ends(self, path: Path) -> tuple[int, int]:
        """The first and last frame of a video, counted from 1, or of a folder, as numbered."""
        if path not in self._known_ends:
            numbers = [1, films.count(path)] if _is_film(path) else [*self.numbered(path)]
            if not numbers:
                raise DataError(f"{folders.shown(path.name)}: no pictures with numbered names")
            self._known_ends[path] = min(numbers), max(numbers)
        return self._known_ends[path]

    @cached_property
    def _known_ends(self) -> dict[Path, tuple[int, int]]:
        return {}

    @cached_property
    def _places(self) -> dict[tuple[str, str], Path]:
        named = [row for row in self.rows() if not any(self._wrong(row))]
        return {self.names(row.cells): self._path(row.cells) for row in named}

    @cached_property
    def _scratch(self) -> Path:
        """A folder for frames of videos, deleted with this corpus."""
        folder = tempfile.mkdtemp(prefix="own-clips-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)


def _is_film(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in folders.VIDEOS


def _named(cells: Mapping[str, Any]) -> str:
    """A clip's name: its path without suffix, and the onset where it is a part of it."""
    path = Path(reading.text(cells["path"]))
    words = [*path.parts[:-1], path.stem if path.suffix.lower() in folders.VIDEOS else path.name]
    onset = reading.text(cells.get("onset"))
    name = re.sub(r"[^\w.()+-]+", "_", "_".join([*words, *([onset] if onset else [])]))
    return name.strip("_.()+-")


def _label(row: sheets.Row) -> None:
    """Refuse what is no word, and a blank where there is a column of labels."""
    if "emotion" in row.places and not reading.word(row.cells.get("emotion"), "label"):
        raise DataError("label is blank: write one, or take the row out")


def _positive(written: Any) -> float:
    try:
        rate = float(reading.text(written))
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e6:
        raise DataError(f"fps is {written!r}, not a number of frames per second above 0")
    return rate
