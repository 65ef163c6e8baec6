"""Who a row is about: a person is one subject, a clip has one row, and both names are safe.

Subjects and clips become folds, folders and tables, so that two spellings of one person would put
the same face into training and test.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from merclip_jax.errors import DataError
from merclip_jax.tfds_builders.cells import canonical
from merclip_jax.tfds_builders.records import Clip, Fault

NAME = r"\w(?:[\w .()+-]*[\w)])?"
LONGEST_NAME = 200  # bytes; a file's name may have 255


def check_names(subject: str, clip: str, clip_name: str) -> None:
    """Refuse names that cannot be those of folders.

    Raises:
      DataError: a name has signs beside letters, digits, blanks and `.()+-_`, or is too long.
    """
    for kind, name, allowed in (("subject", subject, NAME), ("clip", clip, clip_name)):
        if not re.fullmatch(allowed, name) or len(name.encode()) > LONGEST_NAME:
            raise DataError(
                f"the {kind}'s name {name[:80]!r} cannot be that of a folder; name it in letters, "
                "digits and underscores"
            )


def faults(named: Sequence[tuple[str, Clip, str]]) -> Iterator[Fault]:
    """Rows that name a person in another spelling than most rows do, or a clip once more.

    Args:
      named: (where, clip, what two rows of this clip share) of each row.
    """
    spellings: dict[str, Counter[str]] = {}
    for _, clip, _ in named:
        spellings.setdefault(canonical(clip.subject), Counter())[clip.subject] += 1
    first: dict[str, str] = {}
    for where, clip, same in named:
        (usual, _), *_ = spellings[canonical(clip.subject)].most_common(1)
        if clip.subject != usual:
            detail = f"subject {clip.subject!r} is {usual!r} elsewhere; write one person one way"
            yield Fault(where, "subject", detail)
        elif same in first:
            detail = f"{clip.clip_id} has a row already ({first[same]}); delete one of them"
            yield Fault(where, "duplicate", detail)
        else:
            first[same] = where
