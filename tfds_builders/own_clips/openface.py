"""Action units as OpenFace's columns have them: AU01_c is 0 or 1, AU01_r goes from 0 to 5.

Source: OpenFace 2.0 (Baltrusaitis et al. 2018), the columns of its output.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.cells import text

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45)
MOVED = (
    1.0  # intensity from which a unit without a column AU01_c counts as moved: a trace, FACS's A
)
COLUMNS = {f"AU{unit:02d}_{kind}": (f"AU{unit:02d}_{kind}",) for unit in UNITS for kind in "cr"}


def faults(cells: Mapping[str, Any]) -> Iterator[tuple[str, DataError]]:
    """Every cell of these columns that is no number of its range, and its column."""
    for column in COLUMNS:
        try:
            _value(cells, column)
        except DataError as error:
            yield column, error


def units(cells: Mapping[str, Any]) -> str:
    """The units that moved, as an annotation writes them: '1+2+12'; '' for none.

    Raises:
      DataError: a cell is no number of its column's range.
    """
    return "+".join(str(unit) for unit in UNITS if _moved(cells, f"AU{unit:02d}"))


def _moved(cells: Mapping[str, Any], unit: str) -> bool:
    """By presence where that is given, else by intensity; what is blank did not move."""
    present, intensity = _value(cells, f"{unit}_c"), _value(cells, f"{unit}_r")
    if present is not None:
        return present == 1
    return intensity is not None and intensity >= MOVED


def _value(cells: Mapping[str, Any], column: str) -> float | None:
    written = text(cells.get(column))
    if not written:
        return None
    try:
        value = float(written)
    except ValueError:
        value = -1.0
    if column.endswith("_c") and value not in (0, 1):
        raise DataError(f"{column} is {written!r}: presence is 0 or 1")
    if not 0 <= value <= 5:
        raise DataError(f"{column} is {written!r}: intensity goes from 0 to 5")
    return value
