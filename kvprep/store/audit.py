"""The audit log: who looked up, loaded, wrote or removed what, in a chain that shows what is missing.

Each record's MAC covers the one before it, so a record that was changed, left out, put in or moved breaks the chain.
A tail that was cut off shows against the head that this machine remembers, or against a checkpoint kept elsewhere.

Source: docs/format.md, "Audit".
"""

import os
import pwd
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kvprep.errors import StoreError, StoreFull
from kvprep.hashing import keyed_id
from kvprep.store.database import DAMAGED, open_database
from kvprep.store.grouping import Groups
from kvprep.store.layout import FREE_SPACE

FIRST_MAC = bytes(32)
_TABLE = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, principal TEXT NOT NULL, verb TEXT NOT NULL,
    outcome TEXT NOT NULL, namespace BLOB NOT NULL, subject BLOB NOT NULL, tokens INTEGER NOT NULL, mac BLOB NOT NULL
)
"""
_TYPES = [int, int, str, str, str, bytes, bytes, int, bytes]
_KEEP = "Keep the file aside for whoever audits it; a new log begins when it is gone."
_COLUMNS = "seq, at_us, principal, verb, outcome, namespace, subject, tokens, mac"


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that somebody did, or tried."""

    at_us: int
    """Microseconds since 1970, by the clock of who wrote it."""
    principal: str
    """Who: the user of the operating system and the label of the key, or what a server says."""
    verb: str
    """Open, list, look-up, load, shadow, read, write, invalidate, evict, gc, or a command on keys or namespaces."""
    outcome: str
    """How it went: done, denied, absent, the result of a look-up or check, or why something was evicted."""
    namespace: bytes = b""
    """Its id; empty: the whole store. Of one that the holder's key does not open: an id that is nobody's."""
    subject: bytes = b""
    """Keyed id of a document, or of an entry that did not open when it was removed; or name of a slot. Never text, nor
    a hash that would confirm a guessed text."""
    tokens: int = 0
    seq: int = 0
    """Its number, from 1."""
    mac: bytes = b""


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of a log: enough to notice that something before or after it has been taken away."""

    seq: int = 0
    mac: bytes = FIRST_MAC


def record_mac(audit_key: bytes, before: bytes, record: Record) -> bytes:
    """Authenticate a record at its place behind the record whose MAC is `before`."""
    numbers = (n.to_bytes(8, "little", signed=True) for n in (record.seq, record.at_us, record.tokens))
    texts = (record.principal.encode(), record.verb.encode(), record.outcome.encode())
    return keyed_id(audit_key, "audit", before, *numbers, *texts, record.namespace, record.subject)


def system_user() -> str:
    """Name the user of this process, or his number where he has no name."""
    with suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(os.geteuid())


class Audit:
    """The log of one store, written by one holder; may be used by several threads."""

    def __init__(self, path: Path, audit_key: bytes, principal: str) -> None:
        """Open the file, made where it is missing.

        Raises:
            StoreError: it is damaged, or may not be written. Nothing is written over it: what it still says may be
                needed.
        """
        self._path, self._key, self._principal = path, audit_key, principal
        self._groups: Groups[Record, Head] = Groups(self._write, self._fail)
        self._failure: StoreError | None = None
        self._lock = threading.Lock()
        try:
            self._database = open_database(path).conn
            # A record that was committed survives a power cut; the other databases can be built again, or do without.
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute(_TABLE)
        except DAMAGED as error:
            raise self._error(error) from error
        except OSError as error:
            hint = "Every use of a store is noted there: whoever uses it must be able to write in its folder."
            raise StoreError(f"{path}: {error.strerror}", hint=hint) from error

    def record(self, verb: str, outcome: str, *, namespace: bytes = b"", subject: bytes = b"", tokens: int = 0) -> None:
        """Note one thing that was done or refused; written within a second, and at the end.

        Raises:
            StoreError: an earlier record could not be written. Nothing goes on unrecorded.
        """
        self._raise_failure()
        self._groups.add(Record(time.time_ns() // 1000, self._principal, verb, outcome, namespace, subject, tokens))

    def flush(self) -> Head:
        """Write what was noted, in one transaction; return the head of the log.

        Raises:
            StoreError: it cannot be written.
        """
        self._raise_failure()
        return self._groups.flush()

    def _fail(self, error: StoreError) -> None:
        self._failure = error

    def _write(self, group: Sequence[Record]) -> Head:
        try:
            with self._lock:
                self._database.execute("BEGIN IMMEDIATE")  # other processes append to the same chain
                try:
                    head = self._append(self._head(), group)
                    self._database.execute("COMMIT")
                except BaseException:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
                    raise
        except DAMAGED as error:
            raise self._error(error) from error
        return head

    def _append(self, head: Head, group: Sequence[Record]) -> Head:
        for pending in group:
            record = replace(pending, seq=head.seq + 1)
            head = Head(record.seq, record_mac(self._key, head.mac, record))
            row = (record.seq, record.at_us, record.principal, record.verb, record.outcome, record.namespace)
            sql = f"INSERT INTO records ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            self._database.execute(sql, (*row, record.subject, record.tokens, head.mac))
        return head

    def _head(self) -> Head:
        row = self._database.execute("SELECT seq, mac FROM records ORDER BY seq DESC LIMIT 1").fetchone()
        if row is None:
            return Head()
        if [*map(type, row)] != [int, bytes]:  # SQLite keeps whatever a hand put there
            raise StoreError(f"{self._path}: record {row[0]} is none", hint=_KEEP)
        return Head(*row)

    def records(self, *, since: float = 0.0, principal: str | None = None) -> Iterator[Record]:
        """Records from `since` (seconds since 1970) on, oldest first; of one principal, or of all.

        Raises:
            StoreError: the file is damaged.
        """
        self.flush()
        sql = f"SELECT {_COLUMNS} FROM records WHERE at_us >= ?1 AND (?2 IS NULL OR principal = ?2) ORDER BY seq"
        try:
            for row in self._database.execute(sql, (int(since * 1e6), principal)):
                yield self._record_of(row)
        except DAMAGED as error:
            raise self._error(error) from error

    def holds(self, head: Head) -> bool:
        """Tell whether the log still has the record that once was its last.

        Raises:
            StoreError: the file is damaged.
        """
        if not head.seq:
            return True
        return self._ask("SELECT mac FROM records WHERE seq = ?", head.seq) == head.mac

    def last_at(self, verb: str | None = None) -> float | None:
        """Seconds since 1970 of the youngest record that is written, or the youngest with this verb; None without one.

        Raises:
            StoreError: the file is damaged.
        """
        at_us = self._ask("SELECT max(at_us) FROM records WHERE ?1 IS NULL OR verb = ?1", verb)
        return at_us / 1e6 if isinstance(at_us, int) else None

    def _ask(self, sql: str, parameter: object) -> object:
        try:
            with self._lock:
                row = self._database.execute(sql, (parameter,)).fetchone()
        except DAMAGED as error:
            raise self._error(error) from error
        return row[0] if row else None

    def _record_of(self, row: tuple[Any, ...]) -> Record:
        # SQLite keeps whatever was put into a column, and a hand may have put anything.
        if [type(value) for value in row] != _TYPES:
            raise StoreError(f"{self._path}: record {row[0]} is none", hint=_KEEP)
        seq, at_us, principal, verb, outcome, namespace, subject, tokens, mac = row
        return Record(at_us, principal, verb, outcome, namespace, subject, tokens, seq, mac)

    def close(self) -> Head | None:
        """Write what is left and close the file; return the head of the log, None where nothing was noted."""
        try:
            self._raise_failure()
            return self._groups.flush() if len(self._groups) else None
        finally:
            with self._lock:
                self._database.close()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _error(self, error: Exception) -> StoreError:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return StoreFull(f"{self._path}: no space left on the device", hint=FREE_SPACE)
        return StoreError(f"{self._path}: {error}", hint=_KEEP)
