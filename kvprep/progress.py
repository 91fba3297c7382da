"""How a long operation tells of its progress; silent unless somebody listens."""

from typing import Protocol


class Progress(Protocol):
    """Receives progress; the command line draws it, a test records it."""

    def start(self, stage: str, total: int | None, unit: str) -> None:
        """Begin `stage`, of `total` `unit`s (None: unknown)."""

    def advance(self, stage: str, amount: int) -> None:
        """Count `amount` more units of `stage` as done."""

    def finish(self, stage: str) -> None:
        """End `stage`."""


class Silent:
    """A Progress that says nothing."""

    def start(self, stage: str, total: int | None, unit: str) -> None:
        """Do nothing."""

    def advance(self, stage: str, amount: int) -> None:
        """Do nothing."""

    def finish(self, stage: str) -> None:
        """Do nothing."""
