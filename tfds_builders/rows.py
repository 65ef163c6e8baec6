"""What a row of any annotation must say to be a clip, and what makes it a note."""

from collections.abc import Mapping
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import cells
from merclip_jax.tfds_builders.sheets import Row

LONGEST = 100_000  # frames: minutes at the highest rate; a clip that is longer is a slip


def note(row: Row) -> str:
    """Why a row is taken for a note: it names no clip and no frame, and says one thing at most."""
    said = [name for name, cell in row.cells.items() if not cells.blank(cell)]
    if len(said) > 1 or {"clip", "onset", "offset"} & set(said):
        return ""
    return "names no clip and no frame, so it is taken for a note"


def interval(row: Row, mended: Mapping[str, Any], key: str) -> tuple[int, int]:
    """Onset and offset, of cells that may have been corrected.

    Raises:
      DataError: one is no frame number, or they are no interval.
    """
    with row.at("onset"):
        onset = cells.needed_frame(mended["onset"], "onset")
    with row.at("offset"):
        offset = cells.needed_frame(mended["offset"], "offset")
        if onset > offset:
            raise DataError(f"{key}: onset {onset} comes after offset {offset}")
        if offset - onset >= LONGEST:
            raise DataError(
                f"{key}: offset {offset} lies {offset - onset} frames behind onset {onset}, and no "
                "clip is that long; correct one of them"
            )
    return onset, offset
