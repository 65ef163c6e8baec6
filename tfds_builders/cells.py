"""What a cell of an annotation says: text, a number, nothing, or what nobody can know.

Unsure is not blank. A cell that shows something which the file does not tell, such as `#REF!`, is
never taken for an empty one: whoever asks what it says gets an error that names it.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.facs import notation
from merclip_jax.tfds_builders.records import ABSENT

LARGEST = 2**31 - 1  # frame number that a record can store
NO_NUMBER = frozenset({"", "/", "\\", "-", "?", "na", "n/a", "nan", "none", "null"})
ERROR = re.compile(r"#(?:N/A|DIV/0!|[A-Z_]+[!?])")  # as spreadsheets write them


@dataclass(frozen=True)
class Unsure:
    """A cell of which the file does not tell what it says.

    Attributes:
      place: 'cell H2'.
      reason: what is found there, and the remedy.
      merged: the merged cells that it is part of, such as 'A5:H5'; '' for others.
    """

    place: str
    reason: str
    merged: str = ""

    def __repr__(self) -> str:
        return f"{self.place} {self.reason}"


def blank(cell: Any) -> bool:
    """Whether a cell is empty, and known to be."""
    return cell is None or cell != cell or (isinstance(cell, str) and not text(cell))


def text(cell: Any) -> str:
    """A cell as stripped text, without invisible signs: '' if blank, '12' for 12 and for 12.0.

    Raises:
      DataError: the file does not tell what the cell says.
    """
    if isinstance(cell, Unsure):
        raise DataError(repr(cell))
    written = "" if cell is None or cell != cell else str(cell)
    visible = "".join(sign for sign in written if unicodedata.category(sign) != "Cf").strip()
    return visible.removesuffix(".0") if visible[:-2].isdecimal() else visible


def frame(cell: Any) -> int:
    """A frame number; ABSENT for whatever else is written, as `text` for the rest."""
    written = text(cell)
    if not written.isdecimal() or len(written) > len(str(LARGEST)):
        return ABSENT
    return int(written) if int(written) <= LARGEST else ABSENT


def needed_frame(cell: Any, name: str) -> int:
    """A frame number; raises DataError, which says `name`, if it is none."""
    number = frame(cell)
    if number == ABSENT:
        written = "blank" if blank(cell) else repr(cell)
        raise DataError(f"{name} is {written}, not a frame number")
    return number


def frame_or_none(cell: Any, name: str) -> int:
    """A frame number; ABSENT for a blank or a sign that says there is none, such as '/'.

    Raises:
      DataError: something else is written, such as '101 or 102'.
    """
    if text(cell).lower() in NO_NUMBER:
        return ABSENT
    if frame(cell) == ABSENT:
        raise DataError(
            f"{name} is {cell!r}, not a frame number; write one, or leave it blank if there is none"
        )
    return frame(cell)


def word(cell: Any, name: str) -> str:
    """A label in lower case, '' for a blank.

    Raises:
      DataError: it is a number, a date, a truth value or action units, as in a row whose cells
        have slipped by a column.
    """
    written = text(cell).lower()
    said = isinstance(cell, str) and re.search(r"[^\W\d_]", written) and not _units(written)
    if written and not said:
        raise DataError(f"{name} is {cell!r}, not a word; correct it")
    return written


def _units(written: str) -> bool:
    """Whether a text is understood as action units."""
    try:
        return bool(notation.parse(written).terms)
    except DataError:
        return False


def plain(cell: Any) -> str:
    """A heading without case, blanks and punctuation."""
    return re.sub(r"[\W_]", "", str(cell)).lower()


def canonical(name: str) -> str:
    """A person's name as the same for 'sub01', 'SUB1' and 'Sub 1': letters and numbers alone."""
    parts = re.findall(r"\d+|[^\W\d_]+", unicodedata.normalize("NFKC", name))
    return " ".join(str(int(part)) if part.isdecimal() else part.casefold() for part in parts)
