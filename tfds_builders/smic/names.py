"""What the name of a SMIC clip says: 's1_ne_01' is the first negative clip of subject 1."""

import re

from merclip_jax.errors import DataError

SUBJECT = r"s\d+"
CLIP = r"s(\d+)_(ne|po|sur)_(\d+)"
LABELS = {"ne": "negative", "po": "positive", "sur": "surprise"}


def read(name: str, subject: str) -> tuple[str, str, str]:
    """('s1', 's1_ne_01', 'negative'), without the zeros that some copies put before the 1.

    Args:
      name: the clip's name.
      subject: 's1', 's01' or '1', as said beside the name; '' if it is not said.

    Raises:
      DataError: it is no clip's name, or names another subject than is said beside it.
    """
    parts = re.fullmatch(CLIP, name, re.IGNORECASE)
    if not parts:
        raise DataError(f"{name!r} is not a clip's name, such as s1_ne_01")
    own, code = f"s{int(parts[1])}", parts[2].lower()
    if subject and subject.lower().removeprefix("s").lstrip("0") != own[1:]:
        raise DataError(f"{name} is listed under subject {subject!r}; correct one of the two")
    return own, f"{own}_{code}_{int(parts[3]):02d}", LABELS[code]
