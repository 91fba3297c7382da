"""What can be done in one namespace: put, find, open, remove.

Writes follow docs/format.md, "Order of writes". Reads trust files only; the index is asked where to look.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvprep.errors import AuthenticationFailed, IntegrityError, WrongKey
from kvprep.hashing import block_hashes, block_root
from kvprep.store import envelope, remembered
from kvprep.store.database import Index
from kvprep.store.entry import (
    DocumentRecord,
    EntryRecord,
    StretchRef,
    document_from_sealed,
    document_id,
    document_to_facts,
    entry_from_sealed,
    entry_id,
    entry_to_facts,
)
from kvprep.store.index import KnownSource, NamespaceIndex, Snapshot
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import unlink_durably, write_durably
from kvprep.store.lock import exclusive
from kvprep.store.manifest import Manifest, chunk_tokens_for
from kvprep.store.sealing import SealedSegment, seal_segment
from kvprep.store.segment import ChunkPlace, Codec, SegmentReader
from kvprep.store.state import NamespaceState, read_state, write_state
from kvprep.types import (
    BlockHash,
    CacheShape,
    ContentHash,
    DocumentId,
    EntryId,
    Fingerprint,
    Piece,
    PrefillCost,
    TokenIds,
)

if TYPE_CHECKING:
    from kvprep.store.store import Store


@dataclass(frozen=True, slots=True)
class Removed:
    """What an invalidation took away."""

    entries: int = 0
    documents: int = 0
    num_bytes: int = 0


class Namespace:
    """A trust boundary: own keys, nothing shared across."""

    def __init__(self, store: "Store", keys: NamespaceKeys) -> None:
        """Use `Store.namespace`."""
        self._store = store
        self._layout = store.layout
        self._keys = keys
        self._opened_index: NamespaceIndex | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self._keys.name

    @property
    def ident(self) -> bytes:
        """Its keyed id."""
        return self._keys.ident

    @property
    def store(self) -> "Store":
        """The store it is part of."""
        return self._store

    @property
    def index(self) -> NamespaceIndex:
        """Its rows in the index; built from the files first where the index does not know the namespace.

        Building takes the commit lock, so whoever needs both takes the index first.
        """
        if self._opened_index is None:
            index = NamespaceIndex(self._store.index, self._keys)
            if not index.built:
                self._fill(index)
            self._opened_index = index
        return self._opened_index

    def state(self) -> NamespaceState:
        """Read policy, generation and tombstones as they are now."""
        return read_state(self._layout, self._keys)

    def update_settings(self, settings: Mapping[str, str]) -> None:
        """Remember what an ingest used, for the commands that come after it."""
        with self._store.commit_lock():
            state = self.state()
            if dict(state.settings) != dict(settings):
                write_state(self._layout, self._keys, replace(state, settings=dict(settings)))

    def lease(self, *, wait_seconds: float | None = None) -> AbstractContextManager[None]:
        """Hold the ingest lease: one writer of new entries at a time."""
        return exclusive(self._layout.root / "locks" / f"{self._keys.ident.hex()}.lease", wait_seconds=wait_seconds)

    # Identities

    def root(self, fingerprint: Fingerprint) -> BlockHash:
        """Root of the block hashes of one model."""
        return block_root(self._keys.id_key, fingerprint)

    def block_hashes(self, fingerprint: Fingerprint, token_ids: TokenIds, block_size: int) -> list[BlockHash]:
        """Block hashes of a prefix, the short last block included."""
        return block_hashes(self.root(fingerprint), token_ids, block_size)

    def entry_id(self, document: ContentHash, last_block: BlockHash) -> EntryId:
        """Name of the entry of a document whose prefix ends with `last_block`."""
        return entry_id(self._keys.id_key, document, last_block)

    def document_id(self, document: ContentHash) -> DocumentId:
        """Name of a document's file."""
        return document_id(self._keys.id_key, document)

    # Writing

    def seal_segment(
        self,
        *,
        fingerprint: Fingerprint,
        shape: CacheShape,
        block_size: int,
        token_ids: TokenIds,
        hashes: Sequence[BlockHash],
        start: int,
        end: int,
        pieces: Sequence[Piece],
        cost: PrefillCost,
        place: ChunkPlace,
        codec: Codec | None = None,
    ) -> SealedSegment:
        """Encrypt tokens [start, end) of a prefix out of the engine's memory; nothing is written yet.

        Args:
            fingerprint, shape, block_size: of the model.
            token_ids: the whole prefix, at least to `end`.
            hashes: its block hashes.
            start: a multiple of the block size.
            end: end of a block, or of the prefix.
            pieces: how the tokens went through the model.
            cost: what computing them took.
            place: where each run of keys or values lies; read at once and not kept.
            codec: makes the chunks smaller; None stores them as they are.
        """
        first, last = start // block_size, -(-end // block_size)
        manifest = Manifest(
            namespace=self._keys.ident,
            fingerprint=fingerprint,
            parent=hashes[first - 1] if first else self.root(fingerprint),
            first_token=start,
            block_size=block_size,
            chunk_tokens=chunk_tokens_for(shape, block_size),
            shape=shape,
            pieces=tuple(pieces),
            cost=cost,
            created_at=time.time(),
            block_hashes=tuple(hashes[first:last]),
            token_ids=token_ids[start:end],
        )
        return seal_segment(manifest, self._keys.id_key, place, codec)

    def write_segment(self, segment: SealedSegment) -> StretchRef:
        """Write a sealed segment. Until an entry names it, it is garbage."""
        write_durably(self._layout, self._layout.file("segments", segment.ident), segment.parts)
        first = segment.manifest.first_token // segment.manifest.block_size
        return StretchRef(segment.ident, segment.data_key, first, first + len(segment.manifest.block_hashes))

    def put_document(self, document: DocumentRecord) -> None:
        """Write a document in place of its former state, and index it."""
        index = self.index
        with self._store.commit_lock():
            self._write_document(document)
            with index.transaction():
                index.put_document(document)

    def put(self, document: DocumentRecord, entry: EntryRecord) -> EntryId:
        """Write document and entry, in this order, and index them. The segments are on disk already.

        When this returns the entry survives a power cut.
        """
        hashes = self.block_hashes(entry.model.fingerprint, entry.token_ids, entry.block_size)
        ident, index = self.entry_id(document.content_hash, hashes[-1]), self.index
        with self._store.commit_lock():
            entry = replace(entry, generation=self.state().generation)
            self._write_document(document)
            facts, tail = entry_to_facts(entry)
            sealed = envelope.seal("e", self._keys.entry_key, ident, facts, tail)
            write_durably(self._layout, self._layout.file("entries", ident), [sealed])
            with index.transaction():
                index.put_document(document)
                index.put_entry(ident, entry, hashes, self.root(entry.model.fingerprint))
        return ident

    def _write_document(self, document: DocumentRecord) -> None:
        ident = self.document_id(document.content_hash)
        facts, tail = document_to_facts(document)
        sealed = envelope.seal("d", self._keys.entry_key, ident, facts, tail)
        write_durably(self._layout, self._layout.file("documents", ident), [sealed])

    def adopt(self, ident: EntryId, entry: EntryRecord) -> None:
        """Index an entry that is on disk but not in the index, as after a kill."""
        hashes = self.block_hashes(entry.model.fingerprint, entry.token_ids, entry.block_size)
        with self.index.transaction():
            self.index.put_entry(ident, entry, hashes, self.root(entry.model.fingerprint))

    def remove(self, entries: Iterable[EntryId]) -> Removed:
        """Remove entries at once and for ever: unlink, then tombstone, then index rows.

        Takes the commit lock only, so it never waits for a prefill.
        """
        wanted = list(dict.fromkeys(entries))
        if not wanted:
            return Removed()
        index = self.index
        with self._store.commit_lock():
            documents, num_bytes = set(), 0
            for ident in wanted:
                entry = self._entry_or_none(ident)
                if entry is not None:
                    documents.add(entry.document)
                    num_bytes += entry.kv_bytes
                unlink_durably(self._layout.file("entries", ident))
            state = self.state().bury(wanted)
            write_state(self._layout, self._keys, state)
            remembered.remember_generation(self._layout.store_id, self._keys.ident, state.generation)
            with index.transaction():
                for ident in wanted:
                    index.remove_entry(ident)
        return Removed(len(wanted), len(documents), num_bytes)

    def remove_document(self, document: ContentHash) -> None:
        """Remove a document's file: its text, findings and history."""
        ident, index = self.document_id(document), self.index
        with self._store.commit_lock():
            unlink_durably(self._layout.file("documents", ident))
            with index.transaction():
                index.remove_document(ident)

    # Reading

    def document(self, content_hash: ContentHash) -> DocumentRecord | None:
        """Open a document; None if there is none.

        Raises:
            IntegrityError: its file is damaged.
        """
        return self.document_by_id(self.document_id(content_hash))

    def document_by_id(self, ident: DocumentId) -> DocumentRecord | None:
        """Open a document by its keyed id; None if there is none."""
        path = self._layout.file("documents", ident)
        subject = self._layout.relative(path)
        sealed = self._unseal(path, "d", ident, subject)
        if sealed is None:
            return None
        document = document_from_sealed(sealed, subject=subject)
        if self.document_id(document.content_hash) != ident:
            raise AuthenticationFailed(f"{subject}: holds another document")
        return document

    def entry(self, ident: EntryId) -> EntryRecord | None:
        """Open an entry; None if there is none, or it has been removed.

        Raises:
            IntegrityError: its file is damaged.
        """
        path = self._layout.file("entries", ident)
        subject = self._layout.relative(path)
        sealed = self._unseal(path, "e", ident, subject)
        if sealed is None:
            return None
        entry = entry_from_sealed(sealed, subject=subject)
        hashes = self.block_hashes(entry.model.fingerprint, entry.token_ids, entry.block_size)
        if not hashes or self.entry_id(entry.document, hashes[-1]) != ident:
            raise AuthenticationFailed(f"{subject}: holds another entry")
        return None if self.state().buried(ident, entry.generation) else entry

    def has_files_of(self, known: KnownSource) -> bool:
        """Tell whether the files of a document that the index knows are there, without opening them."""
        files = [("entries", known.entry), ("documents", known.document), *(("segments", s) for s in known.segments)]
        return all(self._layout.file(kind, ident).exists() for kind, ident in files)

    def open_segment(self, stretch: StretchRef, entry: EntryRecord) -> SegmentReader:
        """Open a segment of an entry, and check that it is the one that the entry means.

        Raises:
            DanglingEntry: its file is gone.
            IntegrityError: damaged, or not what the entry names.
        """
        path = self._layout.file("segments", stretch.segment)
        reader = SegmentReader(path, stretch.data_key, subject=self._layout.relative(path))
        try:
            self._check_stretch(reader, stretch, entry)
        except BaseException:
            reader.close()
            raise
        return reader

    def check_segments(self, entry: EntryRecord) -> None:
        """Look that an entry's segments are there and are the ones it means; their chunks are not read.

        Raises:
            IntegrityError: as `open_segment` does.
        """
        for stretch in entry.stretches:
            self.open_segment(stretch, entry).close()

    def _check_stretch(self, reader: SegmentReader, stretch: StretchRef, entry: EntryRecord) -> None:
        manifest = reader.manifest
        start = stretch.first_block * entry.block_size
        end = min(stretch.last_block * entry.block_size, entry.num_tokens)
        hashes = self.block_hashes(entry.model.fingerprint, entry.token_ids[:end], entry.block_size)
        theirs = manifest.block_hashes[: stretch.last_block - stretch.first_block]
        agrees = (
            manifest.namespace == self._keys.ident
            and manifest.fingerprint == entry.model.fingerprint
            and manifest.shape == entry.shape
            and manifest.block_size == entry.block_size
            and manifest.first_token == start
            and tuple(hashes[stretch.first_block :]) == tuple(theirs)
        )
        if not agrees:
            raise AuthenticationFailed(f"{reader.subject}: not the stretch that the entry names")

    def _unseal(self, path: Path, kind: str, ident: bytes, subject: str) -> envelope.Sealed | None:
        try:
            data = envelope.read_limited(path, subject=subject)
        except FileNotFoundError:
            return None
        try:
            return envelope.unseal(data, kind, self._keys.entry_key, ident, subject=subject)
        except WrongKey as error:
            # The namespace is open, so a whole file under another key is one from elsewhere put here.
            raise AuthenticationFailed(f"{subject}: sealed in another namespace or store") from error

    def _entry_or_none(self, ident: EntryId) -> EntryRecord | None:
        try:
            return self.entry(ident)
        except IntegrityError:
            return None

    # All files

    def files(self, kind: str) -> Iterator[Path]:
        """Files of `entries` or `documents` that are sealed for this namespace, by their key commitment."""
        for path in self._layout.all_files(kind):
            try:
                with open(path, "rb") as file:
                    header = file.read(envelope.HEADER.size)
            except FileNotFoundError:
                continue  # removed since it was listed
            if len(header) == envelope.HEADER.size and envelope.is_for(header, kind[0], self._keys.entry_key):
                yield path

    def all_entries(self) -> Iterator[tuple[EntryId, EntryRecord]]:
        """Every entry that opens and has not been removed; damaged files are left out (verify names them)."""
        yield from self._all("entries", lambda ident: self.entry(EntryId(ident)))

    def all_documents(self) -> Iterator[tuple[DocumentId, DocumentRecord]]:
        """Every document that opens; damaged files are left out (verify names them)."""
        yield from self._all("documents", lambda ident: self.document_by_id(DocumentId(ident)))

    def _all(self, kind: str, read: Callable[[bytes], Any]) -> Iterator[tuple[Any, Any]]:
        for path in self.files(kind):
            try:
                ident = bytes.fromhex(path.stem)
                record = read(ident)
            except (IntegrityError, ValueError):
                continue
            if record is not None:
                yield ident, record

    def rebuild_index(self) -> None:
        """Build this namespace's rows from its entries and documents alone."""
        self._fill(NamespaceIndex(self._store.index, self._keys))

    def compare_index(self, scratch: Index) -> tuple[Snapshot, Snapshot]:
        """Read this namespace's rows as they are, and as a rebuild inside `scratch` makes them."""
        present, fresh = NamespaceIndex(self._store.index, self._keys), NamespaceIndex(scratch, self._keys)
        with self._store.commit_lock():
            rows = present.snapshot()
            self._fill_locked(fresh)
        return rows, fresh.snapshot()

    def _fill(self, index: NamespaceIndex) -> None:
        # Read under the commit lock: a row for an entry that is being removed must not be left behind.
        with self._store.commit_lock():
            self._fill_locked(index)

    def _fill_locked(self, index: NamespaceIndex) -> None:
        with index.rebuilding():
            # Two documents may name one source after a kill: the one that was read last is put last, and wins.
            for document in sorted((replace(d, text="") for _, d in self.all_documents()), key=_last_read):
                index.put_document(document)
            for ident, entry in self.all_entries():
                hashes = self.block_hashes(entry.model.fingerprint, entry.token_ids, entry.block_size)
                index.put_entry(ident, entry, hashes, self.root(entry.model.fingerprint))


def _last_read(document: DocumentRecord) -> int:
    return max((s.state.read_at_ns for s in document.sources), default=0)
