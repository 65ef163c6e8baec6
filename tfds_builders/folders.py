"""What the files of a folder are, for corpora and for folders of pictures alike.

Left out everywhere is what programs leave behind: the `._` twins that macOS writes beside files on
other disks, `__MACOSX` of its archives, thumbnails, locks of open workbooks. Pictures are opened
by Python and decoded from bytes, since a name need not be text.
"""

import io
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFile

from merclip_jax.errors import DataError

PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
VIDEOS = frozenset(
    {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".webm", ".wmv"}
)
ARCHIVES = frozenset({".7z", ".gz", ".rar", ".tar", ".tgz", ".zip"})
STORED_AS_THEY_ARE = {("JPEG", "L"), ("JPEG", "RGB"), ("PNG", "L"), ("PNG", "RGB"), ("BMP", "RGB")}

_LEFT_BEHIND = re.compile(
    r"\..*|~\$.*|__macosx|thumbs\.db|ehthumbs.*|desktop\.ini|@eadir|\$recycle\.bin"
    r"|system volume information",
    re.IGNORECASE,
)
_COPY = re.compile(r"(?: - copy| copy|_copy)?(?: ?\(\d+\))?$", re.IGNORECASE)


def entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders and the files in a folder, by name, without what programs leave behind."""
    with os.scandir(folder) as found:
        own = sorted(
            (entry for entry in found if not _LEFT_BEHIND.fullmatch(entry.name)),
            key=lambda entry: entry.name,
        )
        inner = [folder / entry.name for entry in own if entry.is_dir()]
        return inner, [folder / entry.name for entry in own if not entry.is_dir()]


def below(folder: Path, depth: int = 8) -> Iterator[Path]:
    """Every file of a folder and of the folders below it."""
    inner, files = entries(folder)
    yield from files
    for child in inner if depth else ():
        yield from below(child, depth - 1)


def pictures(folder: Path) -> list[Path]:
    """The pictures of a folder, by name."""
    return [path for path in entries(folder)[1] if path.suffix.lower() in PICTURES]


def numbered(folder: Path) -> dict[int, Path]:
    """The pictures of a folder by the last number in their names, ascending.

    Pictures without a number, and whatever else lies there, are ignored.

    Raises:
      DataError: two pictures carry one number, or one is a copy of another, so that neither can
        be trusted.
    """
    found = pictures(folder)
    by_number: dict[int, Path] = {}
    names = {path.name for path in found}
    for path in found:
        digits = re.findall(r"\d+", path.stem)
        if not digits:
            continue
        original = _COPY.sub("", path.stem) + path.suffix
        if original != path.name and original in names:
            raise DataError(
                f"{shown(folder)}: {shown(path.name)} is a copy of {shown(original)}; take it out"
            )
        number = int(digits[-1])
        if number in by_number:
            raise DataError(
                f"{shown(folder)}: {shown(by_number[number].name)} and {shown(path.name)} are both "
                f"frame {number}; keep one of them"
            )
        by_number[number] = path
    return dict(sorted(by_number.items()))


class PictureError(DataError):
    """A picture that cannot be used.

    Attributes:
      reason, remedy: what is wrong with it, and what to do; the message names the file, too.
    """

    def __init__(self, path: Path, reason: str, remedy: str) -> None:
        super().__init__(f"{shown(path)}: {reason}; {remedy}")
        self.reason, self.remedy = reason, remedy


def size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture in pixels, from its header alone.

    Raises:
      PictureError: it cannot be read, holds several pictures, or more than 8 bits of a colour.
    """
    try:
        with Image.open(path) as picture:
            several = getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO"
            deep = bool(re.search(r"^(?!BGR).*;1[0-6]|^I|^F", _stored_as(picture)))
            width_and_height = picture.size
    except Exception as error:  # noqa: BLE001 - damaged files raise types of every kind
        raise _unreadable(path) from error
    if several:
        raise PictureError(path, "several pictures in one file", "write each to a file of its own")
    if deep:
        raise PictureError(
            path,
            "more than 8 bits of a colour, and nothing says how many of them are used",
            "convert all pictures of the corpus to 8 bits in the same way",
        )
    return width_and_height


def _unreadable(path: Path) -> PictureError:
    return PictureError(path, "not a readable image", "copy it again")


def _stored_as(picture: ImageFile.ImageFile) -> str:
    """How a pixel is stored, as Pillow says it: 'RGB', 'L', 'I;16', 'RGB;16B'."""
    for tile in picture.tile:
        how = tile[3]
        return str(how[0] if isinstance(how, tuple) else how)
    return picture.mode


def decoded(path: Path) -> np.ndarray:
    """A picture, BGR uint8 [h, w, 3].

    Raises:
      PictureError: it cannot be decoded.
    """
    try:
        return _decoded(path, path.read_bytes())
    except OSError as error:
        raise _unreadable(path) from error


def _decoded(path: Path, content: bytes) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # of no bytes at all
        pixels = None
    if pixels is None:
        raise _unreadable(path)
    return pixels


def encoded(path: Path) -> bytes:
    """A picture as it is stored in a record: its own bytes, or a PNG of what others cannot read.

    Raises:
      PictureError: it cannot be decoded.
    """
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if (picture.format, picture.mode) in STORED_AS_THEY_ARE:
                return content
    except Exception as error:  # noqa: BLE001 - as in `size`
        raise _unreadable(path) from error
    return cv2.imencode(".png", _decoded(path, content))[1].tobytes()


def shown(path: Path | str) -> str:
    """A path or name for people: bytes that are no text, and control characters, as escapes."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(path))


def contents(folder: Path) -> str:
    """What lies in a folder without pictures: ', but 2 .avi', and what to do with it; or ''."""
    inner, files = entries(folder)
    kinds = Counter(path.suffix.lower() or "files without suffix" for path in files)
    kinds["folders"] = len(inner)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return f", but {listed}{remedy(files)}" if listed else ""


def remedy(files: list[Path]) -> str:
    """What to do with videos or archives that lie where pictures are needed; '' for others."""
    for path in files:
        if path.suffix.lower() in VIDEOS:
            return (
                f"; {shown(path.name)} is a video, and frames are read from pictures: write it out "
                "as pictures that are numbered as the annotation counts"
            )
        if path.suffix.lower() in ARCHIVES:
            return f"; {shown(path.name)} is an archive: unpack it"
    return ""
