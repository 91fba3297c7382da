"""What a store was used for, in a database of its own: written by reads, and not to be built again.

Nobody waits for it, and nothing fails because of it: where it is damaged, answers go on uncounted.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal, TypeVar

from kvprep.errors import StoreError
from kvprep.store import usagesums
from kvprep.store.events import HITS, Event, EventKind, Histogram, Reads, Sum, merged
from kvprep.store.grouping import Groups
from kvprep.store.usagefile import insert_events, mark, marked_at, naming_errors, open_usage, transaction

__all__ = ["HITS", "Event", "EventKind", "Histogram", "Reads", "Sum", "Usage"]

_SUCCESS = "success"
_MOST_PENDING = 10_000
"""Events that wait for a file that cannot be written, some 2 MB; more are not counted."""
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Usage:
    """The events of one store; may be used by several threads, and beside other processes."""

    def __init__(self, path: Path, principal: str = "") -> None:
        """Prepare; the file is opened, and made where it is missing, when it is first written or read.

        Args:
            path: the file.
            principal: who is noted where an event does not say.
        """
        self._path, self._principal = path, principal
        self._connection: sqlite3.Connection | None = None
        self._using = threading.RLock()
        self._groups: Groups[tuple[float, Event], None] = Groups(self._write, self._warn)
        self._has_warned = False
        self._compaction_due = 0.0

    def record(self, event: Event, *, at: float | None = None) -> None:
        """Note what happened; takes microseconds, and is written within a second, by `flush`, and by `close`.

        Args:
            event: what.
            at: when, in seconds since 1970; None: now.
        """
        if len(self._groups) < _MOST_PENDING:
            self._groups.add((time.time() if at is None else at, event))

    def succeeded(self, *, at: float | None = None) -> None:
        """Note at once that an ingest or a verify has ended well; `at` in seconds since 1970, now by default."""
        try:
            self._use(lambda connection: mark(connection, _SUCCESS, time.time() if at is None else at))
        except StoreError as error:
            self._warn(error)

    def last_success(self) -> float | None:
        """Tell when an ingest or a verify ended well last, in seconds since 1970; None: never.

        Raises:
            StoreError: the file is damaged.
        """
        return self._use(lambda connection: marked_at(connection, _SUCCESS))

    def flush(self) -> None:
        """Write what was noted; what was written when this returns survives the death of the process.

        Where that cannot be it is kept for the next time, and said once in the log.
        """
        try:
            self._groups.flush()
        except StoreError as error:
            self._warn(error)

    def sums(self, *, since: float = 0.0, namespace: str | None = None) -> list[Sum]:
        """Add events up that differ in nothing but time and numbers, oldest first.

        Args:
            since: seconds since 1970; a period that began before it, and ends after it, counts as a whole.
            namespace: hex of its id; None: all.

        Raises:
            StoreError: the file is damaged.
        """
        return self._read(lambda c: usagesums.read_sums(c, since, None if namespace is None else [namespace]))

    def latency(
        self, what: Literal["load", "first_token"], *, since: float = 0.0, namespaces: Sequence[str] | None = None
    ) -> Histogram:
        """Say how long loads took, or the way to the first token.

        Args:
            what: load, or first_token.
            since: seconds since 1970, as of `sums`.
            namespaces: hex of their ids; None: all.

        Raises:
            StoreError: the file is damaged.
        """
        return merged(self.latency_by_day(what, since=since, namespaces=namespaces).values())

    def latency_by_day(
        self, what: Literal["load", "first_token"], *, since: float = 0.0, namespaces: Sequence[str] | None = None
    ) -> dict[str, Histogram]:
        """Do as `latency` does, for each day in UTC that has any, by its date (2026-11-25)."""
        return self._read(lambda c: usagesums.read_latencies(c, what, since, namespaces))

    def reads(self, *, namespace: str, since: float = 0.0) -> dict[str, Reads]:
        """Add the look-ups of a namespace up, by the hex of the document's keyed id.

        Raises:
            StoreError: the file is damaged.
        """
        return usagesums.reads_of(self.sums(since=since, namespace=namespace))

    def recent(
        self,
        *,
        kinds: Sequence[EventKind] = tuple(EventKind),
        results: Sequence[str] | None = None,
        since: float = 0.0,
        limit: int = 100,
    ) -> list[tuple[float, Event]]:
        """Give events of the last week with their times in seconds since 1970, youngest first.

        Raises:
            StoreError: the file is damaged.
        """
        return self._read(lambda c: usagesums.read_events(c, kinds, results, since, limit))

    def compact(self, now: float) -> None:
        """Add up what is older than a week by the hour, and what is older than 90 days by the day.

        No total changes. Whoever writes events does it once an hour.

        Args:
            now: seconds since 1970.

        Raises:
            StoreError: the file is damaged.
        """
        self._use(lambda connection: usagesums.compact(connection, now))

    def close(self) -> None:
        """Write what is left, and close the file, once nobody writes any more."""
        self.flush()
        with self._using:
            self._disconnect()

    def _read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        self.flush()
        return self._use(ask)

    def _use(self, do: Callable[[sqlite3.Connection], T]) -> T:
        with self._using, naming_errors(self._path):
            if self._connection is None:
                self._connection = open_usage(self._path)
            try:
                return do(self._connection)
            except BaseException:
                self._disconnect()  # the file may be moved away, or mended, before it is needed again
                raise

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error), closing(self._connection):
                self._connection = None

    def _write(self, group: Sequence[tuple[float, Event]]) -> None:
        if not group:
            return
        self._use(lambda connection: self._insert(connection, group))
        if time.monotonic() >= self._compaction_due:
            self._compaction_due = time.monotonic() + usagesums.HOUR_SECONDS
            try:
                self._use(lambda connection: usagesums.compact_if_due(connection, time.time()))
            except StoreError as error:  # the group is written all the same, and must not be written again
                self._warn(error)

    def _insert(self, connection: sqlite3.Connection, group: Sequence[tuple[float, Event]]) -> None:
        with transaction(connection):
            insert_events(connection, group, self._principal)

    def _warn(self, error: StoreError) -> None:
        if not self._has_warned:
            self._has_warned = True
            _log.warning("look-ups are not counted: %s. %s", error, error.hint)
