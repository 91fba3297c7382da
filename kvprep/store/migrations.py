"""The tables of index.sqlite. A change of any raises SCHEMA_VERSION; an index of another version is built anew."""

import sqlite3

SCHEMA_VERSION = 5

TABLES = """
CREATE TABLE namespaces (
    id BLOB PRIMARY KEY                -- present once this namespace's rows have been built
) WITHOUT ROWID;
CREATE TABLE documents (
    id BLOB PRIMARY KEY, namespace BLOB NOT NULL, sealed BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE sources (
    namespace BLOB NOT NULL, path BLOB NOT NULL,           -- keyed ids: a path, a state and a reading tell nothing
    file BLOB NOT NULL, state BLOB, reading BLOB NOT NULL, document BLOB NOT NULL,
    PRIMARY KEY (namespace, path)
) WITHOUT ROWID;
CREATE INDEX sources_file ON sources (file);
CREATE INDEX sources_document ON sources (document);
CREATE TABLE deferred (
    document BLOB NOT NULL, model BLOB NOT NULL, namespace BLOB NOT NULL,
    PRIMARY KEY (document, model)
) WITHOUT ROWID;
CREATE TABLE entries (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, namespace BLOB NOT NULL, document BLOB NOT NULL,
    model BLOB NOT NULL, expires_at REAL, sealed BLOB NOT NULL
);
CREATE INDEX entries_document ON entries (document);
CREATE TABLE segments (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, namespace BLOB NOT NULL
);
CREATE TABLE stretches (
    segment INTEGER NOT NULL, entry INTEGER NOT NULL, last_block INTEGER NOT NULL,
    PRIMARY KEY (segment, entry)
) WITHOUT ROWID;
CREATE INDEX stretches_entry ON stretches (entry);
CREATE TABLE blocks (
    hash BLOB NOT NULL, segment INTEGER NOT NULL, position INTEGER NOT NULL,   -- position: number in its prefix
    PRIMARY KEY (hash, segment)
) WITHOUT ROWID;
CREATE INDEX blocks_segment ON blocks (segment);
CREATE TABLE tails (
    parent BLOB NOT NULL, hash BLOB NOT NULL, tokens INTEGER NOT NULL, segment INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (parent, hash, segment)
) WITHOUT ROWID;
CREATE INDEX tails_segment ON tails (segment);
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty database.

    Raises:
        sqlite3.DatabaseError: it holds another schema, or is no database.
    """
    if _is_empty(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _is_empty(connection):  # still: another process may have made them meanwhile
                for statement in (*TABLES.split(";"), f"PRAGMA user_version = {SCHEMA_VERSION}"):
                    connection.execute(statement)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    check_schema(connection)


def _is_empty(connection: sqlite3.Connection) -> bool:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    return version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone()


def check_schema(connection: sqlite3.Connection) -> None:
    """Refuse, with sqlite3.DatabaseError, what is no index of this version or is damaged."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"schema version {version}")
