"""What can be done in one namespace: put, remove, and keep the index in step with the files.

Writes follow docs/format.md, "Order of writes". How the files are read is in `sealedfiles.py`, and how they
are written in `writtenfiles.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvprep.store import rebuild, remembered
from kvprep.store.charter import Charter, sign_charter
from kvprep.store.counted import invalidation_event
from kvprep.store.database import Index
from kvprep.store.entry import Deferral, DocumentRecord, EntryRecord, StretchRef
from kvprep.store.index import NamespaceIndex, Snapshot
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import unlink_durably
from kvprep.store.writtenfiles import WrittenFiles
from kvprep.types import ContentHash, DocumentId, EntryId, SegmentId

if TYPE_CHECKING:
    from kvprep.store.store import Store


@dataclass(frozen=True, slots=True)
class Removed:
    """What an invalidation took away."""

    entries: int = 0
    documents: int = 0
    num_bytes: int = 0


class Namespace(WrittenFiles):
    """A trust boundary: own keys, nothing shared across."""

    def __init__(self, store: "Store", keys: NamespaceKeys) -> None:
        """Use `Store.namespace`."""
        super().__init__(store, keys)
        self._opened_index: NamespaceIndex | None = None

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

    def update_settings(self, settings: Mapping[str, str]) -> None:
        """Remember what an ingest used, for the commands that come after it.

        Raises:
            PolicyDenied: as everywhere that something is written: the charter does not trust the holder.
        """
        with self._store.commit_lock():
            state = self.writable_state()
            if dict(state.settings) != dict(settings):
                self._write_state(replace(state, settings=dict(settings)))

    def amend(self, change: Callable[[Charter], Charter]) -> Charter:
        """Change the charter: policy and trusted writers. What the new one does not trust leaves the index.

        Raises:
            PolicyDenied: the holder is no admin.
        """
        index = NamespaceIndex(self._store.index, self._keys)
        with self._store.commit_lock():
            state = self.state()
            charter = replace(change(state.charter), version=state.charter.version + 1)
            with self._store.noting_denial("charter", namespace=self.ident):
                charter = sign_charter(self._holder, charter, name=self.name)
            if charter.trusted != state.charter.trusted:
                index.forget()  # first, so that a kill leaves no row of what counts no more
            self._write_state(replace(state, charter=charter))
        self.note("charter", "done")
        if not index.built:
            self._fill(index)
        return charter

    def put_document(self, document: DocumentRecord) -> None:
        """Write a document in place of its former state, and index it."""
        index = self.index
        with self._store.commit_lock():
            self.writable_state()
            self._write_document(document)
            with index.transaction():
                index.put_document(document)

    def put(self, document: DocumentRecord, entry: EntryRecord) -> EntryId:
        """Write document and entry, in this order, and index them. The segments are on disk already.

        What is computed is deferred no more. When this returns the entry survives a power cut.
        """
        hashes = self.block_hashes(entry.model.fingerprint, entry.token_ids, entry.block_size)
        ident, index = self.entry_id(document.content_hash, hashes[-1]), self.index
        document = document.without_deferral(index.model_id(entry.model.fingerprint, entry.tags))
        with self._store.commit_lock():
            entry = replace(entry, generation=self.writable_state().generation)
            self._write_document(document)
            self._write_entry(ident, entry)
            with index.transaction():
                index.put_document(document)
                index.put_entry(ident, entry, hashes, self.root(entry.model.fingerprint))
        self.note("write", "done", subject=self.document_id(entry.document), tokens=entry.num_tokens)
        return ident

    def repoint(self, ident: EntryId, old: SegmentId, new: StretchRef) -> bool:
        """Let an entry name a segment in place of another that begins with the same bytes.

        Returns:
            Whether the entry does not need the old segment now, as one that has been removed; else it needs more of it
            than the new one has.
        """
        index = self.index
        with self._store.commit_lock():
            entry = self.entry(ident)
            if entry is None or all(s.segment != old for s in entry.stretches):
                return True
            if any(s.segment == old and s.last_block > new.last_block for s in entry.stretches):
                return False
            stretches = (_moved(stretch, old, new) for stretch in entry.stretches)
            entry = replace(entry, stretches=tuple(stretches), generation=self.writable_state().generation)
            # Rows first, unlike elsewhere: both segments are there, so neither state of the index points at nothing.
            self._index_entry(index, ident, entry)
            self._write_entry(ident, entry)
        return True

    def adopt(self, ident: EntryId, entry: EntryRecord) -> None:
        """Index an entry that is on disk but not in the index, as after a kill."""
        self._index_entry(self.index, ident, entry)

    def _index_entry(self, index: NamespaceIndex, ident: EntryId, entry: EntryRecord) -> None:
        with index.transaction():
            rebuild.put_entry(self, index, ident, entry)

    def remove(
        self, entries: Iterable[EntryId], *, why: str = "", still: Callable[[EntryRecord | None], bool] | None = None
    ) -> Removed:
        """Remove entries at once and for ever: unlink, then tombstone, then index rows.

        Takes the commit lock only, so it never waits for a prefill.

        Args:
            entries: their names.
            why: counted as the reason of an invalidation; empty: part of something else, and not counted.
            still: asked again once nothing can be put any more; given None for an entry that does not open, is gone or
                was removed before. An entry for which it is false stays.
        """
        wanted, index = list(dict.fromkeys(entries)), self.index
        removed: dict[EntryId, EntryRecord | None] = {}
        with self._store.commit_lock():
            if wanted:
                self.writable_state("invalidate")
            for ident in wanted:
                entry = self.entry_or_none(ident)
                if still is not None and not still(entry):
                    continue
                unlink_durably(self._layout.file("entries", ident))
                removed[ident] = entry
            needed = self._bury(removed, index) if removed else {}
        opened = [entry for entry in removed.values() if entry is not None]
        for ident, entry in removed.items():
            self.note("invalidate", "done", subject=self.document_id(entry.document) if entry else ident)
            if why:
                self._store.usage.record(invalidation_event(self, entry, needed[ident], why))
        return Removed(len(removed), len({e.document for e in opened}), sum(e.kv_bytes for e in opened))

    def evict(
        self, deferrals: Mapping[EntryId, Deferral], *, why: str, still: Callable[[EntryId, EntryRecord], bool]
    ) -> list[EntryId]:
        """Remove entries that may be used and are not worth keeping. Their documents are not computed again unasked.

        That is noted before an entry goes: a kill in between leaves one that serves, and a note that nobody asks.

        Args:
            deferrals: what is noted, by the entry's name.
            why: for the audit log.
            still: asked again once nothing can be put any more. An entry for which it is false stays.

        Returns:
            Those that were removed.
        """
        index = self.index
        evicted: dict[EntryId, DocumentId] = {}
        with self._store.commit_lock():
            self.writable_state("evict")
            for ident, deferral in deferrals.items():
                entry = self.entry_or_none(ident)
                if entry is None or not still(ident, entry):
                    continue
                self._defer(entry.document, deferral, index)
                unlink_durably(self._layout.file("entries", ident))
                evicted[ident] = self.document_id(entry.document)
            if evicted:
                self._bury(evicted, index)
        for document in evicted.values():
            self.note("evict", why, subject=document)
        return list(evicted)

    def _defer(self, document: ContentHash, deferral: Deferral, index: NamespaceIndex) -> None:
        if (record := self.document_or_none(self.document_id(document))) is not None:
            record = record.with_deferral(deferral)
            self._write_document(record)
            with index.transaction():
                index.put_document(record)

    def _bury(self, removed: Iterable[EntryId], index: NamespaceIndex) -> dict[EntryId, dict[SegmentId, int]]:
        """Note that entries are gone for ever; of each, tell what those that are left then need of its segments."""
        removed = list(removed)
        self._write_state(self.state().bury(removed))
        needed = {}
        with index.transaction():
            for ident in removed:
                needed[ident] = index.needed_beside(ident)
                index.remove_entry(ident)
        return needed

    def remove_document(self, document: ContentHash) -> None:
        """Remove a document's file: its text, findings and history."""
        self.remove_document_by_id(self.document_id(document))

    def remove_document_by_id(self, ident: DocumentId) -> None:
        """Remove a document's file, as where it does not open and so tells no more of which document it is."""
        index = self.index
        with self._store.commit_lock():
            self.writable_state("invalidate")
            unlink_durably(self._layout.file("documents", ident))
            with index.transaction():
                index.remove_document(ident)

    def rebuild_index(self) -> None:
        """Build this namespace's rows from its entries and documents alone, and begin a new generation."""
        with self._store.commit_lock():
            state = self.writable_state()
            seen = remembered.recall(self._layout.store_id, self._keys.incarnation)
            self._write_state(replace(state, generation=max(state.generation, seen.generation) + 1))
        self._fill(NamespaceIndex(self._store.index, self._keys))

    def compare_index(self, scratch: Index) -> tuple[Snapshot, Snapshot]:
        """Read this namespace's rows as they are, and as a rebuild inside `scratch` makes them.

        The files are read before the lock is taken; under it only what has changed meanwhile is read again.
        """
        present, fresh = NamespaceIndex(self._store.index, self._keys), NamespaceIndex(scratch, self._keys)
        before = rebuild.stamps(self._layout)
        rebuild.fill(self, fresh)
        filled = rebuild.files_behind(self._layout, fresh)
        with self._store.commit_lock():
            rows = present.snapshot()
            after = rebuild.stamps(self._layout)
            changed = {path for path, _ in before.items() ^ after.items()} | (filled - after.keys())
            rebuild.refresh(self, fresh, changed)
        return rows, fresh.snapshot()

    def _fill(self, index: NamespaceIndex) -> None:
        # Read under the commit lock: a row for an entry that is being removed must not be left behind.
        with self._store.commit_lock():
            rebuild.fill(self, index)


def _moved(stretch: StretchRef, old: SegmentId, new: StretchRef) -> StretchRef:
    return replace(stretch, segment=new.segment, data_key=new.data_key) if stretch.segment == old else stretch
