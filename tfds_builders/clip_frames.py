"""A clip's frames on disk: those from onset to offset, what is wrong with them, and its apex."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from merclip_jax.tfds_builders import folders
from merclip_jax.tfds_builders.records import ABSENT, Clip, Correction, Fault

LISTED = 8  # pictures or frames that a fault names


def inside(
    clip: Clip,
    folder: Path,
    numbered: Mapping[int, Path],
    short: Correction | None,
    gaps_stop: bool,
) -> tuple[dict[int, Path], list[Fault]]:
    """The frames from onset to offset, and what is wrong with them.

    Every picture's header is read; only the first is decoded, as decoding a whole corpus takes
    minutes. Damage behind a sound header shows when the clips are packed.

    Args:
      clip: whose.
      folder: where they lie.
      numbered: the folder's pictures, by the numbers in which the annotation counts.
      short: the correction that says how few there are, where the clip is known to be short.
      gaps_stop: whether a missing frame is a reason not to build.
    """
    onset, offset = clip.onset_used, clip.offset_used
    found = {number: path for number, path in numbered.items() if onset <= number <= offset}
    faults = []
    absent = (number for number in range(onset, offset + 1) if number not in found)
    missing = list(itertools.islice(absent, LISTED + 1))
    if missing and not (found and short and len(found) == int(short.new)):
        why = _other_numbers(clip, numbered)
        listed = ", ".join(map(str, missing[:LISTED])) + (", ..." if missing[LISTED:] else "")
        detail = (
            f"{folders.shown(folder)}: frames missing between onset {onset} and offset {offset}: "
            f"{listed}; {why or _remedy(folder, numbered)}"
        )
        faults.append(
            Fault(clip.key, "missing_frames", detail, gaps_stop or not found or bool(why))
        )
    return found, [*faults, *_unfit(clip, found)]


def _remedy(folder: Path, numbered: Mapping[int, Path]) -> str:
    if numbered:
        return "copy it again or correct its row"
    return f"it holds no numbered pictures{folders.contents(folder)}; copy it again"


def _other_numbers(clip: Clip, numbered: Mapping[int, Path]) -> str:
    """Why the pictures cannot be those from onset to offset, whichever are missing; or ''."""
    if not numbered:
        return ""
    onset, offset, count = clip.onset_used, clip.offset_used, len(numbered)
    first, last = min(numbered), max(numbered)
    if set(numbered) <= {onset, clip.apex_used, offset} and count > 1:
        return "only onset, apex and offset are there; put the whole clip there, with every frame"
    counted_anew = first in (0, 1) and last - first + 1 == count > 1
    if counted_anew and (onset > last or count == offset - onset + 1):
        return (
            f"its pictures are numbered from {first} to {last}, so they were renumbered; take them "
            f"as the owner numbers them, from {onset} to {offset}"
        )
    return ""


def _unfit(clip: Clip, found: Mapping[int, Path]) -> Iterator[Fault]:
    """Pictures that cannot be read, or that are not of one kind."""
    bad: dict[tuple[str, str], list[Path]] = {}
    sizes: dict[Path, tuple[int, int]] = {}
    for path in found.values():
        try:
            sizes[path] = folders.size(path)
            if len(sizes) == 1:
                folders.decoded(path)
        except folders.PictureError as error:
            bad.setdefault((error.reason, error.remedy), []).append(path)
    for (reason, remedy), paths in bad.items():
        listed = ", ".join(map(folders.shown, paths[:LISTED]))
        yield Fault(clip.key, "unreadable", f"{reason}: {listed}; {remedy}")
    kinds = Counter(sizes.values()).most_common()
    for odd, _ in kinds[1:]:
        listed = ", ".join(folders.shown(path) for path in sizes if sizes[path] == odd)
        detail = (
            f"{_pixels(odd)}, but the others are {_pixels(kinds[0][0])}: {listed}; copy it again, "
            "or cut all pictures of the clip alike"
        )
        yield Fault(clip.key, "sizes", detail)
    names = {re.sub(r"\d+(?=\D*$)", "*", path.stem): path.name for path in sizes}
    if len(names) > 1:
        listed = " and ".join(map(folders.shown, list(names.values())[:2]))
        detail = f"its frames go by several names, such as {listed}; see that all are of this clip"
        yield Fault(clip.key, "names", detail, stops_build=False)


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"


def apex_fault(clip: Clip) -> Fault:
    """The middle is used, which is no reason not to build."""
    apex = "no apex" if clip.apex_used == ABSENT else f"apex {clip.apex_used}"
    detail = f"{apex} between onset {clip.onset_used} and offset {clip.offset_used}; "
    return Fault(clip.key, "apex", f"{detail}the middle is used", stops_build=False)


def with_an_apex(clip: Clip) -> Clip:
    """The clip with the middle for an apex where the annotation gives none that can be used."""
    if clip.has_apex:
        return clip
    return replace(clip, apex_used=(clip.onset_used + clip.offset_used) // 2)


def with_frames(clip: Clip, found: Mapping[int, Path]) -> Clip:
    """The clip with its frames; onset, apex and offset lie on frames that exist."""
    return replace(
        clip,
        onset_used=min(found),
        apex_used=min(found, key=lambda number: (abs(number - clip.apex_used), number)),
        offset_used=max(found),
        apex_valid=clip.apex_valid and clip.apex in found,
        frame_numbers=list(found),
        frames=list(found.values()),
    )
