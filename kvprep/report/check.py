"""Whether what the cache gave was right, as `kvprep stats --check` asks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kvprep.report.failures import failed_documents
from kvprep.report.stock import Stock
from kvprep.store.usage import EventKind, Sum


@dataclass(frozen=True, slots=True)
class Wrong:
    """What must not have happened, with the documents that it happened to."""

    damaged: list[str]
    """Look-ups found them damaged."""
    differing: list[str]
    """Computed again, they came out differently."""
    stale: list[str]
    """Served although their source had changed."""


def find_wrong(sums: Iterable[Sum], stocks: Sequence[Stock]) -> Wrong:
    """Look for what must not have happened among the sums of events."""
    rows = list(sums)
    return Wrong(
        damaged=failed_documents(rows, stocks, EventKind.LOOK_UP, ("corrupt",)),
        differing=failed_documents(rows, stocks, EventKind.SHADOW, ("differs",)),
        stale=failed_documents(rows, stocks, EventKind.SHADOW, ("stale",)),
    )
