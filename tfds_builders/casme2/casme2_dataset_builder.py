"""TFDS builder of CASME II (array_record, without TensorFlow)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import tensorflow_datasets as tfds
from tqdm import tqdm

from merclip_jax.errors import DataError
from tfds_builders import frames, records
from tfds_builders.casme2 import annotation


@dataclass(eq=False)
class Casme2Config(tfds.core.BuilderConfig):
    """Which frames: the owner's face crops or the whole pictures; and whether to correct."""

    layout: Literal["cropped", "raw"] = "cropped"
    corrected: bool = True


class Builder(tfds.core.GeneratorBasedBuilder):
    """CASME II as clip records: the annotation's facts and the frames from onset to offset."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "CASME II needs a signed agreement with its owner. Put the coding workbook "
        "(CASME2-coding-20190701.xlsx) beside the folder of frames (Cropped or "
        "CASME2_RAW_selected) and give the folder that holds both."
    )
    BUILDER_CONFIGS = [
        Casme2Config(name="cropped", description="The owner's aligned face crops."),
        Casme2Config(name="raw", layout="raw", description="The whole pictures, 640x480."),
        Casme2Config(name="cropped_as_annotated", corrected=False),
        Casme2Config(name="raw_as_annotated", layout="raw", corrected=False),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=records.features(), homepage="http://casme.psych.ac.cn/casme/e2"
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        config = self.builder_config
        clips = read_corpus(Path(dl_manager.manual_dir), config.layout, config.corrected)
        return {"train": self._generate_examples(clips)}

    def _generate_examples(self, clips: list[records.Clip]) -> Iterator[tuple[str, dict]]:
        for clip in tqdm(clips, desc="storing casme2", unit="clip", disable=None):
            yield clip.example()


def read_corpus(manual_dir: Path, layout: str, corrected: bool = True) -> list[records.Clip]:
    """Every clip of the workbook with its frames from onset to offset.

    Args:
      manual_dir: where workbook and frames lie.
      layout: 'cropped' or 'raw'.
      corrected: apply corrections.csv.

    Raises:
      DataError: with all faults of the whole corpus, found before anything is written.
    """
    workbook = annotation.find_workbook(manual_dir)
    corrections = annotation.read_corrections() if corrected else {}
    sheet = annotation.read(workbook, corrections)
    folders = _clip_folders(find_frames(manual_dir, layout))
    clips, faults = [], list(sheet.faults)
    for clip in tqdm(sheet.clips, desc="checking casme2", unit="clip", disable=None):
        try:
            clips.append(_with_frames(clip, folders, corrections))
        except DataError as fault:
            faults.append(str(fault))
    if faults:
        raise DataError(f"{manual_dir}: {len(faults)} faults; nothing was written", faults)
    if not clips:
        raise DataError(f"{workbook}: no row describes a clip")
    return clips


def find_frames(manual_dir: Path, layout: str) -> Path:
    """The folder whose sub01, sub02, ... hold the frames of a layout.

    Copies of CASME II differ in nesting (Cropped, Cropped-updated/Cropped) and in names
    (CASME2_RAW_selected, CASME2-RAW), so a folder counts by what it holds: 'crop' in its path
    makes it cropped, 'raw' raw, and a folder with neither is taken as the user calls it. Clips
    already cut come before whole recordings, updated crops before the first ones.

    Raises:
      DataError: no folder fits; the message says which there are.
    """
    found = [str(path.relative_to(manual_dir)) for path in _roots(manual_dir, depth=3)]
    kinds = {path: _kind(path) for path in found}
    fitting = [path for path in found if kinds[path] in (layout, "either")]
    if not fitting:
        present = ", ".join(found) or "none at all"
        raise DataError(
            f"{manual_dir}: no {layout} frames (a folder with sub01/EP02_01f/...); folders of "
            f"frames found: {present}; prepare another builder config or complete the corpus"
        )
    best = min(
        fitting,
        key=lambda path: (kinds[path] != layout, not re.search("select|updat", path.lower()), path),
    )
    return manual_dir / best


def _kind(path: str) -> str:
    lower = path.lower()
    return "cropped" if "crop" in lower else "raw" if "raw" in lower else "either"


def _roots(folder: Path, depth: int) -> Iterator[Path]:
    """The folders down to `depth` that hold subject folders; those are not entered."""
    children = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    if any(re.fullmatch(r"sub\d+", child.name.lower()) for child in children):
        yield folder
    elif depth:
        for child in children:
            yield from _roots(child, depth - 1)


def _clip_folders(root: Path) -> dict[tuple[str, str], Path]:
    """(subject, clip) -> folder, of all that lies on disk, annotated or not."""
    folders = {}
    for subject in sorted(root.iterdir()):
        if subject.is_dir() and re.fullmatch(r"sub\d+", subject.name.lower()):
            for clip in filter(Path.is_dir, subject.iterdir()):
                folders[f"{int(subject.name[3:]):02d}", clip.name.strip()] = clip
    return folders


def _with_frames(
    clip: records.Clip,
    folders: dict[tuple[str, str], Path],
    corrections: annotation.Corrections,
) -> records.Clip:
    """The clip with its frames, apex and offset repaired against them.

    Raises:
      DataError: the folder or a frame is missing, or a frame is unreadable.
    """
    folder = folders.get((clip.subject, clip.clip))
    if folder is None:
        raise DataError(f"sub{clip.subject}/{clip.clip}: annotated, but the folder is missing")
    try:
        numbered = frames.numbered(folder)
    except ValueError as error:
        raise DataError(str(error)) from error
    inside = {n: path for n, path in numbered.items() if clip.onset <= n <= clip.offset}
    _check(clip, folder, inside, corrections)
    apex = clip.apex_used
    return replace(
        clip,
        apex_used=min(inside, key=lambda n: (abs(n - apex), n)),
        onset_used=min(inside),
        offset_used=max(inside),
        apex_valid=clip.apex in inside,
        frame_numbers=list(inside),
        frames=list(inside.values()),
    )


def _check(
    clip: records.Clip,
    folder: Path,
    inside: dict[int, Path],
    corrections: annotation.Corrections,
) -> None:
    missing = [n for n in range(clip.onset, clip.offset + 1) if n not in inside]
    _, known = corrections.get((f"{clip.subject}/{clip.clip}", "Frames"), (0, 0))
    if not inside or (missing and len(inside) != known):
        listed = ", ".join(map(str, missing[:8])) + (", ..." if len(missing) > 8 else "")
        span = f"onset {clip.onset} and offset {clip.offset}"
        raise DataError(f"{folder}: frames missing between {span}: {listed}; copy it again")
    bad = frames.unreadable(inside.values())
    if bad:
        raise DataError(f"not a readable image: {', '.join(map(str, bad[:8]))}; copy it again")
