"""Sentences about action units: one of a clip, and two of a unit that moves and is still."""

from typing import Literal

from merclip_jax.errors import DataError
from merclip_jax.facs import notation
from merclip_jax.facs.phrases import OURS, RELEASED, SIDES


def moving_and_still(name: str, style: Literal["released", "ours"] = "ours") -> tuple[str, str]:
    """Two sentences about one unit, such as 'L12': that it moves, and that it does not.

    Raises:
      DataError: the name is that of no unit, or the style has no phrase for it.
    """
    number, side = notation.number_and_side(name)
    phrase = _phrase(notation.ActionUnit(number, side), style)
    if not phrase:
        raise DataError(f"action unit {name!r}: --config.text.style={style!r} has no words for it")
    return phrase, f"not {phrase}"


def sentence(units: notation.ActionUnits, style: Literal["released", "ours"] = "released") -> str:
    """One sentence about a clip: 'a combination of X, Y and Z' (MER-CLIP, Section III).

    'released' reproduces the CASME II map of MER-CLIP @31037e9: order of the cell, units
    without a published phrase left out. (Its CAS(ME)^3 and DFME maps join by commas alone.)
    'ours' mends the phrases (see phrases), tells top from bottom lip, and orders by number,
    so that '4+7+6' and '6+4+7' are one sentence. Both leave out intensity, asymmetry and
    static units, and say of a possible unit that it might be present.

    Returns:
      The sentence, or '' where there is nothing certain to say: no unit, or an unknown one.
    """
    if units.unknown:
        return ""
    groups = [(term,) if isinstance(term, notation.ActionUnit) else term for term in units.terms]
    if style == "ours":
        groups.sort(key=lambda group: (group[0].number, group[0].side))
    options = [[_phrase(unit, style) for unit in group] for group in groups]
    phrases = list(dict.fromkeys(" or ".join(words) for words in options if all(words)))
    if len(phrases) < 2:
        return "".join(phrases)
    return f"a combination of {', '.join(phrases[:-1])} and {phrases[-1]}"


def _phrase(unit: notation.ActionUnit, style: str) -> str:
    """One unit's words, '' if the style has none or the unit does not move."""
    phrase = (RELEASED if style == "released" else OURS).get(unit.number)
    if phrase is None or unit.static:
        return ""
    words = phrase.both
    if unit.side:
        words = phrase.sided.format(side=SIDES[unit.side])
    if style == "ours" and unit.quality in ("T", "B"):
        words = words.replace(
            "the lips", "the top lip" if unit.quality == "T" else "the bottom lip"
        )
    return f"{words} might be present" if unit.possible else words
