"""The rows of the index: how they are put, and taken away.

They hold keyed ids and sealed facts only. Source: docs/format.md, "What a hit checks".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kvprep.store.database import Index
from kvprep.store.entry import DocumentRecord, EntryRecord, deferral_to_facts
from kvprep.store.keys import NamespaceKeys
from kvprep.store.rownames import RowNames
from kvprep.types import BlockHash, DocumentId, EntryId, SourceRecord


class IndexRows(RowNames):
    """The rows of one namespace, for who writes them; opened with its keys."""

    def __init__(self, index: Index, keys: NamespaceKeys) -> None:
        """Bind to a namespace."""
        super().__init__(keys)
        self._index = index

    @property
    def built(self) -> bool:
        """Whether this namespace's rows have been built since the index was made."""
        return bool(self._index.run("SELECT 1 FROM namespaces WHERE id = ?", (self._keys.ident,)))

    def forget(self) -> None:
        """Have the rows built anew before they are used again."""
        with self._index.transaction():
            self._index.run("DELETE FROM namespaces WHERE id = ?", (self._keys.ident,))

    @contextmanager
    def rebuilding(self) -> Iterator[None]:
        """Replace all rows of the namespace by what is put inside the context."""
        ident = (self._keys.ident,)
        with self._index.transaction():
            numbers = "(SELECT number FROM segments WHERE namespace = ?)"
            for table in ("blocks", "tails", "stretches"):
                self._index.run(f"DELETE FROM {table} WHERE segment IN {numbers}", ident)
            for table in ("segments", "entries", "documents", "sources", "deferred"):
                self._index.run(f"DELETE FROM {table} WHERE namespace = ?", ident)
            # Rows that hang in the air, as after an edit by hand, would be caught by the next segment of that number.
            for table in ("blocks", "tails", "stretches"):
                self._index.run(f"DELETE FROM {table} WHERE segment NOT IN (SELECT number FROM segments)")
            self._index.run("DELETE FROM stretches WHERE entry NOT IN (SELECT number FROM entries)")
            yield
            self._index.run("INSERT OR REPLACE INTO namespaces VALUES (?)", ident)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Group writes; all of them or none."""
        with self._index.transaction():
            yield

    def put_document(self, document: DocumentRecord) -> None:
        """Insert or replace a document and its sources; inside a transaction."""
        ident = self.document_id(document.content_hash)
        facts = {
            "document": document.content_hash.hex(),
            "title": document.title,
            "version": document.version,
            "created_at": document.created_at,
            "sources": [s.path for s in document.sources],
            "hides_text": any(s.hides_text for s in document.sources),
            "documents_inside": {s.path: s.documents_inside for s in document.sources if s.documents_inside},
            "rows": [[None if cell is None else cell.hex() for cell in self._source_row(s)] for s in document.sources],
            "deferred": [deferral_to_facts(d) for d in document.deferred],
        }
        sealed = self._seal(ident, facts)
        self._index.run("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (ident, self._keys.ident, sealed))
        self._index.run("DELETE FROM sources WHERE namespace = ? AND document = ?", (self._keys.ident, ident))
        for source in document.sources:
            row = (self._keys.ident, *self._source_row(source), ident)
            self._index.run("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?)", row)
        self._index.run("DELETE FROM deferred WHERE document = ?", (ident,))
        for deferral in document.deferred:
            self._index.run("INSERT INTO deferred VALUES (?, ?, ?)", (ident, deferral.model, self._keys.ident))

    def _source_row(self, source: SourceRecord) -> tuple[bytes | None, ...]:
        reading = self.reading_id(
            source.canonicaliser, hides_text=source.hides_text, holds_documents=bool(source.documents_inside)
        )
        return self.path_id(source.path), self.path_id(source.file), self.state_id(source.state), reading

    def put_entry(self, ident: EntryId, entry: EntryRecord, hashes: Sequence[BlockHash], root: BlockHash) -> None:
        """Insert or replace an entry and the places of its blocks; inside a transaction."""
        self.remove_entry(ident)
        model = self.model_id(entry.model.fingerprint, entry.tags)
        facts = {
            "document": entry.document.hex(),
            "model": entry.model.name,
            "fingerprint": entry.model.fingerprint.hex(),
            "tokens": entry.num_tokens,
            "bytes": entry.kv_bytes,
            "block_size": entry.block_size,
            "prefill_seconds": entry.cost.seconds,
            "created_at": entry.created_at,
            "expires_at": entry.expires_at,
            "document_id": self.document_id(entry.document).hex(),
            "model_id": model.hex(),
        }
        row = (ident, self._keys.ident, self.document_id(entry.document), model)
        self._index.run(
            "INSERT INTO entries (id, namespace, document, model, expires_at, sealed) VALUES (?, ?, ?, ?, ?, ?)",
            (*row, entry.expires_at, self._seal(ident, facts)),
        )
        number = self._index.run("SELECT number FROM entries WHERE id = ?", (ident,))[0][0]
        for stretch in entry.stretches:
            segment = self._segment_number(stretch.segment)
            self._index.run("INSERT OR REPLACE INTO stretches VALUES (?, ?, ?)", (segment, number, stretch.last_block))
            self._put_blocks(segment, entry, hashes, root, stretch.first_block, stretch.last_block)

    def _segment_number(self, segment: bytes) -> int:
        self._index.run(
            "INSERT INTO segments (id, namespace) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET namespace = excluded.namespace",
            (segment, self._keys.ident),
        )
        return int(self._index.run("SELECT number FROM segments WHERE id = ?", (segment,))[0][0])

    def _put_blocks(
        self, segment: int, entry: EntryRecord, hashes: Sequence[BlockHash], root: BlockHash, first: int, last: int
    ) -> None:
        full = entry.num_tokens // entry.block_size
        for position in range(first, min(last, full)):
            self._index.run("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?)", (hashes[position], segment, position))
        if last > full:
            parent = hashes[full - 1] if full else root
            row = (parent, hashes[full], entry.num_tokens % entry.block_size, segment, full)
            self._index.run("INSERT OR REPLACE INTO tails VALUES (?, ?, ?, ?, ?)", row)

    def remove_entry(self, ident: EntryId) -> None:
        """Remove an entry, and the blocks of segments that no other entry uses; inside a transaction."""
        for (number,) in self._index.run("SELECT number FROM entries WHERE id = ?", (ident,)):
            segments = self._index.run("SELECT segment FROM stretches WHERE entry = ?", (number,))
            self._index.run("DELETE FROM stretches WHERE entry = ?", (number,))
            self._index.run("DELETE FROM entries WHERE number = ?", (number,))
            for (segment,) in segments:
                self._shrink_segment(segment)

    def _shrink_segment(self, segment: int) -> None:
        """Forget the blocks of a segment that no entry reaches any more."""
        rows = self._index.run("SELECT max(last_block) FROM stretches WHERE segment = ?", (segment,))
        used = rows[0][0] or 0
        for table in ("blocks", "tails"):
            self._index.run(f"DELETE FROM {table} WHERE segment = ? AND position >= ?", (segment, used))
        if not used:
            self._index.run("DELETE FROM segments WHERE number = ?", (segment,))

    def remove_document(self, ident: DocumentId) -> None:
        """Remove a document and its sources; inside a transaction."""
        self._index.run("DELETE FROM documents WHERE id = ?", (ident,))
        self._index.run("DELETE FROM sources WHERE namespace = ? AND document = ?", (self._keys.ident, ident))
        self._index.run("DELETE FROM deferred WHERE document = ?", (ident,))
