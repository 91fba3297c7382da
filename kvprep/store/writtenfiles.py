"""How the files of one namespace are written: sealed, signed by who can, durably, and only by who may.

Writes follow docs/format.md, "Order of writes". No index is touched.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from kvprep.errors import DanglingEntry
from kvprep.store import envelope, remembered
from kvprep.store.entry import DocumentRecord, EntryRecord, StretchRef, document_to_facts, entry_to_facts
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import write_durably
from kvprep.store.lock import exclusive
from kvprep.store.manifest import Manifest, chunk_tokens_for
from kvprep.store.pins import Pins
from kvprep.store.sealedfiles import SealedFiles
from kvprep.store.sealing import SealedSegment, seal_segment
from kvprep.store.segment import ChunkPlace, Codec
from kvprep.store.signing import signer_of
from kvprep.store.state import NamespaceState, write_state
from kvprep.types import BlockHash, CacheShape, EntryId, Fingerprint, Piece, PrefillCost, TokenIds

if TYPE_CHECKING:
    from kvprep.store.store import Store


class WrittenFiles(SealedFiles):
    """Documents, entries, segments and state of one namespace, for who writes them."""

    def __init__(self, store: "Store", keys: NamespaceKeys) -> None:
        """Write what `keys` seal, with the signature of who opened `store`."""
        super().__init__(store.layout, keys, store.holder)
        self._store = store
        self._signer = signer_of(store.holder.writer_seed)
        self._pins: Pins | None = None

    @property
    def store(self) -> "Store":
        """The store it is part of."""
        return self._store

    def note(self, verb: str, outcome: str, *, subject: bytes = b"", tokens: int = 0) -> None:
        """Write into the audit log what was done here, or tried."""
        self._store.audit.record(verb, outcome, namespace=self.ident, subject=subject, tokens=tokens)

    def check_may_write(self) -> None:
        """Ask whether anything may be written here, without trying to.

        Raises:
            PolicyDenied: the charter does not trust the holder's signature.
        """
        self.state().charter.check_may_write(self._holder, name=self.name)

    def writable_state(self, verb: str = "write") -> NamespaceState:
        """Read the state, to write something; where that is denied, the audit log has it under `verb`.

        Raises:
            PolicyDenied: the charter does not trust the holder's signature.
        """
        state = self.state()
        with self._store.noting_denial(verb, namespace=self.ident):
            state.charter.check_may_write(self._holder, name=self.name)
        return state

    @contextmanager
    def lease(self, *, wait_seconds: float | None = None) -> Iterator[None]:
        """Hold the ingest lease: one writer of new entries at a time. What it writes is kept from gc meanwhile."""
        name = self._keys.ident.hex()
        with (
            exclusive(self._layout.root / "locks" / f"{name}.lease", wait_seconds=wait_seconds),
            closing(Pins(self._layout, name)) as pins,
            self.pinning(pins),
        ):
            yield

    @contextmanager
    def pinning(self, pins: Pins) -> Iterator[None]:
        """Pin every segment that is written meanwhile."""
        self._pins = pins
        try:
            yield
        finally:
            self._pins = None

    def entry_with_segments(self, ident: EntryId) -> EntryRecord | None:
        """Open an entry whose segments are there; None if there is none, or it has been removed.

        While the lease is held its segments are pinned. Where gc replaces them meanwhile, the entry is opened again.

        Raises:
            IntegrityError: the entry or one of its segments is damaged or gone.
        """
        entry = self.entry(ident)
        while entry is not None:
            self.pin(entry)
            try:
                self.check_segments(entry)
                break
            except DanglingEntry:
                current = self.entry(ident)
                if current is not None and current.stretches == entry.stretches:
                    raise
                entry = current
        return entry

    def pin(self, entry: EntryRecord) -> None:
        """Keep an entry's segments from gc; whether they are there is to be looked at after."""
        if self._pins is not None:
            with self._store.commit_lock():
                self._pins.add(stretch.segment for stretch in entry.stretches)

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
        """Prepare tokens [start, end) of a prefix to be encrypted out of the engine's memory as they are written.

        Args:
            fingerprint, shape, block_size: of the model.
            token_ids: the whole prefix, at least to `end`.
            hashes: its block hashes.
            start: a multiple of the block size.
            end: end of a block, or of the prefix.
            pieces: how the tokens went through the model.
            cost: what computing them took.
            place: where each run of keys or values lies; asked by `write_segment`, with a codec here.
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
        return self.seal(manifest, place, codec)

    def seal(self, manifest: Manifest, place: ChunkPlace, codec: Codec | None = None) -> SealedSegment:
        """Prepare what a manifest describes to be encrypted; nothing is written yet."""
        return seal_segment(manifest, self._keys.id_key, place, codec, self._signer)

    def write_segment(self, segment: SealedSegment) -> StretchRef:
        """Encrypt and write a segment. Until an entry names it, it is garbage; gc spares it if the lease is held."""
        if self._pins is not None:
            self._pins.add([segment.ident])
        write_durably(self._layout, self._layout.file("segments", segment.ident), segment.take_parts())
        first = segment.manifest.first_token // segment.manifest.block_size
        return StretchRef(segment.ident, segment.data_key, first, first + len(segment.manifest.block_hashes))

    def _write_document(self, document: DocumentRecord) -> None:
        ident = self.document_id(document.content_hash)
        facts, tail = document_to_facts(document)
        self._write("documents", ident, facts, tail)

    def _write_entry(self, ident: EntryId, entry: EntryRecord) -> None:
        facts, tail = entry_to_facts(entry)
        self._write("entries", ident, facts, tail)

    def _write(self, kind: str, ident: bytes, facts: dict[str, Any], tail: bytes) -> None:
        sealed = envelope.seal(kind[0], self._keys.entry_key, ident, facts, tail, signer=self._signer)
        write_durably(self._layout, self._layout.file(kind, ident), [sealed])

    def _write_state(self, state: NamespaceState) -> None:
        write_state(self._layout, self._keys, self._holder, state)
        self._seen = state
        remembered.remember_state(
            self._layout.store_id,
            self._keys.incarnation,
            generation=state.generation,
            charter=state.charter.version,
        )
