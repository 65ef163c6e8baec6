"""Where the frames of a corpus lie: folders of subjects and of clips, by their names."""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import folders

SUFFIXES = folders.PICTURES
Key = TypeVar("Key", bound=Hashable)

# What a path may say of the frames below it: kinds that exclude each other -> how they are written.
KINDS = (
    {"cropped": r"crop", "raw": r"raw"},
    {name: rf"(?<![a-z]){name}(?![a-z])" for name in ("hs", "vis", "nir")},
)


class NoFramesError(DataError):
    """No folder holds the frames of the layout that is asked for: no clip can have any."""


def find_root(
    manual_dir: Path,
    layout: str,
    subject: str,
    example: str,
    depth: int = 3,
    prefer: str = "select|updat",
    kinds: Sequence[Mapping[str, str]] = KINDS,
) -> Path:
    """The folder whose subject folders hold the frames of a layout, such as 'cropped' or 'raw'.

    Copies of a corpus differ in nesting (Cropped, Cropped-updated/Cropped) and in names
    (CASME2_RAW_selected, CASME2-RAW), so a folder counts by what its path says: 'crop' in it
    makes it cropped, 'raw' raw, and a folder with neither is taken as the user calls it. Clips
    already cut come before whole recordings, updated crops before the first ones.

    Args:
      manual_dir: where the corpus lies.
      layout: one or more of the words in `kinds`: 'cropped', 'vis', 'hs_raw'.
      subject: regular expression of a subject folder's whole name, in any case.
      example: what such a folder holds, for the message.
      depth: how far down to look.
      prefer: regular expression of the paths to take first where several fit.
      kinds: what a path may say, for a corpus with other layouts.

    Raises:
      NoFramesError: no folder fits; the message says which there are.
    """
    roots = [str(path.relative_to(manual_dir)) for path in _roots(manual_dir, subject, depth)]
    unsaid = {path: _unsaid(path, layout, kinds) for path in roots}
    fitting = [path for path in roots if unsaid[path] >= 0]
    if not fitting:
        present = ", ".join(roots) or "none at all"
        raise NoFramesError(
            f"{manual_dir}: no {layout} frames (a folder with {example}); folders of "
            f"frames found: {present}; prepare another builder config or complete the corpus"
        )
    best = min(
        fitting,
        key=lambda path: (
            unsaid[path],
            not re.search(prefer, path.lower()),
            path.count("/"),  # not a copy in a folder of its own
            path,
        ),
    )
    return manual_dir / best


def _unsaid(path: str, layout: str, kinds: Sequence[Mapping[str, str]]) -> int:
    """How many words of the layout the path leaves open; -1 if it contradicts one."""
    count = 0
    for written in kinds:
        wanted = set(layout.split("_")) & set(written)
        written_kind = next(
            (kind for kind, how in written.items() if re.search(how, path.lower())), None
        )
        if wanted and written_kind not in (None, *wanted):
            return -1
        count += bool(wanted) and written_kind is None
    return count


def _roots(folder: Path, subject: str, depth: int) -> Iterator[Path]:
    """The folders down to `depth` that hold subject folders; those are not entered."""
    children, _ = folders.entries(folder)
    if any(re.fullmatch(subject, child.name, re.IGNORECASE) for child in children):
        yield folder
    elif depth:
        for child in children:
            yield from _roots(child, subject, depth - 1)


def clip_folders(root: Path, subject: str) -> list[tuple[str, str, Path]]:
    """(subject folder, clip folder, path) of all that lies on disk, annotated or not."""
    return [
        (person.name, clip.name.strip(), clip)
        for person in folders.entries(root)[0]
        if re.fullmatch(subject, person.name, re.IGNORECASE)
        for clip in folders.entries(person)[0]
    ]


def by_key(found: Iterable[tuple[Key, Path]]) -> dict[Key, list[Path]]:
    """The folders of each key: more than one where a copy holds a clip or a person twice."""
    places: dict[Key, list[Path]] = {}
    for key, path in found:
        places.setdefault(key, []).append(path)
    return places


def only(places: Mapping[Key, list[Path]], key: Key, called: str) -> Path:
    """The one folder of a key.

    Raises:
      DataError: there is none, or there are several; the message calls it `called`.
    """
    found = places.get(key, [])
    if len(found) == 1:
        return found[0]
    if found:
        first, second = map(folders.shown, found[:2])
        raise DataError(f"{called} is there twice: {first}, {second}; keep one of them")
    alike = [path for other in places if _letters(other) == _letters(key) for path in places[other]]
    hint = f"; {folders.shown(alike[0])} is written in other letters" if alike else ""
    raise DataError(f"{called}: annotated, but the folder is missing{hint}")


def _letters(key: Hashable) -> str:
    return str(key).casefold()


def named_folders(root: Path, name: str) -> dict[str, list[Path]]:
    """The folders anywhere below `root` whose whole name matches, in any case, by that name.

    Corpora are copied with their clips by subject, by emotion or in one heap; a clip whose name
    says it all is found in each. What matches is not entered.
    """
    found: dict[str, list[Path]] = {}
    for path in folders.entries(root)[0]:
        called = path.name.strip()
        if re.fullmatch(name, called, re.IGNORECASE):
            found.setdefault(called, []).append(path)
        else:
            for inner, places in named_folders(path, name).items():
                found.setdefault(inner, []).extend(places)
    return found


def layout_folders(
    manual_dir: Path, layout: str, name: str, example: str, leave_out: str = "(?!)"
) -> dict[str, Path]:
    """The folders of one layout whose whole name matches, anywhere, by that name.

    For corpora whose own pictures are whole without saying so: what is cropped has 'crop' in its
    path, what is not has not. Places that share no name are parts of one corpus, unpacked apart;
    of places that share some, which are copies, the one that holds most is taken.

    Args:
      manual_dir: where the corpus lies.
      layout: 'cropped', or any other word for pictures that are not.
      name: regular expression of a folder's whole name, in any case.
      example: what such a place holds, for the message.
      leave_out: regular expression of paths, in lower case, that are not meant.

    Raises:
      DataError: no place fits; the message says which there are.
    """
    places: dict[str, dict[str, Path]] = {}
    for called, paths in named_folders(manual_dir, name).items():
        for path in paths:
            place = str(path.parent.relative_to(manual_dir))
            places.setdefault(place, {})[called] = path
    said = {place: (manual_dir.name if place == "." else place).lower() for place in places}
    fitting = [
        place
        for place, words in said.items()
        if ("crop" in words) == (layout == "cropped") and not re.search(leave_out, words)
    ]
    if not fitting:
        raise NoFramesError(
            f"{manual_dir}: no {layout} frames (a folder with {example}"
            f"{', and crop in its path' if layout == 'cropped' else ''}); folders of frames "
            f"found: {', '.join(sorted(places)) or 'none at all'}; prepare another builder config "
            "or complete the corpus"
        )
    chosen: dict[str, Path] = {}
    for place in sorted(fitting, key=lambda place: (-len(places[place]), place)):
        if chosen.keys().isdisjoint(places[place]):
            chosen |= places[place]
    return chosen
