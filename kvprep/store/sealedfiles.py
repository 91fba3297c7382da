"""The sealed files of one namespace: what they are called, how they are opened, and which there are.

Trusts files only: no index is asked, no lock is taken, and nothing is written.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvprep.errors import AuthenticationFailed, IntegrityError, WrongKey
from kvprep.hashing import block_hashes, block_root
from kvprep.store import envelope
from kvprep.store.entry import (
    DocumentRecord,
    EntryRecord,
    StretchRef,
    document_from_sealed,
    document_id,
    entry_from_sealed,
    entry_id,
)
from kvprep.store.holder import Holder
from kvprep.store.index import KnownSource
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import Layout, read_errors
from kvprep.store.segment import SegmentReader
from kvprep.store.state import NamespaceState, older_copy, read_state
from kvprep.types import BlockHash, ContentHash, DocumentId, EntryId, Fingerprint, TokenIds


@dataclass(frozen=True, slots=True)
class _Opened:
    """A sealed file as it lies on disk, and what it holds."""

    data: bytes
    sealed: envelope.Sealed
    ident: bytes
    subject: str


class SealedFiles:
    """Documents, entries and segments of one namespace, and the state that says which entries were removed."""

    def __init__(self, layout: Layout, keys: NamespaceKeys, holder: Holder) -> None:
        """Read what `keys` open below `layout`; `holder` pins the key of the store's admin."""
        self._layout, self._keys, self._holder = layout, keys, holder
        self._seen: NamespaceState | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self._keys.name

    @property
    def ident(self) -> bytes:
        """Its keyed id."""
        return self._keys.ident

    def state(self) -> NamespaceState:
        """Read charter, generation and tombstones as they are now.

        Raises:
            IntegrityError: damaged, not written by who may, or older than it was a moment ago.
        """
        seen, state = self._seen, self._read_state()
        if seen is not None and state.is_older_than(seen):
            raise older_copy(f"namespace {self.name}")
        self._seen = state
        return state

    def _read_state(self) -> NamespaceState:
        return read_state(self._layout, self._keys, *self._holder.admins)

    def _trusted(self) -> frozenset[bytes] | None:
        """Writers whose signatures count, by the charter as it was seen last; None: no signature is looked at."""
        return (self._seen or self.state()).charter.trusted

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

    def document(self, content_hash: ContentHash) -> DocumentRecord | None:
        """Open a document; None if there is none.

        Raises:
            IntegrityError: its file is damaged.
        """
        return self.document_by_id(self.document_id(content_hash))

    def document_by_id(self, ident: DocumentId) -> DocumentRecord | None:
        """Open a document by its keyed id; None if there is none."""
        opened = self._open("documents", ident)
        if opened is None:
            return None
        self._check_writer(opened, self._trusted())
        document = document_from_sealed(opened.sealed, subject=opened.subject)
        if self.document_id(document.content_hash) != ident:
            raise AuthenticationFailed(f"{opened.subject}: holds another document")
        return document

    def entry(self, ident: EntryId) -> EntryRecord | None:
        """Open an entry; None if there is none, or it has been removed.

        Raises:
            IntegrityError: its file is damaged.
        """
        opened = self._open("entries", ident)
        if opened is None:
            return None
        state = self.state()
        self._check_writer(opened, state.charter.trusted)
        entry = entry_from_sealed(opened.sealed, subject=opened.subject)
        hashes = self.block_hashes(entry.model.fingerprint, entry.token_ids, entry.block_size)
        if not hashes or self.entry_id(entry.document, hashes[-1]) != ident:
            raise AuthenticationFailed(f"{opened.subject}: holds another entry")
        return None if state.buried(ident, entry.generation) else entry

    def reopened(self, entry: EntryRecord) -> EntryRecord | None:
        """Open an entry as it is now; None if it has been removed since.

        Raises:
            IntegrityError: its file is damaged.
        """
        hashes = self.block_hashes(entry.model.fingerprint, entry.token_ids, entry.block_size)
        return self.entry(self.entry_id(entry.document, hashes[-1]))

    def has_files_of(self, known: KnownSource) -> bool:
        """Tell whether the files of a document that the index knows are there, without opening them."""
        files = [("documents", known.document), *(("segments", s) for s in known.segments)]
        if known.entry is not None:
            files.append(("entries", known.entry))
        return all(os.path.exists(self._layout.file_name(kind, ident)) for kind, ident in files)

    def open_segment(self, stretch: StretchRef, entry: EntryRecord) -> SegmentReader:
        """Open a segment of an entry, and check that it is the one that the entry means.

        Raises:
            DanglingEntry: its file is gone.
            IntegrityError: damaged, or not what the entry names.
        """
        path = self._layout.file("segments", stretch.segment)
        reader = SegmentReader(path, stretch.data_key, subject=self._layout.relative(path), trusted=self._trusted())
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

    def _open(self, kind: str, ident: bytes) -> _Opened | None:
        path = self._layout.file(kind, ident)
        subject = self._layout.relative(path)
        try:
            data = envelope.read_limited(path, subject=subject)
        except FileNotFoundError:
            return None
        try:
            sealed = envelope.unseal(data, kind[0], self._keys.entry_key, ident, subject=subject)
        except WrongKey as error:
            # The namespace is open, so a whole file under another key is one from elsewhere put here.
            raise AuthenticationFailed(f"{subject}: sealed in another namespace or store") from error
        return _Opened(data, sealed, ident, subject)

    def _check_writer(self, opened: _Opened, trusted: frozenset[bytes] | None) -> None:
        if trusted is not None:
            envelope.check_writer(opened.data, opened.sealed, opened.ident, trusted, subject=opened.subject)

    def document_or_none(self, ident: DocumentId) -> DocumentRecord | None:
        """Open a document by its keyed id; None also where it is damaged."""
        try:
            return self.document_by_id(ident)
        except IntegrityError:
            return None

    def entry_or_none(self, ident: EntryId) -> EntryRecord | None:
        """Open an entry; None also where it is damaged."""
        try:
            return self.entry(ident)
        except IntegrityError:
            return None

    # All files

    def files(self, kind: str) -> Iterator[Path]:
        """Files of `entries` or `documents` that are sealed for this namespace."""
        yield from (path for path in self._layout.all_files(kind) if self.is_file_of(kind, path))

    def is_file_of(self, kind: str, path: Path) -> bool:
        """Tell from its key commitment whether a file of `entries` or `documents` is sealed for this namespace."""
        try:
            with read_errors(path), open(path, "rb") as file:
                header = file.read(envelope.HEADER.size)
        except FileNotFoundError:
            return False  # removed since it was listed
        return len(header) == envelope.HEADER.size and envelope.is_for(header, kind[0], self._keys.entry_key)

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
