"""What the workbooks of most corpora say of a clip; cells may be anything a copy may hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of a workbook."""

    subject: object
    clip: object
    onset: object
    apex: object
    offset: object
    aus: object
    emotion: object
