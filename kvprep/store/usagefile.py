"""The file usage.sqlite: its tables, and what an older kvprep left in it.

Numbers are whole, seconds as microseconds and FLOPs as millions, so that sums do not depend on the order of adding.
An event is in `events`, or in one row of `sums`: an hour's, or a day's.

Source: docs/format.md, "Usage".
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from kvprep.errors import StoreError
from kvprep.store.database import BUSY_SECONDS, DAMAGED, open_database
from kvprep.store.events import Event, EventKind, bucket_of

VERSION = 1
GROUPING = ("kind", "namespace", "model", "document", "principal", "result")
NUMBERS = (
    "count",
    "tokens_requested",
    "tokens_reused",
    "num_bytes",
    "load_us",
    "first_token_us",
    "prefill_us",
    "saved_us",
    "saved_mflop",
)
LATENCIES = {"load": "load_us", "first_token": "first_token_us"}
_MEND = "Move it away; the counts begin anew."

_TEXTS = ", ".join(f"{name} TEXT NOT NULL" for name in GROUPING)
_INTEGERS = ", ".join(f"{name} INTEGER NOT NULL" for name in NUMBERS)
_TABLES = (
    f"CREATE TABLE events (number INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, {_TEXTS}, {_INTEGERS}, "
    "load_bucket INTEGER, first_token_bucket INTEGER) STRICT",
    f"CREATE TABLE sums (seconds INTEGER NOT NULL, start INTEGER NOT NULL, {_TEXTS}, events INTEGER NOT NULL, "
    f"last_us INTEGER NOT NULL, {_INTEGERS}, PRIMARY KEY (seconds, start, {', '.join(GROUPING)})) "
    "STRICT, WITHOUT ROWID",
    "CREATE TABLE latencies (seconds INTEGER NOT NULL, start INTEGER NOT NULL, what TEXT NOT NULL, "
    "namespace TEXT NOT NULL, bucket INTEGER NOT NULL, count INTEGER NOT NULL, total_us INTEGER NOT NULL, "
    "PRIMARY KEY (seconds, start, what, namespace, bucket)) STRICT, WITHOUT ROWID",
    "CREATE TABLE marks (name TEXT PRIMARY KEY, at_us INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)
_INDEX = "CREATE INDEX events_at ON events (at_us)"
_COLUMNS = ("at_us", *GROUPING, *NUMBERS, "load_bucket", "first_token_bucket")
_INSERT = f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_OLD_COLUMNS = (
    "namespace",
    "model",
    "result",
    "tokens_requested",
    "tokens_reused",
    "load_seconds",
    "first_token_seconds",
    "saved_seconds",
    "saved_flops",
)


def open_usage(path: Path) -> sqlite3.Connection:
    """Open the file, made where it is missing; what an older kvprep counted is taken over.

    Raises:
        StoreError: it is damaged, or a newer kvprep's. Unlike the index it cannot be built again, so it is never thrown
            away.
    """
    with naming_errors(path):
        connection: sqlite3.Connection = open_database(path).conn
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def check_usage(path: Path) -> None:
    """Look whether the file is sound, and change nothing but what a kill left half done.

    Raises:
        StoreError: it is damaged, or a newer kvprep's.
    """
    with naming_errors(path), closing(_connected(path)) as connection:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        if _version(connection):  # else it is an older kvprep's, or has nothing in it
            _check_tables(connection)


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)


@contextmanager
def naming_errors(path: Path) -> Iterator[None]:
    """Name the file, and what mends it, where SQLite or the disk fails."""
    try:
        yield
    except (*DAMAGED, OSError) as error:
        raise StoreError(f"{path}: {error}", hint=_MEND) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of it or nothing; other processes wait meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk ends it by itself
            connection.execute("ROLLBACK")
        raise


def insert_events(connection: sqlite3.Connection, events: Sequence[tuple[float, Event]], principal: str = "") -> None:
    """Add events with their times, in seconds since 1970; inside a transaction.

    `principal` is noted where an event names none.
    """
    connection.executemany(_INSERT, [_row(at, event, principal) for at, event in events])


def mark(connection: sqlite3.Connection, name: str, at: float) -> None:
    """Note when something was done last, in seconds since 1970."""
    connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, _us(at)))


def marked_at(connection: sqlite3.Connection, name: str) -> float | None:
    """Tell when something was done last, in seconds since 1970; None: never."""
    row = connection.execute("SELECT at_us FROM marks WHERE name = ?", (name,)).fetchone()
    return row[0] / 1e6 if row else None


def _prepare(connection: sqlite3.Connection) -> None:
    if not _version(connection):
        with transaction(connection):
            if not _version(connection):  # still: another process may have made them meanwhile
                for statement in (*_TABLES, _INDEX, f"PRAGMA user_version = {VERSION}"):
                    connection.execute(statement)
                _take_over(connection)
    _check_tables(connection)


def _check_tables(connection: sqlite3.Connection) -> None:
    if _version(connection) != VERSION:
        raise sqlite3.DatabaseError(f"version {_version(connection)}, this kvprep knows {VERSION}")
    # A hand may have put other tables there, whose columns hold anything.
    with closing(connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table'")) as rows:
        if not {str(row[0]) for row in rows}.issuperset(_TABLES):
            raise sqlite3.DatabaseError("not the tables of this version")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _take_over(connection: sqlite3.Connection) -> None:
    """Make events of the look-ups that kvprep counted before there were events."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'lookups'").fetchone():
        return
    rows = connection.execute(f"SELECT at, {', '.join(_OLD_COLUMNS)} FROM lookups")
    insert_events(connection, [found for row in rows if (found := _old_event(row)) is not None])
    connection.execute("DROP TABLE lookups")


def _old_event(row: Sequence[Any]) -> tuple[float, Event] | None:
    """Read a row of the old table, whose columns may hold anything; None where it is no look-up."""
    try:
        event = Event(EventKind.LOOK_UP, **dict(zip(_OLD_COLUMNS, row[1:], strict=True)))
        _row(float(row[0]), event, "")
    except (TypeError, ValueError, OverflowError):
        return None
    return float(row[0]), event


def _row(at: float, event: Event, principal: str) -> tuple[int | str | None, ...]:
    load, first_token = _us(event.load_seconds), _us(event.first_token_seconds)
    return (
        _us(at),
        str(event.kind),
        event.namespace,
        event.model,
        event.document,
        event.principal or principal,
        event.result,
        int(event.count),
        int(event.tokens_requested),
        int(event.tokens_reused),
        int(event.num_bytes),
        load,
        first_token,
        _us(event.prefill_seconds),
        _us(event.saved_seconds),
        round(event.saved_flops / 1e6),
        bucket_of(load),
        bucket_of(first_token),
    )


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
