"""What is told to people: each error says what was wrong, where, and the remedy."""

from collections.abc import Sequence
from typing import ClassVar


class ConfigError(ValueError):
    """A flag, a configuration field or a path that cannot be used as given."""

    exit_code: ClassVar[int] = 2


class DataError(ValueError):
    """Data that cannot be used as found.

    `faults` lists every fault that was found, one line each, so that one run shows them all.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, faults: Sequence[str] = ()):
        super().__init__(message)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        lines = [f"  - {fault}" for fault in self.faults[:20]]
        if len(self.faults) > len(lines):
            lines.append(f"  ... and {len(self.faults) - len(lines)} more")
        return "\n".join([super().__str__(), *lines])


class RunError(RuntimeError):
    """What neither the configuration nor the data can help: the machine, or our own fault."""

    exit_code: ClassVar[int] = 1
