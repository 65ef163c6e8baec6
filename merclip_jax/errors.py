"""What can be the user's to mend: each error says what was wrong, where, and the remedy."""

from collections.abc import Sequence


class ConfigError(ValueError):
    """A flag, a configuration field or a path that cannot be used as given (exit code 2)."""


class DataError(ValueError):
    """Data that cannot be used as found (exit code 3).

    `faults` lists every fault that was found, one line each, so that one run shows them all.
    """

    def __init__(self, message: str, faults: Sequence[str] = ()):
        super().__init__(message)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        shown = [f"  - {fault}" for fault in self.faults[:20]]
        if len(self.faults) > len(shown):
            shown.append(f"  ... and {len(self.faults) - len(shown)} more")
        return "\n".join([super().__str__(), *shown])
