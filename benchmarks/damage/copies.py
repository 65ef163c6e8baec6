"""Fake copies of the eleven corpora that can be damaged, and what a reader makes of them."""

import importlib
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils import column_index_from_string

from merclip_jax.data import datasets
from merclip_jax.errors import DataError
from merclip_jax.tfds_builders import books
from merclip_jax.tfds_builders.corpus import Corpus

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # the fake corpora are the tests'

CORPORA = (
    *("casme", "casme2", "casme3", "casme3_c", "casme_sq", "dfme", "fourdme", "mmew", "samm"),
    *("smic", "smic_e"),
)
NOT_COMPARED = ("frames",)  # places of files, which differ between copies
Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Spot:
    """A row that is a clip: its workbook, its sheet, its number, and field -> column, from 1."""

    book: str
    sheet: str
    row: int
    columns: dict[str, int]

    def words(self) -> tuple[str, ...]:
        """What a message about the row must say."""
        return (self.book, self.sheet, f"row {self.row}")


@dataclass(frozen=True)
class Expected:
    """What may come of a damage.

    Attributes:
      right: whether such clips are right; None where nothing but a message is.
      words: what a message must say.
      goes_on: whether the message may be one that does not stop a build.
    """

    right: Callable[[Records], bool] | None = None
    words: tuple[str, ...] = ()
    goes_on: bool = False


@dataclass
class Plain:
    """A whole corpus without faults, from which damaged copies are made."""

    name: str
    root: Path
    make: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fake = importlib.import_module(f"corpora.{self.name}")
        getattr(fake, f"make_{self.name}")(self.root, **self.make)

    def corpus(self, root: Path) -> Corpus:
        """The reader of a copy."""
        return datasets.corpus(self.name, root)

    @cached_property
    def records(self) -> Records:
        """What the undamaged corpus says."""
        records, faults = read(self.corpus(self.root))
        assert not [fault for fault in faults if fault.stops_build], faults
        return records

    @cached_property
    def spots(self) -> list[Spot]:
        """The rows of the records, in their order; none where there is no workbook."""
        corpus = self.corpus(self.root)
        if not corpus.books():
            return []
        spots = []
        for row in corpus.rows():
            place = re.fullmatch(r"(.*), sheet (.*), row (\d+)", row.where)
            if not row.note and row.places and place and len(spots) < len(self.records):
                columns = {
                    name: column_index_from_string(re.match(r"cell ([A-Z]+)", cell)[1])
                    for name, cell in row.places.items()
                }
                spots.append(Spot(place[1], place[2], int(place[3]), columns))
        return spots

    @cached_property
    def tables(self) -> dict[str, list[books.Table]]:
        """The cells of its workbooks, by their names."""
        corpus = self.corpus(self.root)
        if not corpus.books():
            return {}
        return {path.name: books.read(path) for path in corpus.sources()}

    def copy(self, to: Path) -> "Copy":
        """A copy whose pictures are links: replace them, do not write into them."""
        shutil.copytree(self.root, to, copy_function=_link)
        return Copy(self, to)


def _link(source: str, target: str) -> None:
    (shutil.copy if Path(source).suffix in (".xlsx", ".xls", ".csv") else os.link)(source, target)


@dataclass
class Copy:
    """A copy to damage."""

    plain: Plain
    root: Path

    def book(self, name: str) -> openpyxl.Workbook:
        """The workbook as it was, to be changed and saved."""
        book = openpyxl.Workbook()
        book.remove(book.active)
        for table in self.plain.tables[name]:
            sheet = book.create_sheet(table.name)
            for row, cells in table.rows.items():
                for column, value in cells.items():
                    sheet.cell(row, column).value = value
        return book

    def path(self, name: str) -> Path:
        """Where a workbook lies."""
        return next(path for path in self.root.rglob("*") if path.name == name)

    def frames(self, clip: dict[str, Any]) -> list[Path]:
        """The pictures of a clip, as they lie in this copy."""
        return [self.root / path.relative_to(self.plain.root) for path in clip["frames"]]


def read(corpus: Corpus) -> tuple[Records, list[Any]]:
    """The clips that a build would store, and all faults; raises what the reader raises."""
    sheet = corpus.sheet()
    clips, faults = corpus.on_disk(sheet)
    return [asdict(clip) for clip in clips], [*sheet.faults, *faults]


def outcome(copy: Copy, expected: Expected) -> tuple[str, str]:
    """What comes of a copy (see `benchmarks.damage`), and the messages."""
    try:
        records, faults = read(copy.plain.corpus(copy.root))
    except DataError as error:
        return _judged([str(error), *error.faults], expected)
    except Exception as error:  # noqa: BLE001 - what is looked for
        return "traceback", f"{type(error).__name__}: {error}"
    stopping = [str(fault) for fault in faults if fault.stops_build]
    if stopping:
        return _judged(stopping, expected)
    if expected.right and expected.right(records):
        return "right", ""
    if expected.goes_on:
        return _judged(list(map(str, faults)), expected)
    return "silent", f"{len(records)} clips"


def _judged(messages: list[str], expected: Expected) -> tuple[str, str]:
    text = "\n".join(messages)
    clear = any(all(word in message for word in expected.words) for message in messages)
    return ("message" if clear else "unclear"), text


def alike(one: dict[str, Any], other: dict[str, Any], apart: tuple[str, ...] = ()) -> bool:
    """Whether two records say the same in all fields but those `apart`."""
    left_out = {*NOT_COMPARED, *apart}
    return all(one[name] == other[name] for name in one if name not in left_out)


def same_as(records: Records) -> Callable[[Records], bool]:
    """Whether clips are those of the undamaged corpus, in any order."""

    def judge(found: Records) -> bool:
        ordered = [
            sorted(some, key=lambda one: (one["subject"], one["clip"])) for some in (records, found)
        ]
        return len(found) == len(records) and all(map(alike, *ordered))

    return judge


def but_for(
    records: Records, changed: int, apart: tuple[str, ...], says: Callable[[dict[str, Any]], bool]
) -> Callable[[Records], bool]:
    """Whether clips are those of the undamaged corpus, but one, which differs as it should."""

    def judge(found: Records) -> bool:
        pairs = list(zip(records, found, strict=False))
        return (
            len(found) == len(records)
            and all(alike(*pair, apart if i == changed else ()) for i, pair in enumerate(pairs))
            and says(found[changed])
        )

    return judge
