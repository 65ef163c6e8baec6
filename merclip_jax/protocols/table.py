"""Every protocol as data: corpora, class maps, exclusions and folds.

Sources: MER-CLIP release @31037e9 (lists under data/), the MEGC2019 list combined_3class_gt.csv,
MEB @f731b0a (CD6ME), the DFME paper and the CCAC 2024 page. An excluded clip names its reason.
Whether a list of clips is the published one is checked by fingerprint (see protocols).
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

ClipKey = tuple[str, str]  # subject and clip as written on disk: ('04', 'EP12_01f')
Emotions = Mapping[str, str]
Excluded = Mapping[ClipKey, str]
Recoded = Mapping[ClipKey, str]
Folds = Literal["loso", "lodo", "official"]


@dataclass(frozen=True)
class Part:
    """What a protocol takes from one corpus.

    Attributes:
      dataset: the corpus.
      emotions: annotated emotion (or objective class) -> class; None: every clip, without a class.
      left_out: annotated emotions that the protocol leaves out on purpose; '*': all others.
      excluded: single clips that the protocol leaves out, each with the reason.
      recoded: single clips whose annotation differs between releases -> the emotion that counts.
      label: the field that classes come from, 'emotion' or 'objective_class'.
    """

    dataset: str
    emotions: Emotions | None
    left_out: frozenset[str] = frozenset()
    excluded: Excluded = field(default_factory=dict)
    recoded: Recoded = field(default_factory=dict)
    label: Literal["emotion", "objective_class"] = "emotion"


@dataclass(frozen=True)
class Protocol:
    """A task on one corpus or on several.

    Attributes:
      name: such as 'merclip/casme2/5'; also the key of the published list it should match.
      classes: class names; the position is the label. None: a task of action units alone.
      parts: what comes from each corpus.
      folds: 'loso', leave one subject out; 'lodo', leave one dataset out; 'official', train on the
        owner's split 'train' and test on its others.
      counts: clips and subjects that it should have, where no fingerprint of a list says so.
      note: what tells it from its neighbours.
    """

    name: str
    classes: tuple[str, ...]
    parts: tuple[Part, ...]
    folds: Folds = "loso"
    counts: tuple[int, int] | None = None
    note: str = ""

    @property
    def datasets(self) -> tuple[str, ...]:
        """The corpora that it takes clips from."""
        return tuple(part.dataset for part in self.parts)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _three(*negative: str) -> dict[str, str]:
    return {name: "negative" for name in negative} | {
        "happiness": "positive",
        "surprise": "surprise",
    }


THREE = ("negative", "positive", "surprise")
FOUR = (*THREE, "others")
FIVE = ("disgust", "happiness", "others", "repression", "surprise")
BASIC = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
SEVEN_CASME2 = ("disgust", "fear", "happiness", "others", "repression", "sadness", "surprise")
SEVEN_CASME3 = ("anger", "disgust", "fear", "happiness", "others", "sadness", "surprise")
FIVE_SAMM = ("anger", "contempt", "happiness", "others", "surprise")
EIGHT_SAMM = ("anger", "contempt", "disgust", "fear", "happiness", "others", "sadness", "surprise")
OBJECTIVE = ("1", "2", "3", "4", "5")
_RARE = frozenset({"fear", "sadness"})
_ALL_OTHERS = frozenset({"*"})

_CASME2_NEGATIVE = ("disgust", "repression")
_SAMM_NEGATIVE = ("anger", "contempt", "disgust", "fear", "sadness")
_CASME3_NEGATIVE = ("anger", "disgust", "fear", "sadness")
_NO_ROW = "it has no row in the workbooks of 2014 and 2019"
_UNLISTED = {("24", "EP02_07"): _NO_ROW, ("09", "EP02_02f"): _NO_ROW}
# The workbook of 2019 calls these surprise; lists drawn up before it go by 2014.
_CODED_2014 = {
    ("24", "EP07_01"): "sadness",
    ("24", "EP07_04f"): "sadness",
    ("24", "EP10_03"): "sadness",
}
_IMPOSSIBLE = {
    ("spNO.216", "d/3647"): "its onset lies behind its apex and offset",
    ("spNO.40", "e/1812"): "its offset is 0",
    ("spNO.40", "e/2327"): "its offset is 0",
}

_MEGC_CASME2 = Part(
    "casme2",
    _three(*_CASME2_NEGATIVE),
    left_out=_RARE | {"others"},
    excluded={
        ("04", "EP12_01f"): "its apex is '/' in the workbook",
        ("05", "EP09_05f"): "its apex is its onset",
        **_UNLISTED,
    },
    recoded=_CODED_2014,
)
_MEGC_SAMM = Part("samm", _three(*_SAMM_NEGATIVE), left_out=frozenset({"others"}))
_SMIC = Part("smic", _same(*THREE))


_MMEW = ("disgust", "happiness", "others", "surprise")
_CASME = ("disgust", "repression", "surprise", "tense")
_FOURDME = ("negative", "others", "positive", "repression", "surprise")
_CD6ME = ("casme", "casme2", "samm", "fourdme", "mmew", "casme3")


def _casme2(
    emotions: Emotions, left_out: Set[str] = frozenset(), recoded: Recoded = MappingProxyType({})
) -> tuple[Part, ...]:
    return (Part("casme2", emotions, frozenset(left_out), _UNLISTED, recoded),)


def _samm(emotions: Emotions, *left_out: str) -> tuple[Part, ...]:
    return (Part("samm", emotions, frozenset({"disgust", *_RARE, *left_out})),)


def _casme3(emotions: Emotions, *left_out: str) -> tuple[Part, ...]:
    return (Part("casme3", emotions, frozenset(left_out), _IMPOSSIBLE),)


def _mmew(classes: tuple[str, ...], *left_out: str) -> Part:
    """Copies call one class others or repression."""
    return Part("mmew", _same(*classes) | {"repression": "others"}, frozenset(left_out))


def _objective(dataset: str, excluded: Excluded = MappingProxyType({})) -> Part:
    """Classes 1-5; 6 and 7 are left out, 0 stands for none."""
    rare = frozenset({"0", "6", "7"})
    return Part(dataset, _same(*OBJECTIVE), rare, excluded, label="objective_class")


# fmt: off
PROTOCOLS = (
    # The MER-CLIP lists of CASME II follow the workbook of 2019.
    Protocol("merclip/casme2/3", THREE, _casme2(_three(*_CASME2_NEGATIVE), _RARE | {"others"})),
    Protocol("merclip/casme2/4", FOUR, _casme2(_three(*_CASME2_NEGATIVE) | _same("others"), _RARE)),
    Protocol("merclip/casme2/5", FIVE, _casme2(_same(*FIVE), _RARE)),
    Protocol("merclip/casme2/7", SEVEN_CASME2, _casme2(_same(*SEVEN_CASME2))),
    Protocol("megc2019/casme2", THREE, (_MEGC_CASME2,)),
    Protocol(
        "casme2/5/246", FIVE, _casme2(_same(*FIVE), _RARE, recoded=_CODED_2014),
        counts=(246, 26), note="the coding of 2014"),
    Protocol(
        "casme2/5/247", FIVE,
        (Part("casme2", _same(*FIVE), _RARE, {("09", "EP02_02f"): _NO_ROW}, _CODED_2014),),
        counts=(247, 26), note="the paper's count; needs a workbook that has 24/EP02_07"),
    Protocol(
        "casme2/3/147", THREE,
        _casme2(_three(*_CASME2_NEGATIVE), _RARE | {"others"}, recoded=_CODED_2014),
        counts=(147, 24), note="the coding of 2014"),
    Protocol(
        "casme2/3/156", THREE,
        _casme2(_three(*_CASME2_NEGATIVE, *_RARE), {"others"}, recoded=_CODED_2014),
        counts=(156, 25), note="the coding of 2014; fear and sadness count as negative"),
    Protocol(
        "casme2/objective", OBJECTIVE, (_objective("casme2", _UNLISTED),), counts=(185, 26),
        note="classes 1-5 of CASME2-ObjectiveClasses.xlsx; the workbook of 2019 has 174"),
    # MER-CLIP's negative on SAMM is anger and contempt alone: its 3 classes are not MEGC2019's.
    Protocol("merclip/samm/3", THREE, _samm(_three("anger", "contempt"), "others")),
    Protocol("merclip/samm/4", FOUR, _samm(_three("anger", "contempt") | _same("others"))),
    Protocol("merclip/samm/5", FIVE_SAMM, _samm(_same(*FIVE_SAMM))),
    Protocol("megc2019/samm", THREE, (_MEGC_SAMM,)),
    Protocol("samm/8", EIGHT_SAMM, (Part("samm", _same(*EIGHT_SAMM)),), counts=(159, 29)),
    Protocol(
        "samm/objective", OBJECTIVE, (_objective("samm"),), counts=(68, 21), note="classes 1-5"),
    Protocol("merclip/casme3/3", THREE, _casme3(_three(*_CASME3_NEGATIVE), "others")),
    Protocol("merclip/casme3/4", FOUR, _casme3(_three(*_CASME3_NEGATIVE) | _same("others"))),
    Protocol("merclip/casme3/7", SEVEN_CASME3, _casme3(_same(*SEVEN_CASME3))),
    Protocol(
        "casme3_c/4", FOUR, (Part("casme3_c", _same(*FOUR)),), counts=(165, 30),
        note="part C, the mock crime"),
    Protocol("dfme/7", BASIC, (Part("dfme", _same(*BASIC)),), "official", counts=(2629, 259)),
    Protocol("megc2019/smic", THREE, (_SMIC,), note="builder config hs_cropped or hs_raw"),
    Protocol(
        "smic_e/3", THREE, (Part("smic_e", _same(*THREE)),), counts=(157, 16),
        note="builder config hs"),
    Protocol("mmew/4", _MMEW, (_mmew(_MMEW, "anger", "fear", "sadness"),), counts=(263, 30)),
    Protocol(
        "mmew/5", (*_MMEW, "fear"), (_mmew((*_MMEW, "fear"), "anger", "sadness"),),
        counts=(279, 30)),
    Protocol(
        "casme/4", _CASME, (Part("casme", _same(*_CASME), _ALL_OTHERS),),
        note="the four frequent emotions"),
    Protocol(
        "casme_sq/4", FOUR, (Part("casme_sq", _same(*FOUR)),), counts=(57, 22),
        note="micro-expressions alone"),
    Protocol(
        "fourdme/5", _FOURDME, (Part("fourdme", _same(*_FOURDME), _ALL_OTHERS),),
        note="clips of a single emotion; those with two are left out"),
    Protocol("casme/au", (), (Part("casme", None),), note="action units, every clip"),
    Protocol("mmew/au", (), (Part("mmew", None),), counts=(300, 30), note="action units"),
    Protocol(
        "fourdme/au", (), (Part("fourdme", None),),
        note="action units, every clip: those with two emotions, too"),
    Protocol(
        "own_clips", (), (Part("own_clips", None),),
        note="your own CSV: its columns give classes and folds"),
    Protocol("synthetic/3", THREE, (
        Part("synthetic_me", _three(*_CASME2_NEGATIVE), frozenset({"others"})),)),
    Protocol("synthetic/5", FIVE, (Part("synthetic_me", _same(*FIVE)),)),
    Protocol("megc2019/full", THREE, (_SMIC, _MEGC_CASME2, _MEGC_SAMM)),
    Protocol(
        "megc2019/flow", THREE, (Part("megc2019_flow", _same(*THREE)),),
        note="its published flow, onset to apex; parts by corpus"),
    Protocol(
        "cd6me", (), tuple(Part(name, None) for name in _CD6ME), "lodo",
        note="action units, no emotions; its authors' workbooks have 2031 clips"),
    Protocol(
        "cd6me/3", THREE, (
            Part("casme", _three("disgust", "repression", "contempt", *_RARE), _ALL_OTHERS),
            *_casme2(_three(*_CASME2_NEGATIVE, *_RARE), {"others"}),
            _MEGC_SAMM,
            Part("fourdme", _same(*THREE) | {"repression": "negative"}, _ALL_OTHERS),
            Part("mmew", _three("disgust", "anger", *_RARE), frozenset({"others", "repression"})),
            *_casme3(_three(*_CASME3_NEGATIVE), "others"),
        ), "lodo", note="ours: three emotions on those six corpora"),
)
# fmt: on
