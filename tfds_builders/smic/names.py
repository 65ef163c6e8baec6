"""What the name of a SMIC clip says: 's1_ne_01' is the first negative clip of subject 1."""

import re

from merclip_jax.errors import DataError

SUBJECT = r"s\d+"
CLIP = r"s(\d+)_(ne|po|sur)_(\d+)"
LABELS = {"ne": "negative", "po": "positive", "sur": "surprise"}


def read(name: str, subject: str, emotion: str) -> tuple[str, str]:
    """('s1', 's1_ne_01') of a clip, both without the zeros that some copies put before the 1.

    Args:
      name: the clip's name.
      subject: 's1', 's01', '1' or 1, as said beside the name.
      emotion: the label said beside the name.

    Raises:
      DataError: it is no clip's name, or names another subject or label than is said beside it.
    """
    parts = re.fullmatch(CLIP, name, re.IGNORECASE)
    if not parts:
        raise DataError(f"{name!r} is not a clip's name, such as s1_ne_01")
    number, label = int(parts[1]), LABELS[parts[2].lower()]
    if str(subject).lower().removeprefix("s").lstrip("0") != str(number):
        raise DataError(f"{name} is listed under subject {subject!r}; correct one of the two")
    if emotion.lower() != label:
        raise DataError(
            f"{name} is labelled {emotion!r}, but its name says {label!r}; correct one of the two"
        )
    return f"s{number}", f"s{number}_{parts[2].lower()}_{parts[3]}"
