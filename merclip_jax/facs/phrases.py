"""Action units in words: FACS names, and the muscle sentences and templates of MER-CLIP.

Names follow Ekman, Friesen and Hager, FACS (2002).

Every phrase is a verb and what it acts on. Of a one-sided unit, `sided` gives the form with
`{side}` for "left" or "right". The published wording is that of the CASME II text map of the
MER-CLIP release @31037e9 and, for units that CASME II lacks, of its SAMM and DFME maps.
"""

from dataclasses import dataclass

SIDES = {"": "", "L": "left", "R": "right"}  # the person's own
NAMES: dict[int, str] = {
    1: "Inner Brow Raiser",
    2: "Outer Brow Raiser",
    4: "Brow Lowerer",
    5: "Upper Lid Raiser",
    6: "Cheek Raiser",
    7: "Lid Tightener",
    8: "Lips Toward Each Other",
    9: "Nose Wrinkler",
    10: "Upper Lip Raiser",
    11: "Nasolabial Deepener",
    12: "Lip Corner Puller",
    13: "Sharp Lip Puller",
    14: "Dimpler",
    15: "Lip Corner Depressor",
    16: "Lower Lip Depressor",
    17: "Chin Raiser",
    18: "Lip Pucker",
    19: "Tongue Show",
    20: "Lip Stretcher",
    21: "Neck Tightener",
    22: "Lip Funneler",
    23: "Lip Tightener",
    24: "Lip Presser",
    25: "Lips Part",
    26: "Jaw Drop",
    27: "Mouth Stretch",
    28: "Lip Suck",
    29: "Jaw Thrust",
    30: "Jaw Sideways",
    31: "Jaw Clencher",
    32: "Lip Bite",
    33: "Cheek Blow",
    34: "Cheek Puff",
    35: "Cheek Suck",
    36: "Tongue Bulge",
    37: "Lip Wipe",
    38: "Nostril Dilator",
    39: "Nostril Compressor",
    41: "Lid Droop",
    42: "Slit",
    43: "Eyes Closed",
    44: "Squint",
    45: "Blink",
    46: "Wink",
    51: "Head Turn Left",
    52: "Head Turn Right",
    53: "Head Up",
    54: "Head Down",
    55: "Head Tilt Left",
    56: "Head Tilt Right",
    57: "Head Forward",
    58: "Head Back",
}


@dataclass(frozen=True)
class Phrase:
    """What one action unit does: `both` sides of the face, or the one `{side}` that moves."""

    both: str
    sided: str


def _of(phrase: str) -> Phrase:
    """A phrase whose one-sided form no release states: we add the side at its end."""
    return Phrase(phrase, f"{phrase} on the {{side}} side")


RELEASED: dict[int, Phrase] = {
    1: Phrase("raising the inner part of the brows", "raising the inner part of the {side} brow"),
    2: Phrase("raising the outer part of the brows", "raising the outer part of the {side} brow"),
    4: Phrase("lowering the brows", "lowering the {side} brow"),
    5: Phrase("raising the upper lids", "raising the {side} upper lid"),
    6: Phrase("raising the cheeks", "raising the {side} cheek"),
    7: Phrase("tightening the lids", "tightening the {side} lid"),
    9: Phrase("wrinkling the nose", "wrinkling the {side} side of the nose"),
    10: Phrase("raising the upper lip", "raising the {side} upper lip"),
    12: Phrase("pulling the corners of the lips", "pulling the {side} corner of the lips"),
    13: _of("Inflating the cheeks by exerting pressure from within the mouth"),
    14: Phrase("creating the dimples", "creating the {side} dimple"),
    15: Phrase("depressing the corners of the lips", "depressing the {side} corner of the lips"),
    16: _of("depressing the lower lip"),
    17: Phrase("raising the chin", "raising the chin to the {side}"),
    18: _of("puckering the lips"),
    20: Phrase("stretching the lips", "stretching the lips down and to the {side}"),
    21: _of("tightening the neck"),
    22: _of("pursing the lips into a funnel shape"),
    23: _of("tightening the lips"),
    24: _of("pressing the lips"),
    25: _of("parting the lips"),
    26: _of("parting the lips"),
    28: _of("sucking the lips"),
    31: _of("clenching the jaw"),
    38: Phrase("dilating the nostrils", "dilating the {side} nostril"),
    39: Phrase("compressing the nostrils", "compressing the {side} nostril"),
    43: Phrase("closing the eyes", "closing the {side} eye"),
    57: _of("moving the head forward"),
    58: _of("moving the head back"),
}

# What we mend, and why:
#  8  the release drops it from its sentences (SAMM '8+25' reads as 25 alone);
# 11  absent from the release, needed for MMEW;
# 13  the release describes cheeks blown up (FACS AD 34), FACS means the Sharp Lip Puller;
# 16-28  one-sided forms name the side of the lips, where the release has no form or the wrong
#     side (its CAS(ME)^3 map reads 'L18' as "to the right");
# 17  'R17' of the release moves the chin sideways, FACS means the right half of the chin boss;
# 20  the release adds "down" to the one-sided form only;
# 21  plain in SAMM; the CAS(ME)^3 map adds an action unit 25 that its cell does not have;
# 26  the release gives CASME II and CAS(ME)^3 the text of 25, and only SAMM the jaw;
# 27, 45  absent from the release, needed for other corpora (45: 4DME).
OURS: dict[int, Phrase] = RELEASED | {
    8: _of("drawing the lips towards each other"),
    11: Phrase("deepening the nasolabial folds", "deepening the {side} nasolabial fold"),
    13: Phrase(
        "pulling the corners of the lips sharply upwards",
        "pulling the {side} corner of the lips sharply upwards",
    ),
    16: Phrase("depressing the lower lip", "depressing the {side} half of the lower lip"),
    17: Phrase("raising the chin", "raising the {side} half of the chin"),
    18: Phrase("puckering the lips", "puckering the {side} half of the lips"),
    20: Phrase("stretching the lips", "stretching the lips to the {side}"),
    23: Phrase("tightening the lips", "tightening the {side} half of the lips"),
    24: Phrase("pressing the lips", "pressing the {side} half of the lips"),
    25: Phrase("parting the lips", "parting the {side} half of the lips"),
    26: _of("dropping the jaw"),
    27: _of("stretching the mouth wide open"),
    28: Phrase("sucking the lips", "sucking the {side} half of the lips"),
    45: Phrase("blinking the eyes", "blinking the {side} eye"),
}

# The seven prompts of the release (its data/templates_7.txt), character for character: a model
# trained on them reads no other wording as well.
TEMPLATES_RELEASED = (
    "This micro-expression involves {}.",
    "Key features of this micro-expression are {}.",
    "This micro-expression is characterized by {}.",
    "One can identify this micro-expression by {}.",
    "This micro-expression typically manifests as {}.",
    "The hallmark of this micro-expression is {}.",
    "An identifiable trait of this micro-expression is {}.",
)

# The same seven roles in our words: plain, features, character, recognition, appearance,
# hallmark, trait.
TEMPLATES = (
    "A brief facial movement of {}.",
    "What moves in this face is {}.",
    "This fleeting expression is marked by {}.",
    "You can tell this expression by {}.",
    "On the face it appears as {}.",
    "The clearest sign of this expression is {}.",
    "One thing to notice in this face is {}.",
)
