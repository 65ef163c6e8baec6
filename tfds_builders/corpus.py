"""A corpus on disk: its annotation read row by row, its frames found, its faults listed.

A corpus says where its annotation is, what a row means and where a clip's frames lie; what is the
same for all of them is here. Nothing is decided about classes, and no row is dropped in silence:
it becomes a clip or a fault.
"""

import itertools
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from tqdm import tqdm

from merclip_jax.errors import DataError
from merclip_jax.facs import notation
from merclip_jax.tfds_builders import frames, sheets
from merclip_jax.tfds_builders.records import ABSENT, Clip, Correction, Fault


@dataclass(frozen=True)
class Sheet:
    """What an annotation says.

    Attributes:
      source: the file, or the folder where a corpus has none.
      clips: its clips, without frames, in its order.
      faults: what is wrong with its rows.
      corrections: those of corrections.csv that were applied.
    """

    source: Path
    clips: list[Clip]
    faults: list[Fault]
    corrections: list[Correction]


class Corpus(ABC):
    """One copy of a corpus.

    Attributes:
      name: of the corpus, that of its folder here.
      layouts: layout -> what its frames are; the first is the default.
      fps: frames per second, where all recordings have the same.
      columns: field -> headings, for a workbook with a header (see `sheets.rows`).
      optional: the fields that some releases lack.
      has_apex: whether the annotation gives apexes, so that a missing one is a fault.
      gaps_stop: whether a frame missing between onset and offset is a reason not to build.
      pictures, home: 'face', or 'flow' where frames show motion alone; the owner's page.
      manual_dir, layout, corrected: where it lies, which frames, and whether corrections.csv holds.
    """

    name: ClassVar[str]
    layouts: ClassVar[Mapping[str, str]]
    fps: ClassVar[float]
    columns: ClassVar[Mapping[str, Sequence[str]]]
    optional: ClassVar[Sequence[str]] = ()
    has_apex: ClassVar[bool] = True
    gaps_stop: ClassVar[bool] = True
    pictures: ClassVar[Literal["face", "flow"]] = "face"
    home: ClassVar[str]

    def __init__(self, manual_dir: Path, layout: str = "", corrected: bool = True) -> None:
        self.manual_dir = manual_dir
        self.layout = layout or next(iter(self.layouts))
        self.corrected = corrected

    @abstractmethod
    def annotation(self) -> Path:
        """The annotation file; raises DataError if there is none."""

    @abstractmethod
    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """Subject and clip of a row; raises DataError if it names none."""

    @abstractmethod
    def folder(self, clip: Clip) -> Path:
        """Where the frames of a clip lie; raises DataError if nowhere."""

    def rows(self) -> Iterator[sheets.Row]:
        """The annotation's rows, cells by field."""
        return sheets.rows(self.annotation(), self.columns, self.optional)

    def rate(self, cells: Mapping[str, Any]) -> float:
        """Frames per second of a row's recording."""
        return self.fps

    def split(self, cells: Mapping[str, Any]) -> str:
        """The owner's part of the corpus that a row is in."""
        return ""

    def objective(self, cells: Mapping[str, Any]) -> int:
        """The objective class, 0 if there is none; raises DataError if the cell is no class."""
        written = sheets.text(cells.get("objective"))
        if written and sheets.frame(written) not in range(8):
            raise DataError(f"objective class {written!r} is none of 1 to 7")
        return max(sheets.frame(written), 0)

    def meant(self, cells: Mapping[str, Any]) -> Mapping[str, Any]:
        """The cells to use, where an owner's convention makes them other than those claimed."""
        return cells

    def numbered(self, folder: Path) -> dict[int, Path]:
        """The frames in a clip's folder by number."""
        return frames.numbered(folder)

    def aligned(self, clip: Clip, numbered: Mapping[int, Path]) -> Mapping[int, Path]:
        """The frames by the numbers in which the annotation counts, where files count otherwise."""
        return numbered

    def known(self) -> dict[tuple[str, str], Correction]:
        """The corpus's corrections by clip and column; none if they are switched off."""
        file = Path(__file__).parent / self.name / "corrections.csv"
        listed = sheets.corrections(file) if self.corrected else []
        return {(line.key, line.column): line for line in listed}

    def sheet(self) -> Sheet:
        """Every row of the annotation as a clip without frames, or as a fault.

        The claimed onset, apex and offset stay as annotated; corrections and repair go into
        onset_used, apex_used and offset_used. Needs no frame on disk.

        Raises:
          DataError: the annotation is missing or cannot be read at all.
        """
        source, corrections = self.annotation(), self.known()
        clips: dict[str, Clip] = {}
        faults: list[Fault] = []
        applied: list[Correction] = []
        for row in self.rows():
            if not any(sheets.text(row.cells.get(name)) for name in ("clip", "onset", "offset")):
                detail = "names no clip and no frame, so it is taken for a note"
                faults.append(Fault(row.where, "annotation", detail, stops_build=False))
                continue
            try:
                clip, used = self._clip(row.cells, corrections)
            except DataError as fault:
                faults.append(Fault(row.where, "annotation", str(fault)))
                continue
            if clip.key in clips:
                detail = f"{clip.clip_id} has a row already; delete one of them"
                faults.append(Fault(row.where, "duplicate", detail))
                continue
            clips[clip.key] = clip
            applied += used
            if self.has_apex and not clip.onset_used <= clip.apex_used <= clip.offset_used:
                faults.append(_apex_fault(clip))
        made = [_with_an_apex(clip) for clip in clips.values()]
        return Sheet(source, made, faults, applied)

    def _clip(
        self, cells: Mapping[str, Any], corrections: Mapping[tuple[str, str], Correction]
    ) -> tuple[Clip, list[Correction]]:
        subject, name = self.names(cells)
        used = [
            line
            for field in cells
            if (line := corrections.get((f"{subject}/{name}", field)))
            and sheets.text(cells[field]) == line.old
        ]
        mended = self.meant({**cells, **{line.column: line.new for line in used}})
        onset, offset = (_needed(mended, field) for field in ("onset", "offset"))
        if onset > offset:
            raise DataError(f"{subject}/{name}: onset {onset} comes after offset {offset}")
        aus = sheets.text(mended.get("aus"))
        notation.parse(aus)
        claimed = {field: sheets.frame(cells.get(field)) for field in ("onset", "apex", "offset")}
        clip = Clip(
            dataset=self.name,
            subject=subject,
            clip=name,
            emotion=sheets.text(mended.get("emotion")).lower(),
            aus=aus,
            **claimed,
            onset_used=onset,
            apex_used=sheets.frame(mended.get("apex")),
            offset_used=offset,
            apex_valid=claimed["onset"] <= claimed["apex"] <= claimed["offset"],
            fps=self.rate(cells),
            split=self.split(cells),
            frame_numbers=[],
            frames=[],
            objective_class=self.objective(cells),
        )
        return clip, used

    def clips(self) -> list[Clip]:
        """Every clip with its frames from onset to offset; logs how many faults do not stop it.

        Raises:
          DataError: with all faults of the whole corpus, found before anything is written.
        """
        sheet = self.sheet()
        clips, faults = self.on_disk(sheet)
        stopping = [str(fault) for fault in (*sheet.faults, *faults) if fault.stops_build]
        if stopping:
            raise DataError(
                f"{self.manual_dir}: {len(stopping)} faults; nothing was written", stopping
            )
        if not clips:
            raise DataError(f"{sheet.source}: no row describes a clip")
        if others := len(sheet.faults) + len(faults):
            logging.getLogger(__name__).info("%s: %d faults do not stop a build", self.name, others)
        return clips

    def on_disk(self, sheet: Sheet) -> tuple[list[Clip], list[Fault]]:
        """The sheet's clips with their frames, and what is wrong with those that lack some.

        Raises:
          NoFramesError: there is no folder of frames at all.
        """
        corrections, clips, faults = self.known(), [], []
        for clip in tqdm(sheet.clips, desc=f"checking {self.name}", unit="clip", disable=None):
            try:
                folder = self.folder(clip)
            except frames.NoFramesError:
                raise
            except DataError as fault:
                faults.append(Fault(clip.key, "missing_folder", str(fault)))
                continue
            try:
                numbered = self.aligned(clip, self.numbered(folder))
            except ValueError as error:
                faults.append(Fault(clip.key, "duplicate_frames", str(error)))
                continue
            short = corrections.get((clip.key, "frames"))
            inside, clip_faults = _inside(clip, folder, numbered, short, self.gaps_stop)
            faults += clip_faults
            if not any(fault.stops_build for fault in clip_faults):
                clips.append(_with_frames(clip, inside))
        return clips, faults


def middle(onset: int, offset: int) -> int:
    """Where the apex is taken to be when the annotation gives none that can be used."""
    return (onset + offset) // 2


def _apex_fault(clip: Clip) -> Fault:
    """The middle is used, which is no reason not to build."""
    apex = "no apex" if clip.apex_used == ABSENT else f"apex {clip.apex_used}"
    detail = f"{apex} between onset {clip.onset_used} and offset {clip.offset_used}; "
    return Fault(clip.key, "apex", f"{detail}the middle is used", stops_build=False)


def _needed(cells: Mapping[str, Any], field: str) -> int:
    number = sheets.frame(cells[field])
    if number == ABSENT:
        raise DataError(f"{field} is {cells[field]!r}, not a frame number")
    return number


def _with_an_apex(clip: Clip) -> Clip:
    if clip.onset_used <= clip.apex_used <= clip.offset_used:
        return clip
    return replace(clip, apex_used=middle(clip.onset_used, clip.offset_used))


def _inside(
    clip: Clip,
    folder: Path,
    numbered: Mapping[int, Path],
    short: Correction | None,
    gaps_stop: bool,
) -> tuple[dict[int, Path], list[Fault]]:
    """The frames from onset to offset, and what is wrong with them."""
    onset, offset = clip.onset_used, clip.offset_used
    inside = {number: path for number, path in numbered.items() if onset <= number <= offset}
    faults = []
    absent = (number for number in range(onset, offset + 1) if number not in inside)
    missing = list(itertools.islice(absent, 9))  # an offset with a digit too many has millions
    if missing and not (inside and short and len(inside) == int(short.new)):
        listed = ", ".join(map(str, missing[:8])) + (", ..." if len(missing) > 8 else "")
        span = f"onset {onset} and offset {offset}"
        detail = (
            f"{folder}: frames missing between {span}: {listed}; copy it again or correct its row"
        )
        faults.append(Fault(clip.key, "missing_frames", detail, gaps_stop or not inside))
    bad = frames.unreadable(inside.values())
    if bad:
        listed = ", ".join(map(str, bad[:8]))
        detail = f"not a readable image: {listed}; copy it again"
        faults.append(Fault(clip.key, "unreadable", detail))
    return inside, faults


def _with_frames(clip: Clip, inside: Mapping[int, Path]) -> Clip:
    """The clip with its frames; onset, apex and offset lie on frames that exist."""
    return replace(
        clip,
        onset_used=min(inside),
        apex_used=min(inside, key=lambda number: (abs(number - clip.apex_used), number)),
        offset_used=max(inside),
        apex_valid=clip.apex_valid and clip.apex in inside,
        frame_numbers=list(inside),
        frames=list(inside.values()),
    )
