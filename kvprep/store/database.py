"""The index's file: opened with a journal that is safe, thrown away when it is damaged, and its errors named.

What stands in it is in `index.py`, its tables in `migrations.py`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlite_utils

from kvprep.errors import StoreError, StoreFull
from kvprep.store.layout import FREE_SPACE
from kvprep.store.migrations import check_schema, prepare

BUSY_SECONDS = 30
DAMAGED = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a damaged file ends in: an error of SQLite's, or of Python's, where SQLite's quotes what is no text."""
# WAL databases can be corrupted by concurrent checkpointing before these releases: sqlite.org/releaselog/3_51_3.html
WAL_SAFE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Tell whether this SQLite may use a write-ahead log with several processes."""
    if version >= WAL_SAFE[0]:
        return True
    return any(version[:2] == fixed[:2] and version >= fixed for fixed in WAL_SAFE[1:])


def sqlite_version() -> str:
    """Name the SQLite that is in use."""
    return sqlite3.sqlite_version


def journal_mode() -> str:
    """Choose the journal that is safe here: a write-ahead log lets readers and writers not wait for one another."""
    return "WAL" if wal_is_safe(sqlite3.sqlite_version_info) else "TRUNCATE"


def open_database(path: Path) -> sqlite_utils.Database:
    """Open a database file of the store with the journal that is safe here; made with mode 0600."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA journal_mode={journal_mode()}")
        connection.execute("PRAGMA synchronous=NORMAL")
    except DAMAGED:
        connection.close()
        raise
    return sqlite_utils.Database(connection)


def entry_rows(path: Path) -> list[bytes]:
    """Read the ids of all entries in an index that may be damaged, and change nothing but what a kill left half done.

    Read-only, SQLite could not take back a transaction that a killed process had begun, and would call it damage.

    Raises:
        StoreError: it is no index of this version.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)) as connection:
            check_schema(connection)
            return [bytes(row[0]) for row in connection.execute("SELECT id FROM entries")]
    except (sqlite3.DatabaseError, TypeError, ValueError) as error:
        raise StoreError(f"{path.name}: {error}") from error


class Index:
    """The index of one store: rows of all its namespaces."""

    def __init__(self, path: Path) -> None:
        """Open the index; one that is damaged or of another version is thrown away, since it can be built again."""
        self._path = path
        try:
            self._open()
        except sqlite3.OperationalError as error:
            raise StoreError(f"{path}: {error}", hint="Another process may hold it; try again.") from error
        except DAMAGED:
            for suffix in ("", "-journal", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            self._open()

    def _open(self) -> None:
        database = open_database(self._path)
        try:
            prepare(database.conn)
        except DAMAGED:
            database.close()
            raise
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Group writes; all of them or none."""
        with self._errors():
            self._database.conn.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.conn.execute("COMMIT")
            except BaseException:
                if self._database.conn.in_transaction:  # a full disk ends it by itself
                    self._database.conn.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DAMAGED as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise StoreFull(f"{self._path}: no space left on the device", hint=FREE_SPACE) from error
            raise StoreError(
                f"{self._path}: {error}", hint="Delete index.sqlite; `kvprep verify --rebuild-index` makes it again."
            ) from error

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self._errors():
            return self._database.conn.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Close the file."""
        self._database.close()
