"""A corpus on disk: its annotation read row by row, its frames found, its faults listed.

A corpus says where its annotation is, what a row means and where a clip's frames lie; what is the
same for all of them is here. Nothing is decided about classes, and no row is dropped in silence:
it becomes a clip or a fault.
"""

import logging
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from merclip_jax.errors import DataError
from merclip_jax.facs import notation
from merclip_jax.progress import bar
from merclip_jax.tfds_builders import cells as reading
from merclip_jax.tfds_builders import clip_frames, folders, frames, identity, rows, sheets
from merclip_jax.tfds_builders.records import Clip, Correction, Fault


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
      changes: whether its user may change it, so that what is prepared goes by its `version`.
      pictures, home: 'face', or 'flow' where frames show motion alone; the owner's page.
      clip_name: regular expression of a clip's whole name.
      manual_dir, layout, corrected: where it lies, which frames, and whether corrections.csv holds.
    """

    name: ClassVar[str]
    layouts: ClassVar[Mapping[str, str]]
    fps: ClassVar[float]
    columns: ClassVar[Mapping[str, Sequence[str]]]
    optional: ClassVar[Sequence[str]] = ()
    has_apex: ClassVar[bool] = True
    gaps_stop: ClassVar[bool] = True
    changes: ClassVar[bool] = False
    pictures: ClassVar[Literal["face", "flow"]] = "face"
    clip_name: ClassVar[str] = identity.NAME
    home: ClassVar[str]

    def __init__(self, manual_dir: Path, layout: str = "", corrected: bool = True) -> None:
        self.manual_dir = manual_dir
        self.layout = layout or next(iter(self.layouts))
        self.corrected = corrected

    def books(self) -> Sequence[sheets.Book]:
        """The workbooks of the annotation; none where it is no workbook."""
        return ()

    def annotation(self) -> Path:
        """The annotation file, of several the first; raises DataError if there is none."""
        return self.books()[0].find(self.manual_dir)

    def sources(self) -> list[Path]:
        """Everything that the annotation is read from."""
        return [self.annotation()]

    @abstractmethod
    def names(self, cells: Mapping[str, Any]) -> tuple[str, str]:
        """Subject and clip of a row; raises DataError if it names none."""

    @abstractmethod
    def folder(self, clip: Clip) -> Path:
        """Where the frames of a clip lie; raises DataError if nowhere."""

    def version(self) -> str:
        """A digest of what a user may change in a corpus of their own; '' of owners' corpora."""
        return ""

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
        written = reading.text(cells.get("objective"))
        if written and reading.frame(written) not in range(8):
            raise DataError(f"objective class {written!r} is none of 1 to 7")
        return max(reading.frame(written), 0)

    def meant(self, cells: Mapping[str, Any]) -> Mapping[str, Any]:
        """The cells to use, where an owner's convention makes them other than those claimed."""
        return cells

    def same(self, clip: Clip) -> str:
        """What two rows of one clip share: the same name, in whatever letters."""
        name = unicodedata.normalize("NFKC", clip.clip).casefold()
        return f"{reading.canonical(clip.subject)}/{''.join(name.split())}"

    def numbered(self, folder: Path) -> dict[int, Path]:
        """The frames in a clip's folder by number."""
        return folders.numbered(folder)

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
        found: list[tuple[sheets.Row, Clip, list[Correction]]] = []
        faults = self._passed_over()
        for row in self.rows():
            if note := row.note or rows.note(row):
                faults.append(Fault(row.where, "annotation", note, stops_build=False))
                continue
            try:
                found.append((row, *self._clip(row, corrections)))
            except DataError as fault:
                faults.append(Fault(row.where, "annotation", str(fault)))
        faults += identity.faults([(row.where, clip, self.same(clip)) for row, clip, _ in found])
        twice = {fault.key for fault in faults if fault.stops_build}
        kept = [(clip, used) for row, clip, used in found if row.where not in twice]
        if self.has_apex:
            faults += [clip_frames.apex_fault(clip) for clip, _ in kept if not clip.has_apex]
        made = [clip_frames.with_an_apex(clip) for clip, _ in kept]
        return Sheet(source, made, faults, [line for _, used in kept for line in used])

    def _passed_over(self) -> list[Fault]:
        """The workbooks that are not read although their names are like the one that is."""
        return [
            Fault(
                folders.shown(other.relative_to(self.manual_dir)),
                "annotation",
                f"is not read; {folders.shown(book.find(self.manual_dir).name)} is",
                stops_build=False,
            )
            for book in self.books()
            for other in book.others(self.manual_dir)
        ]

    def _clip(
        self, row: sheets.Row, corrections: Mapping[tuple[str, str], Correction]
    ) -> tuple[Clip, list[Correction]]:
        cells = row.cells
        subject, name = self.names(cells)
        identity.check_names(subject, name, self.clip_name)
        used = [
            line
            for field in cells
            if (line := corrections.get((f"{subject}/{name}", field)))
            and reading.text(cells[field]) == line.old
        ]
        mended = self.meant({**cells, **{line.column: line.new for line in used}})
        onset, offset = rows.interval(row, mended, f"{subject}/{name}")
        with row.at("apex"):
            apex = reading.frame_or_none(mended.get("apex"), "apex")
        with row.at("aus"):
            aus = reading.text(mended.get("aus"))
            notation.parse(aus)
        with row.at("emotion"):
            emotion = reading.word(mended.get("emotion"), "emotion")
        with row.at("objective"):
            objective = self.objective(cells)
        claimed = {field: reading.frame(cells.get(field)) for field in ("onset", "apex", "offset")}
        clip = Clip(
            dataset=self.name,
            subject=subject,
            clip=name,
            emotion=emotion,
            aus=aus,
            **claimed,
            onset_used=onset,
            apex_used=apex,
            offset_used=offset,
            apex_valid=claimed["onset"] <= claimed["apex"] <= claimed["offset"],
            fps=self.rate(cells),
            split=self.split(cells),
            frame_numbers=[],
            frames=[],
            objective_class=objective,
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
        log = logging.getLogger(__name__)
        log.info("%s: read from %s", self.name, ", ".join(map(folders.shown, self.sources())))
        if others := len(sheet.faults) + len(faults):
            log.info(
                "%s: faults that do not stop a build: %d; merclip-jax audit lists them",
                self.name,
                others,
            )
        return clips

    def on_disk(self, sheet: Sheet) -> tuple[list[Clip], list[Fault]]:
        """The sheet's clips with their frames, and what is wrong with those that lack some.

        Raises:
          NoFramesError: there is no folder of frames at all.
        """
        corrections, clips, faults = self.known(), [], []
        for clip in bar(sheet.clips, f"checking {self.name}", "clip"):
            try:
                folder = self.folder(clip)
            except frames.NoFramesError as error:
                raise frames.NoFramesError(f"{error}{self._instead()}") from error
            except DataError as fault:
                detail = f"{fault}{self._instead(clip)}"
                faults.append(Fault(clip.key, "missing_folder", detail))
                continue
            try:
                numbered = self.aligned(clip, self.numbered(folder))
            except DataError as error:
                faults.append(Fault(clip.key, "duplicate_frames", str(error)))
                continue
            short = corrections.get((clip.key, "frames"))
            inside, clip_faults = clip_frames.inside(clip, folder, numbered, short, self.gaps_stop)
            faults += clip_faults
            if not any(fault.stops_build for fault in clip_faults):
                clips.append(clip_frames.with_frames(clip, inside))
        return clips, faults

    def _instead(self, clip: Clip | None = None) -> str:
        """What to do with videos or archives, of a clip or any, that lie where frames should."""
        files = self._no_pictures
        if clip:
            names = {reading.canonical(name) for name in (clip.clip, f"{clip.subject} {clip.clip}")}
            number = set(re.findall(r"\d+", reading.canonical(clip.subject)))
            files = [
                path
                for path in files
                if reading.canonical(path.stem) in names
                and number <= set(reading.canonical(str(path.relative_to(self.manual_dir))).split())
            ]
        return folders.remedy(files)

    @cached_property
    def _no_pictures(self) -> list[Path]:
        other = folders.VIDEOS | folders.ARCHIVES
        return [p for p in folders.below(self.manual_dir) if p.suffix.lower() in other]
