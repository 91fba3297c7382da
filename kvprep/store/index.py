"""The index: a hint that makes look-up fast. Nothing in it decides a hit, and it can be built again from the entries.

How its rows are written is in `indexrows.py`. Source: docs/format.md, "What a hit checks".
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kvprep.store.entry import Deferral, deferral_from_facts
from kvprep.store.indexrows import IndexRows
from kvprep.types import BlockHash, ContentHash, DocumentId, EntryId, SegmentId

_ENTRIES_OF_A_SEGMENT = 8

Snapshot = dict[str, set[tuple[Any, ...]]]
"""Rows by table; the first columns of a row are what it is found by."""


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What a source looked like when it was ingested, and the files that hold its document."""

    path: bytes
    file: bytes
    """Keyed ids of the source's path, and of its file's."""
    state: bytes | None
    """None: its times prove nothing."""
    reading: bytes
    entry: EntryId | None
    """None: nothing of it is computed."""
    document: DocumentId
    segments: tuple[SegmentId, ...]
    deferral: Deferral | None = None
    """Why nothing of it is computed."""


@dataclass(frozen=True, slots=True)
class BlockMatch:
    """An entry that may hold the first `num_blocks` blocks of a prefix."""

    entry: EntryId
    num_blocks: int


class NamespaceIndex(IndexRows):
    """The rows of one namespace, and what can be asked of them."""

    def needed_beside(self, ident: EntryId) -> dict[SegmentId, int]:
        """Give the end of the blocks that other entries need, for the segments that an entry shares with others."""
        rows = self._index.run(
            "SELECT g.id, max(o.last_block) FROM entries e JOIN stretches s ON s.entry = e.number"
            " JOIN stretches o ON o.segment = s.segment AND o.entry != s.entry"
            " JOIN segments g ON g.number = s.segment WHERE e.id = ? GROUP BY g.id",
            (ident,),
        )
        return {SegmentId(segment): int(last) for segment, last in rows}

    def documents(self) -> list[dict[str, Any]]:
        """Facts of every document, as put; rows that do not open are left out."""
        rows = self._index.run("SELECT id, sealed FROM documents WHERE namespace = ?", (self._keys.ident,))
        return self._opened(rows)

    def entries(self) -> list[dict[str, Any]]:
        """Facts of every entry, as put, with its `id`; rows that do not open are left out."""
        rows = self._index.run("SELECT id, sealed FROM entries WHERE namespace = ?", (self._keys.ident,))
        return self._opened(rows)

    def entries_of(self, document: ContentHash) -> list[EntryId]:
        """Entries of a document, newest first."""
        rows = self._index.run(
            "SELECT id FROM entries WHERE document = ? ORDER BY number DESC", (self.document_id(document),)
        )
        return [EntryId(row[0]) for row in rows]

    def live_sources(self, model: bytes, now: float) -> list[KnownSource]:
        """Sources whose document has a live entry under `model`."""
        rows = self._index.run(
            "SELECT s.path, s.file, s.state, s.reading, e.id, s.document"
            " FROM sources s JOIN entries e ON e.document = s.document"
            " WHERE s.namespace = ? AND e.model = ? AND (e.expires_at IS NULL OR e.expires_at > ?)",
            (self._keys.ident, model, now),
        )
        segments: dict[bytes, list[SegmentId]] = {}
        for entry, segment in self._index.run(
            "SELECT e.id, g.id FROM entries e JOIN stretches s ON s.entry = e.number"
            " JOIN segments g ON g.number = s.segment WHERE e.namespace = ? AND e.model = ?",
            (self._keys.ident, model),
        ):
            segments.setdefault(entry, []).append(SegmentId(segment))
        return [
            KnownSource(
                path, file, state, reading, EntryId(entry), DocumentId(document), tuple(segments.get(entry, ()))
            )
            for path, file, state, reading, entry, document in rows
        ]

    def deferred_sources(self, model: bytes) -> list[KnownSource]:
        """Sources whose document is deferred under `model`."""
        rows = self._index.run(
            "SELECT s.path, s.file, s.state, s.reading, s.document, d.id, d.sealed"
            " FROM sources s JOIN deferred f ON f.document = s.document JOIN documents d ON d.id = s.document"
            " WHERE s.namespace = ? AND f.model = ?",
            (self._keys.ident, model),
        )
        opened = ((row, self._unseal(row[5], row[6])) for row in rows)
        return [
            KnownSource(path, file, state, reading, None, DocumentId(document), (), _deferral(facts, model))
            for (path, file, state, reading, document, *_), facts in opened
            if facts is not None
        ]

    def next_expiry(self, since: float) -> float | None:
        """When the first entry expires after `since`, under whatever model; seconds since 1970, None: none ever."""
        rows = self._index.run(
            "SELECT MIN(expires_at) FROM entries WHERE namespace = ? AND expires_at > ?",
            (self._keys.ident, since),
        )
        return None if rows[0][0] is None else float(rows[0][0])

    def document_of_path(self, path: str) -> DocumentId | None:
        """The document that a source showed last."""
        rows = self._index.run(
            "SELECT document FROM sources WHERE namespace = ? AND path = ?", (self._keys.ident, self.path_id(path))
        )
        return DocumentId(rows[0][0]) if rows else None

    def open_ended_segments(self) -> list[tuple[SegmentId, EntryId]]:
        """List the segments of which no entry is known to need the end, each with the entry that needs most of it.

        A short block is the last of its segment, so one that is needed shows that all of the segment is.
        """
        rows = self._index.run(
            "SELECT g.id, e.id, max(s.last_block) FROM stretches s JOIN segments g ON g.number = s.segment"
            " JOIN entries e ON e.number = s.entry WHERE g.namespace = ?"
            " AND NOT EXISTS (SELECT 1 FROM tails t WHERE t.segment = s.segment) GROUP BY s.segment",
            (self._keys.ident,),
        )
        return [(SegmentId(segment), EntryId(entry)) for segment, entry, _ in rows]

    def documents_of_file(self, path: str) -> list[DocumentId]:
        """Documents that a file or anything inside it showed last."""
        rows = self._index.run(
            "SELECT DISTINCT document FROM sources WHERE namespace = ? AND file = ?",
            (self._keys.ident, self.path_id(path)),
        )
        return [DocumentId(document) for (document,) in rows]

    def documents_inside(self, document: DocumentId, path: str) -> tuple[str, ...]:
        """The paths, within the file at `path` that shows a document, of what should be documents of their own."""
        rows = self._index.run("SELECT id, sealed FROM documents WHERE id = ?", (document,))
        return tuple(name for facts in self._opened(rows) for name in facts["documents_inside"].get(path, ()))

    def longest_match(self, hashes: Sequence[BlockHash]) -> Iterator[BlockMatch]:
        """Yield entries that may hold a run of these full blocks from the start, most blocks first.

        Of the entries that share a segment only a few are named: thousands may begin alike, and hold the same file.
        """
        named: set[bytes] = set()
        for segment, position in self._segments_of(hashes):
            for condition, order in ((">", "s.entry"), ("<=", "s.last_block DESC")):
                rows = self._index.run(
                    f"SELECT e.id, s.last_block FROM stretches s JOIN entries e ON e.number = s.entry"
                    f" WHERE s.segment = ? AND s.last_block {condition} ? AND e.namespace = ?"
                    f" ORDER BY {order} LIMIT {_ENTRIES_OF_A_SEGMENT}",
                    (segment, position, self._keys.ident),
                )
                yield from (BlockMatch(EntryId(e), min(position + 1, last)) for e, last in rows if e not in named)
                named.update(entry for entry, _ in rows)

    def _segments_of(self, hashes: Sequence[BlockHash]) -> list[tuple[int, int]]:
        """Find the segments that hold some of the blocks: (segment, position of the last one), furthest first."""
        found: dict[int, int] = {}
        for at in range(0, len(hashes), 500):
            part = list(hashes[at : at + 500])
            marks = ",".join("?" * len(part))
            rows = self._index.run(
                f"SELECT segment, max(position) FROM blocks WHERE hash IN ({marks}) GROUP BY segment", part
            )
            found |= dict(rows)  # later parts reach further
        return sorted(found.items(), key=lambda pair: -pair[1])

    def tails_after(self, parent: BlockHash) -> list[tuple[BlockHash, int, EntryId]]:
        """Short last blocks that follow `parent`: hash, tokens and an entry, longest first."""
        rows = self._index.run(
            "SELECT t.hash, t.tokens, e.id FROM tails t JOIN stretches s ON s.segment = t.segment"
            " AND s.last_block > t.position"
            " JOIN entries e ON e.number = s.entry WHERE e.namespace = ? AND t.parent = ? ORDER BY t.tokens DESC",
            (self._keys.ident, parent),
        )
        return [(BlockHash(h), int(n), EntryId(e)) for h, n, e in rows]

    def stretches(self) -> list[tuple[bytes, bytes, int]]:
        """List what entries need of segments: segment, entry, and the end of the blocks that it needs of it."""
        rows = self._index.run(
            "SELECT g.id, e.id, s.last_block FROM stretches s JOIN segments g ON g.number = s.segment"
            " JOIN entries e ON e.number = s.entry WHERE g.namespace = ?",
            (self._keys.ident,),
        )
        return [(segment, entry, last) for segment, entry, last in rows]

    def snapshot(self) -> Snapshot:
        """All rows in a form that is equal for equal content, for comparing an index with a rebuild."""
        ident = (self._keys.ident,)
        return {
            "document rows": set(self._index.run("SELECT id FROM documents WHERE namespace = ?", ident)),
            "documents": {(f["id"], json.dumps(f, sort_keys=True, default=bytes.hex)) for f in self.documents()},
            "entries": {(f["id"], json.dumps(f, sort_keys=True, default=bytes.hex)) for f in self.entries()},
            "models": set(
                self._index.run("SELECT id, document, model, expires_at FROM entries WHERE namespace = ?", ident)
            ),
            "sources": set(
                self._index.run("SELECT path, file, state, reading, document FROM sources WHERE namespace = ?", ident)
            ),
            "deferred": set(self._index.run("SELECT document, model FROM deferred WHERE namespace = ?", ident)),
            "stretches": set(self.stretches()),
            "blocks": set(
                self._index.run(
                    "SELECT b.hash, g.id, b.position FROM blocks b JOIN segments g ON g.number = b.segment"
                    " WHERE g.namespace = ?",
                    ident,
                )
            ),
            "tails": set(
                self._index.run(
                    "SELECT t.parent, t.hash, g.id, t.tokens, t.position FROM tails t"
                    " JOIN segments g ON g.number = t.segment WHERE g.namespace = ?",
                    ident,
                )
            ),
        }


def _deferral(facts: dict[str, Any], model: bytes) -> Deferral | None:
    found = (deferral_from_facts(deferral) for deferral in facts["deferred"])
    return next((deferral for deferral in found if deferral.model == model), None)
