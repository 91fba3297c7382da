"""What can be checked of a store with its key: everything opens, authenticates and agrees.

Source: docs/format.md, "What a hit checks" and "Order of writes".
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from kvprep.errors import DanglingEntry, IntegrityError, Unreadable
from kvprep.hashing import content_hash, drift_hash
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.findings import COLLECT, INGEST, REINGEST, RESTORE_KEYS, Tally
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.types import DocumentId, EntryId, NamespaceId, SegmentId

_FAILED = (IntegrityError, Unreadable)
RESTORE_STATE = "Put the newest copy of the folder namespaces/ back."


def open_namespaces(store: Store, tally: Tally) -> list[Namespace]:
    """Open every namespace that keys or a state tell of; what does not open becomes a finding.

    Whose key opens some namespaces only learns of no other.

    Raises:
        WrongKey: the keys of a namespace are damaged.
    """
    layout, opened = store.layout, []
    idents = set(store.keyring.idents())
    if store.keyring.opens_everything:
        idents |= set(_idents(layout.all_files("namespaces")))
    for ident in sorted(idents):
        subject = layout.relative(layout.file("namespaces", ident))
        try:
            namespace = store.open_namespace(ident)
        except _FAILED as error:
            tally.failed(subject, error, RESTORE_STATE)
            continue
        if namespace is None and layout.file("keys", ident).exists():
            tally.info(subject, "missing: the making of the namespace was cut short", "Nothing to do.")
        elif namespace is not None:
            opened.append(namespace)
        elif layout.file("namespaces", ident).exists():
            tally.error(subject, "its keys are missing", RESTORE_KEYS)
    return opened


def _idents(paths: Iterable[Path]) -> Iterator[NamespaceId]:
    for path in paths:
        try:
            yield NamespaceId(bytes.fromhex(path.stem))
        except ValueError:
            continue  # its name has been found wrong already


class NamespaceCheck:
    """One namespace under the lens; afterwards `files` and `stretches` are what was found to belong to it."""

    def __init__(self, namespace: Namespace, tally: Tally) -> None:
        """Look at nothing yet."""
        self.namespace, self._tally = namespace, tally
        self._layout = namespace.store.layout
        self.files: set[Path] = set()
        self.stretches: dict[SegmentId, list[tuple[EntryId, StretchRef]]] = {}
        """Who names each segment."""

    def owns(self, kind: str, path: Path) -> bool:
        """Tell whether a file of `entries` or `documents` belongs to the namespace."""
        return path in self.files or self.namespace.is_file_of(kind, path)

    def documents(self) -> None:
        """Open every document and hash its text."""
        for _, ident, subject in self._each("documents"):
            try:
                document = self.namespace.document_by_id(DocumentId(ident))
            except _FAILED as error:
                self._tally.failed(subject, error, REINGEST)
                continue
            if document is None:
                continue  # removed while this looked on
            named = (document.content_hash, document.drift_hash)
            if named != (content_hash(document.text), drift_hash(document.text)):
                self._tally.error(subject, "its text has another hash than its name", REINGEST)

    def entries(self) -> None:
        """Open every entry, and the manifest of every segment that it names."""
        for path, ident, subject in self._each("entries"):
            try:
                entry = self._opened(EntryId(ident))
            except _FAILED as error:
                self._tally.failed(subject, error, REINGEST)
                continue
            if entry is not None:
                self._check_entry(EntryId(ident), entry, subject)
            elif path.exists():
                self._tally.error(subject, "was removed before, and an old copy put back", COLLECT)

    def _opened(self, ident: EntryId) -> EntryRecord | None:
        entry = self.namespace.entry(ident)
        if entry is None:
            with self.namespace.store.commit_lock():  # it may have been removed and put anew between two looks at it
                entry = self.namespace.entry(ident)
        return entry

    def _each(self, kind: str) -> Iterator[tuple[Path, bytes, str]]:
        for path in self._layout.all_files(kind):
            subject = self._layout.relative(path)
            if not self._tally.is_damaged(subject) and self.namespace.is_file_of(kind, path):
                self.files.add(path)
                yield path, bytes.fromhex(path.stem), subject

    def _check_entry(self, ident: EntryId, entry: EntryRecord, subject: str) -> None:
        if entry.generation > self.namespace.state().generation:
            self._tally.error(subject, "newer than its namespace, of which an older copy was put back", RESTORE_STATE)
        try:
            if self.namespace.document(entry.document) is None and self.namespace.entry(ident) is not None:
                self._tally.error(subject, "its document is missing", INGEST)
        except _FAILED:
            pass  # named where documents are looked at
        last = 0
        for stretch in entry.stretches:
            if stretch.first_block != last:
                self._tally.error(subject, f"no segment holds block {last}", REINGEST)
            last = stretch.last_block
        if last != -(-entry.num_tokens // entry.block_size):
            self._tally.error(subject, f"no segment holds block {last}", REINGEST)
        self._check_manifests(ident, entry)

    def _check_manifests(self, ident: EntryId, entry: EntryRecord) -> None:
        for stretch in entry.stretches:
            if not self._agrees(ident, stretch, entry):
                current = self.namespace.entry(ident)
                if current is not None:  # gc let it name other segments while this looked on
                    self._check_manifests(ident, current)
                return

    def _agrees(self, ident: EntryId, stretch: StretchRef, entry: EntryRecord) -> bool:
        """Compare a segment's manifest with the entry; False where the entry names that segment no more."""
        name = self._layout.relative(self._layout.file("segments", stretch.segment))
        try:
            self.namespace.open_segment(stretch, entry).close()
        except DanglingEntry:
            if not self._still_names(ident, stretch):
                return False
            path = self._layout.relative(self._layout.file("entries", ident))
            self._tally.error(name, f"missing, and needed by {path}", INGEST)
        except _FAILED as error:
            self._tally.failed(name, error, REINGEST)
        self.stretches.setdefault(stretch.segment, []).append((ident, stretch))
        return True

    def _still_names(self, ident: EntryId, stretch: StretchRef) -> bool:
        with self.namespace.store.commit_lock():
            entry = self.namespace.entry(ident)
        return entry is not None and any(s.segment == stretch.segment for s in entry.stretches)

    def contents(self, segment: SegmentId) -> None:
        """Read a segment whole, with an entry that names it."""
        path = self._layout.file("segments", segment)
        subject = self._layout.relative(path)
        if self._tally.is_damaged(subject):
            return
        for ident, stretch in self.stretches[segment]:
            try:
                entry = self.namespace.entry(ident)
                if entry is None or stretch not in entry.stretches:
                    continue
                with self.namespace.open_segment(stretch, entry) as reader:
                    self._tally.checked["chunks"] += reader.check()
                self._tally.checked["bytes"] += path.stat().st_size
                return
            except (DanglingEntry, FileNotFoundError):
                continue  # gone with its entry, a moment ago; what is missing has been named before
            except _FAILED as error:
                self._tally.failed(subject, error, REINGEST)
                return
