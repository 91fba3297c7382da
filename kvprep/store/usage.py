"""Counters of look-ups and what they saved, in a database of its own: written by reads, and not to be built again."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvprep.errors import StoreError
from kvprep.store.database import DAMAGED, open_database

_TABLE = """
CREATE TABLE IF NOT EXISTS lookups (
    at REAL NOT NULL, namespace TEXT NOT NULL, model TEXT NOT NULL, result TEXT NOT NULL,
    tokens_requested INTEGER NOT NULL, tokens_reused INTEGER NOT NULL,
    load_seconds REAL NOT NULL, first_token_seconds REAL NOT NULL,
    saved_seconds REAL NOT NULL, saved_flops REAL NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Lookup:
    """One look-up: `result` is hit, partial, or the reason of a miss (`absent` is counted as miss)."""

    namespace: str
    model: str
    result: str
    tokens_requested: int = 0
    tokens_reused: int = 0
    load_seconds: float = 0.0
    first_token_seconds: float = 0.0
    saved_seconds: float = 0.0
    saved_flops: float = 0.0


class Usage:
    """The look-ups of one store."""

    def __init__(self, path: Path) -> None:
        """Open the file, made where it is missing.

        Raises:
            StoreError: it is damaged. Unlike the index it cannot be built again, so it is never thrown away.
        """
        self._path = path
        try:
            self._database = open_database(path)
            self._database.conn.execute(_TABLE)
        except DAMAGED as error:
            raise StoreError(f"{path}: {error}", hint="Move it away; the counts begin anew.") from error

    def record(self, lookup: Lookup) -> None:
        """Add one look-up, durable when this returns."""
        self._database.table("lookups").insert({"at": time.time(), **_row(lookup)})

    def lookups(self, namespace: str, *, since: float = 0.0) -> list[dict[str, Any]]:
        """Look-ups of a namespace from `since` on, oldest first."""
        table = self._database.table("lookups")
        return list(table.rows_where("namespace = ? AND at >= ?", [namespace, since], order_by="at"))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _row(lookup: Lookup) -> dict[str, Any]:
    return {name: getattr(lookup, name) for name in Lookup.__slots__}
