"""The muscles behind each action unit of the face, and its name in words.

Source: Ekman, Friesen and Hager, FACS (2002); names by Terminologia Anatomica.
"""

from collections.abc import Iterable

from merclip_jax.facs import notation, phrases

MUSCLES: dict[int, str] = {
    1: "frontalis, medial part",
    2: "frontalis, lateral part",
    4: "corrugator supercilii, depressor supercilii, procerus",
    5: "levator palpebrae superioris",
    6: "orbicularis oculi, orbital part",
    7: "orbicularis oculi, palpebral part",
    8: "orbicularis oris",
    9: "levator labii superioris alaeque nasi",
    10: "levator labii superioris",
    11: "zygomaticus minor",
    12: "zygomaticus major",
    13: "levator anguli oris",
    14: "buccinator",
    15: "depressor anguli oris",
    16: "depressor labii inferioris",
    17: "mentalis",
    18: "incisivus labii superioris and inferioris",
    20: "risorius, platysma",
    21: "platysma",
    22: "orbicularis oris",
    23: "orbicularis oris",
    24: "orbicularis oris",
    25: "depressor labii inferioris, or relaxed mentalis or orbicularis oris",
    26: "masseter, relaxed; temporalis and medial pterygoid, relaxed",
    27: "pterygoids, digastric",
    28: "orbicularis oris",
    38: "nasalis, alar part",
    39: "nasalis, transverse part",
    43: "levator palpebrae superioris, relaxed",
    45: "levator palpebrae superioris, relaxed; orbicularis oculi, palpebral part",
}


def of(unit: str) -> str:
    """The muscles of a unit such as '12' or 'L12'; '' where FACS names none."""
    return MUSCLES.get(notation.number_and_side(unit)[0], "")


def named(unit: str) -> str:
    """A unit with its side and FACS name: 'L12' is 'AUL12 Left Lip Corner Puller'."""
    number, side = notation.number_and_side(unit)
    words = (f"AU{unit}", phrases.SIDES[side].capitalize(), phrases.NAMES.get(number, ""))
    return " ".join(filter(None, words))


def glossary(numbers: Iterable[int]) -> dict[str, str]:
    """The muscles of units by their names, in the order of their numbers; not of the head's."""
    of_the_face = sorted(set(numbers) - set(notation.HEAD))
    return {named(str(number)): MUSCLES.get(number, "") for number in of_the_face}
