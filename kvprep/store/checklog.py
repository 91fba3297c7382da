"""When each file was looked at last, and whether it was sound, so that a long check can be spread over nights.

Names of files and times, nothing else. To lose it means to check again.
"""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from kvprep.store.database import DAMAGED, open_database

_TABLE = """
CREATE TABLE IF NOT EXISTS checks (
    level TEXT, subject TEXT, at REAL NOT NULL, is_sound INTEGER NOT NULL, PRIMARY KEY (level, subject)
)
"""
_GROUP = 32


class CheckLog:
    """The log of one store, at one level; a context manager. Where it cannot be written, it remembers nothing."""

    def __init__(self, path: Path, level: str) -> None:
        """Open the file, made where it is missing, and made anew where it is damaged."""
        self._level = level
        self._pending: list[tuple[str, str, float, bool]] = []
        try:
            self._connection: sqlite3.Connection | None = _opened(path)
        except (*DAMAGED, OSError):
            self._connection = None

    def last(self) -> dict[str, tuple[float, bool]]:
        """When each subject was looked at last, in seconds since 1970, and whether it was sound."""
        if self._connection is None:
            return {}
        sql = "SELECT subject, at, is_sound FROM checks WHERE level = ?"
        try:
            rows = self._connection.execute(sql, (self._level,)).fetchall()
            return {str(subject): (float(at), bool(is_sound)) for subject, at, is_sound in rows}
        except (sqlite3.Error, TypeError, ValueError):  # damaged, or edited by hand
            return {}

    def note(self, subject: str, *, is_sound: bool) -> None:
        """Note that a subject has been looked at."""
        self._pending.append((self._level, subject, time.time(), is_sound))
        if len(self._pending) >= _GROUP:
            self._write()

    def keep(self, subjects: Iterable[str]) -> None:
        """Forget all other subjects: their files are gone."""
        self._write()
        if self._connection is not None:
            gone = self.last().keys() - set(subjects)
            parameters = [(self._level, subject) for subject in gone]
            self._change("DELETE FROM checks WHERE level = ? AND subject = ?", parameters)

    def _write(self) -> None:
        self._change("INSERT OR REPLACE INTO checks VALUES (?, ?, ?, ?)", self._pending)
        self._pending.clear()

    def _change(self, sql: str, rows: Sequence[tuple[str | float, ...]]) -> None:
        if self._connection is None or not rows:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(sql, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error:  # a full disk, or one that may not be written to: the check counts all the same
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def __enter__(self) -> "CheckLog":
        """Use as a context."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Write what is left, and close the file."""
        self._write()
        if self._connection is not None:
            self._connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _with_table(path)
    except sqlite3.OperationalError:  # busy, or not to be written to
        raise
    except DAMAGED:
        for suffix in ("", "-journal", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _with_table(path)


def _with_table(path: Path) -> sqlite3.Connection:
    connection: sqlite3.Connection = open_database(path).conn
    try:
        connection.execute("PRAGMA synchronous=OFF")  # after a power cut it is made anew, if need be
        connection.execute(_TABLE)
    except DAMAGED:
        connection.close()
        raise
    return connection
