import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merclip_jax.errors import DataError
from merclip_jax.facs import notation, phrases
from merclip_jax.facs.notation import ActionUnit as AU

# Every row of the published notations: cell -> numbers, terms.
NOTATIONS = [
    ("4+L10", {4, 10}, [AU(4), AU(10, side="L")]),
    ("12L", {12}, [AU(12, side="L")]),
    ("L12", {12}, [AU(12, side="L")]),
    ("A12", {12}, [AU(12, quality="A")]),
    ("12A", {12}, [AU(12, intensity="A")]),
    ("7B", {7}, [AU(7, intensity="B")]),
    ("B23", {23}, [AU(23, quality="B")]),
    ("T23", {23}, [AU(23, quality="T")]),
    ("T18+39", {18, 39}, [AU(18, quality="T"), AU(39)]),
    ("A/L12", {12}, [AU(12, side="L", quality="A")]),
    ("10A/B", {10}, [AU(10, intensity="A/B")]),
    ("ref(7B)+43C", {7, 43}, [AU(7, intensity="B", possible=True), AU(43, intensity="C")]),
    ("(R6 or R12)+R15", {15}, [(AU(6, "R"), AU(12, "R")), AU(15, "R")]),
    ("(R6 or R12) + R15", {15}, [(AU(6, "R"), AU(12, "R")), AU(15, "R")]),
    ("?", set(), []),
    ("12(k)", set(), [AU(12, static=True)]),
    ("AD38", {38}, [AU(38, kind="AD")]),
    ("M58", {58}, [AU(58, kind="M")]),
    ("R14+17+soft focus", {14, 17}, [AU(14, "R"), AU(17)]),
    ("7B+56", {7}, [AU(7, intensity="B")]),
    ("L12 + 61", {12}, [AU(12, "L")]),
    # CASME II
    (4, {4}, [AU(4)]),
    (np.int64(4), {4}, [AU(4)]),
    (12.0, {12}, [AU(12)]),
    ("12.0", {12}, [AU(12)]),
    ("4+7+6", {4, 6, 7}, [AU(4), AU(7), AU(6)]),
    ("L2+26+38", {2, 26, 38}, [AU(2, "L"), AU(26), AU(38)]),
    (None, set(), []),
    (float("nan"), set(), []),
    ("", set(), []),
    # SAMM
    ("12+15 ", {12, 15}, [AU(12), AU(15)]),
    ("L12A", {12}, [AU(12, "L", intensity="A")]),
    ("A14C", {14}, [AU(14, quality="A", intensity="C")]),
    ("A1B+A2C", {1, 2}, [AU(1, quality="A", intensity="B"), AU(2, quality="A", intensity="C")]),
    ("7B+ ref(43)", {7, 43}, [AU(7, intensity="B"), AU(43, possible=True)]),
    ("A9E+ref(10)", {9, 10}, [AU(9, quality="A", intensity="E"), AU(10, possible=True)]),
    ("L12 or L14", set(), [(AU(12, "L"), AU(14, "L"))]),
    ("L12 or R12", {12}, [(AU(12, "L"), AU(12, "R"))]),
    ("8+25", {8, 25}, [AU(8), AU(25)]),
    (
        "R14A or 17A or 24A",
        set(),
        [(AU(14, "R", intensity="A"), AU(17, intensity="A"), AU(24, intensity="A"))],
    ),
    # brackets within the brackets of a group were once not understood
    ("(R6 or ref(12))+15", {15}, [(AU(6, "R"), AU(12, possible=True)), AU(15)]),
    # CAS(ME)^3, whose part C separates by plain and full-width commas
    ("R2+R1", {1, 2}, [AU(2, "R"), AU(1, "R")]),
    ("4,7", {4, 7}, [AU(4), AU(7)]),
    ("4\uff0c7", {4, 7}, [AU(4), AU(7)]),
    ("24+T18+16", {16, 18, 24}, [AU(24), AU(18, quality="T"), AU(16)]),
    # MMEW, 4DME, DFME
    ("4R+7", {4, 7}, [AU(4, "R"), AU(7)]),
    ("AU4(k)+L7", {7}, [AU(4, static=True), AU(7, "L")]),
    ("AUR2+12(k)+45", {2, 45}, [AU(2, "R"), AU(12, static=True), AU(45)]),
    ("L1+L2+L5", {1, 2, 5}, [AU(1, "L"), AU(2, "L"), AU(5, "L")]),
    ("24?", {24}, [AU(24, possible=True)]),
]


@pytest.mark.parametrize(
    ("cell", "numbers", "terms"), NOTATIONS, ids=[str(n[0]) for n in NOTATIONS]
)
def test_every_published_notation(cell, numbers, terms):
    units = notation.parse(cell)
    assert list(units.terms) == terms
    assert units.numbers == numbers
    assert notation.parse(notation.canonical(units)).terms == units.terms


def test_unknown_units_are_not_no_units():
    assert notation.parse("?").unknown
    assert notation.parse("4+?").unknown
    assert not notation.parse(None).unknown
    assert notation.canonical(notation.parse("?")) == "?"


def test_dropped_tokens_are_named():
    assert notation.parse("R14+17+soft focus").ignored == ("soft focus",)
    assert notation.parse("7B+56").ignored == ("56",)
    assert notation.canonical(notation.parse("L12 + 61")) == "L12"


def test_alternatives_stay_apart():
    units = notation.parse("(R6 or R12)+R15")
    assert units.units == (AU(15, "R"),)
    assert units.alternatives == ((AU(6, "R"), AU(12, "R")),)


@pytest.mark.parametrize("cell", ["14,L24,", "14,L24 , ", "14\uff0cL24\uff0c"])
def test_a_comma_behind_the_last_unit_says_nothing(cell):
    assert notation.parse(cell).numbers == {14, 24}


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "4+X7",
            "4++7",
            "4+",
            "4+,",
            "4,,",
            ",",
            "99",
            "3",
            "ref()",
            "12F",
            "L12R",
            "AU57",
            "M4",
            "4 7",
            "1.5",
            "/",
        ),
        *("4\u00b2", "\u246b", "\u0664", ".0", "L12.0", "9" * 5000, True, "(4 or)", "ref(4 or 7)"),
    ],
)  # \u00b2, \u246b, \u0664: superscript 2, circled 12, Arabic 4
def test_a_token_that_is_not_understood_is_an_error(cell):
    with pytest.raises(DataError, match="not understood"):
        notation.parse(cell)


def test_the_error_names_token_and_cell():
    with pytest.raises(DataError, match=r"'4\+Q7'.*'q7'"):
        notation.parse("4+Q7")


def test_names():
    assert AU(1, "L").name == "Left Inner Brow Raiser"
    assert AU(58, kind="M").name == "Head Back"


@st.composite
def _units(draw):
    number = draw(st.sampled_from(sorted(phrases.NAMES)))
    head = number in notation.HEAD
    return AU(
        number=number,
        side=draw(st.sampled_from(["", "L", "R"])),
        quality=draw(st.sampled_from(["", "A", "T", "B"])),
        intensity=draw(st.sampled_from(["", "A", "C", "E", "A/B"])),
        kind="M" if head else draw(st.sampled_from(["AU", "AD"])),
        possible=draw(st.booleans()),
        static=draw(st.booleans()),
    )


_TERMS = st.one_of(_units(), st.lists(_units(), min_size=2, max_size=3).map(tuple))


@given(st.lists(_TERMS, max_size=5).map(tuple), st.booleans())
def test_the_normal_form_parses_back_to_itself(terms, unknown):
    units = notation.ActionUnits(terms, unknown)
    assert notation.parse(notation.canonical(units)) == units


_PIECES = st.sampled_from(
    [
        *"0123456789LRATBDUMEFK+,?/() .",
        *"\uff11\uff12\uff0b\uff0c\u3000\u00b2\u2075\u2460\u246b\u00bd\u0664",
    ]
    + ["AU", "AD", "A/L", "ref(", "(k)", " or ", "soft focus", "12", "57", "61", ".0", "\u200b"]
)
_CELLS = st.one_of(st.lists(_PIECES, max_size=12).map("".join), st.text(max_size=20))


def _written(cell):
    """The numbers that stand in a cell: its runs of digits, full-width ones too."""
    digits = "".join(str(unicodedata.decimal(sign, sign)) for sign in cell)
    return {int(run) for run in re.findall("[0-9]+", digits)}


@given(_CELLS)
@settings(max_examples=250)
def test_any_text_is_read_as_it_is_written_or_not_at_all(cell):
    try:
        units = notation.parse(cell)
    except DataError as error:
        assert repr(cell) in str(error)
        return
    single = [*units.units, *(unit for group in units.alternatives for unit in group)]
    assert {unit.number for unit in single} <= _written(cell)
    assert units.numbers <= {unit.number for unit in single}
    normal = notation.canonical(units)
    again = notation.parse(normal)
    assert (again.terms, again.unknown) == (units.terms, units.unknown)
    assert notation.canonical(again) == normal
    assert again.numbers == units.numbers


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.none()))
def test_any_number_is_one_unit_none_or_an_error(cell):
    try:
        found = notation.parse(cell).numbers
    except DataError:
        return
    assert found in (set(), {cell})


def test_a_long_damaged_cell_is_refused_at_once():
    for cell in ("ref(" + " " * 30_000 + "x", "4+" * 10_000, " or " * 8_000):
        with pytest.raises(DataError, match="not understood"):
            notation.parse(cell)
