"""Action units of the Facial Action Coding System (FACS): their notation and names.

One parser reads the action-unit cell of every corpus (CASME II '4+L10', SAMM 'ref(7B)+43C',
4DME 'AU4(k)+L7', DFME 'AD38'). It keeps what was written and adds nothing. `wording` makes
sentences of it.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Shaped

from merclip_jax.errors import DataError
from merclip_jax.facs.phrases import NAMES, SIDES

Cell = str | int | float | np.generic | None  # an annotation cell as pandas reads it

MOVED, STILL, UNKNOWN = 1, 0, -1  # what is known of a unit in a clip

MIDLINE = frozenset({8, 16, 17, 18, 21, 22, 23, 24, 25, 26, 27, 28, 31, 43, 45})  # seldom one-sided
HEAD = range(51, 59)  # movements of the head: kept as 'M57', dropped when written bare
EYES = range(61, 70)  # directions of the eyes: always dropped

_UNIT = re.compile(
    r"(?P<kind>AU|AD|M)?"
    r"(?P<mark>A/[LR]|[LRATB])?"
    r"(?P<number>\d{1,2})"
    r"(?P<intensity>[A-E](?:/[A-E])?)?"
    r"(?P<side>[LR])?"
    r"(?P<static>\(K\))?"
    r"(?P<doubt>\?)?",
    re.ASCII,
)
_NOT_ACTION_UNITS = frozenset({"SOFT FOCUS"})


@dataclass(frozen=True)
class ActionUnit:
    """One scored action.

    Attributes:
      number: the FACS number.
      side: 'L' or 'R' as the person has them (L is the right half of the picture); '' both.
      quality: 'A' asymmetric (both sides, one stronger), 'T' top lip, 'B' bottom lip, or ''.
        With a side, 'A' means the annotator left open which of the two it is ('A/L12').
      intensity: 'A' (trace) to 'E' (maximum), 'A/B' where undecided, or '' if not scored.
      kind: 'AU', or as marked in the cell: 'AD' (action descriptor), 'M' (head movement).
      possible: scored as perhaps present, 'ref(24)' or '24?'.
      static: held through the whole clip, '4(k)': no movement of this clip.
    """

    number: int
    side: str = ""
    quality: str = ""
    intensity: str = ""
    kind: str = "AU"
    possible: bool = False
    static: bool = False

    @property
    def name(self) -> str:
        """The FACS name, such as 'Left Inner Brow Raiser'."""
        return " ".join(filter(None, (SIDES[self.side].capitalize(), NAMES[self.number])))

    def __str__(self) -> str:
        before, after = self.side or self.quality, ""
        if self.side and self.quality == "A":
            before = f"A/{self.side}"
        elif self.side and self.quality:
            before, after = self.quality, self.side
        text = f"{'' if self.kind == 'AU' else self.kind}{before}{self.number}"
        text += f"{self.intensity}{after}{'(k)' if self.static else ''}"
        return f"ref({text})" if self.possible else text


@dataclass(frozen=True)
class ActionUnits:
    """A parsed cell.

    Attributes:
      terms: the cell's terms in its order: an action unit, or a tuple of action units of which
        the annotator saw one without knowing which ('R6 or R12').
      unknown: the cell says '?': units moved that nobody named. Not the same as no unit.
      ignored: tokens that name no action unit, such as 'soft focus' or eye direction 61.
    """

    terms: tuple[ActionUnit | tuple[ActionUnit, ...], ...] = ()
    unknown: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[ActionUnit, ...]:
        """The units that stand alone; no member of an alternative is silently one of them."""
        return tuple(term for term in self.terms if isinstance(term, ActionUnit))

    @property
    def alternatives(self) -> tuple[tuple[ActionUnit, ...], ...]:
        """The groups of which one, unknown which, was present."""
        return tuple(term for term in self.terms if isinstance(term, tuple))

    @property
    def moved(self) -> tuple[tuple[ActionUnit, ...], ...]:
        """What moved, as groups of which one member did: most groups are a single unit.

        The one place that decides it: possible units count, static ones ('4(k)') do not.
        """
        return (*((unit,) for unit in self.units if not unit.static), *self.alternatives)

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the units that surely moved, sides merged.

        Of an alternative only what all its members share counts: 'L12 or R12' is 12, 'R6 or R12'
        nothing (MEB @f731b0a picks the second member, MER-CLIP @31037e9 keeps the words).
        """
        candidates = {unit.number for group in self.moved for unit in group}
        return frozenset(number for number in candidates if self.state(number) == MOVED)

    def state(self, number: int, side: str = "") -> int:
        """Whether a unit moved: MOVED, STILL, or UNKNOWN where the annotator did not say.

        With a `side` a unit that is scored there or on both sides moved; without one, any did.
        """

        def shows(unit: ActionUnit) -> bool:
            same_side = not side or unit.side in ("", side)
            return unit.number == number and same_side and not unit.static

        groups = [[shows(unit) for unit in group] for group in self.moved]
        if any(map(all, groups)):
            return MOVED
        return UNKNOWN if self.unknown or any(map(any, groups)) else STILL


def parse(cell: Cell) -> ActionUnits:
    """Read one action-unit cell.

    `cell` is as the workbook gives it: text, a number (4 or 4.0), or None or NaN for no unit.

    Raises:
      DataError: a token is no action unit; the message names the token and the cell.
    """
    if cell is None or cell != cell:  # NaN, the empty cell of a data frame
        return ActionUnits()
    text = _plain(str(cell))
    if text.endswith(",") and len(text) > 1:  # '14,L24,' in CAS(ME)^3 part C
        text = text[:-1].rstrip()
    terms: list[ActionUnit | tuple[ActionUnit, ...]] = []
    ignored: list[str] = []
    unknown = False
    for token in map(str.strip, re.split(r"[+,]", text)) if text else ():
        if token == "?":
            unknown = True
        elif _names_no_unit(token):
            ignored.append(token.lower())
        else:
            terms.append(_term(token, cell))
    return ActionUnits(tuple(terms), unknown, tuple(ignored))


def parse_column(cells: Iterable[Cell]) -> Shaped[np.ndarray, " n"]:
    """Read a table's column of cells, each distinct one once.

    Raises:
      DataError: as `parse`.
    """
    column = list(cells)
    parsed = {cell: parse(cell) for cell in dict.fromkeys(column)}
    return np.array([parsed[cell] for cell in column], object)


def _plain(text: str) -> str:
    """Upper case, single blanks, full-width signs and digits as plain ones, '12' for '12.0'.

    A superscript or circled digit stays as it is, and is not understood: NFKC would make 42 of
    a 4 with a superscript 2.
    """
    plain = "".join(
        sign if sign.isnumeric() and not sign.isdecimal() else unicodedata.normalize("NFKC", sign)
        for sign in text
    )
    plain = " ".join(plain.upper().split())
    return plain.removesuffix(".0") if plain[:-2].isdecimal() else plain


def _names_no_unit(token: str) -> bool:
    bare = re.fullmatch("[0-9]{1,2}", token) and (int(token) in HEAD or int(token) in EYES)
    return bool(bare) or token in _NOT_ACTION_UNITS


def _term(token: str, cell: Cell) -> ActionUnit | tuple[ActionUnit, ...]:
    options = re.split(r"\s+OR\s+", token)
    if len(options) == 1:
        return _unit(token, cell)
    if token.startswith("(") and token.endswith(")"):
        options = re.split(r"\s+OR\s+", token[1:-1])
    return tuple(_unit(option.strip(), cell) for option in options)


def _unit(token: str, cell: Cell) -> ActionUnit:
    reflected = re.fullmatch(r"REF\s*\(\s*(.*?)\s*\)", token)
    match = _UNIT.fullmatch(reflected[1] if reflected else token)
    if not match or not _consistent(match):
        raise DataError(
            f"action units {cell!r}: token {token.lower()!r} is not understood; write it as "
            "'4', 'L12', '12B' or 'AD38', joined by '+', or correct the annotation"
        )
    mark = match["mark"] or ""
    return ActionUnit(
        number=int(match["number"]),
        side=match["side"] or (mark[-1] if mark.endswith(("L", "R")) else ""),
        quality=mark[0] if mark.startswith(("A", "T", "B")) else "",
        intensity=match["intensity"] or "",
        kind=match["kind"] or "AU",
        possible=bool(reflected or match["doubt"]),
        static=bool(match["static"]),
    )


def _consistent(match: re.Match[str]) -> bool:
    """Whether number and kind exist together, and at most one mark names the side."""
    number, movement = int(match["number"]), match["kind"] == "M"
    one_side = not match["side"] or match["mark"] in (None, "T", "B")
    return number in NAMES and (number in HEAD) == movement and one_side


def canonical(units: ActionUnits) -> str:
    """The normal form of a cell: `parse` gives it back, less the ignored tokens."""
    terms = [
        str(term) if isinstance(term, ActionUnit) else f"({' or '.join(map(str, term))})"
        for term in units.terms
    ]
    return "+".join(terms + ["?"] * units.unknown)


def number_and_side(name: str) -> tuple[int, str]:
    """The unit and side of a plain name: '12' is (12, ''), 'L12' is (12, 'L'); else a DataError."""
    terms = parse(name).terms
    unit = terms[0] if len(terms) == 1 else None
    if not isinstance(unit, ActionUnit) or str(unit) != f"{unit.side}{unit.number}":
        raise DataError(f"action unit {name!r}: write a number, or L or R and a number")
    return unit.number, unit.side


def mirrored(units: ActionUnits) -> ActionUnits:
    """The units of the mirrored face: left is right."""
    other = {"L": "R", "R": "L", "": ""}

    def turned(unit: ActionUnit) -> ActionUnit:
        return replace(unit, side=other[unit.side])

    terms = [
        turned(term) if isinstance(term, ActionUnit) else tuple(map(turned, term))
        for term in units.terms
    ]
    return replace(units, terms=tuple(terms))
