"""Whether the index says what the files say.

Rows that are missing, left over or out of date are what a kill between two steps leaves, and harmless. Rows that this
store never wrote are damage.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kvprep.errors import StoreError
from kvprep.store.database import Index
from kvprep.store.findings import REBUILD, Tally
from kvprep.store.index import Snapshot
from kvprep.store.namespace import Namespace

KEY_COLUMNS = {"documents": 1, "entries": 1, "models": 1, "sources": 1, "stretches": 2, "blocks": 2, "tails": 3}
_SUBJECT = "index.sqlite"


def check_index(namespace: Namespace, tally: Tally) -> None:
    """Compare the rows of a namespace with those of a rebuild."""
    if tally.is_damaged(_SUBJECT) or not (namespace.store.path / _SUBJECT).exists():
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            scratch = Index(Path(folder) / _SUBJECT)
            try:
                present, fresh = namespace.compare_index(scratch)
            finally:
                scratch.close()
    except StoreError as error:
        tally.failed(_SUBJECT, error, REBUILD)
        return
    tally.checked["rows"] += sum(len(rows) for rows in present.values())
    for problem in _contradictions(present, fresh):
        tally.error(_SUBJECT, f"namespace {namespace.name}: {problem}", REBUILD)
    if present != fresh:
        different = sum(len(present[table] ^ fresh[table]) for table in KEY_COLUMNS)
        tally.info(_SUBJECT, f"namespace {namespace.name}: {different} rows missing, left over or out of date", REBUILD)


def _contradictions(present: Snapshot, fresh: Snapshot) -> Iterator[str]:
    if present["document rows"] != _keys(present, "documents") or _keys(present, "models") != _keys(present, "entries"):
        yield "a row does not open"
    for table, known in (("sources", _sources), ("models", _models)):
        # What the sealed row beside it says is what was written: an older state of a file, not somebody's edit.
        if not present[table] <= fresh[table] | known(present) | known(fresh):
            yield f"a row of {table} was never written by this store"
    for table in ("stretches", "blocks", "tails"):
        there = dict(_split(fresh, table))
        if any(there.get(key, rest) != rest for key, rest in _split(present, table)):
            yield f"a row of {table} contradicts the entries"


def _keys(rows: Snapshot, table: str) -> set[tuple[Any, ...]]:
    return {key for key, _ in _split(rows, table)}


def _split(rows: Snapshot, table: str) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    count = KEY_COLUMNS[table]
    for row in rows[table]:
        yield row[:count], row[count:]


def _sources(rows: Snapshot) -> set[tuple[Any, ...]]:
    """Rows of sources that follow from the sealed rows of documents."""
    found = set()
    for ident, text in rows["documents"]:
        facts = json.loads(text)
        for row in facts["rows"]:
            found.add((*(None if cell is None else bytes.fromhex(cell) for cell in row), ident))
    return found


def _models(rows: Snapshot) -> set[tuple[Any, ...]]:
    """Rows of models that follow from the sealed rows of entries."""
    found = set()
    for ident, text in rows["entries"]:
        facts = json.loads(text)
        found.add((ident, bytes.fromhex(facts["document_id"]), bytes.fromhex(facts["model_id"]), facts["expires_at"]))
    return found
