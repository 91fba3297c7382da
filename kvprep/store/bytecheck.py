"""What can be checked of a store with its key: everything opens, authenticates and agrees.

Source: docs/format.md, "What a hit checks" and "Order of writes".
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from kvprep.errors import DanglingEntry, IntegrityError
from kvprep.hashing import content_hash, drift_hash
from kvprep.store import envelope
from kvprep.store.entry import EntryRecord, StretchRef
from kvprep.store.findings import COLLECT, INGEST, REINGEST, RESTORE_KEYS, Tally
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.types import DocumentId, EntryId, NamespaceId

_RESTORE_STATE = "Put the newest copy of the folder namespaces/ back."


def open_namespaces(store: Store, tally: Tally) -> list[Namespace]:
    """Open every namespace that keys or a state tell of; what does not open becomes a finding.

    Raises:
        WrongKey: the keys of a namespace are damaged.
    """
    layout, opened = store.layout, []
    for ident in sorted(set(_idents(layout.all_files("namespaces"))) | set(_wrapped(layout.all_files("keys")))):
        subject = layout.relative(layout.file("namespaces", ident))
        try:
            namespace = store.open_namespace(ident)
        except IntegrityError as error:
            tally.failed(subject, error, _RESTORE_STATE)
            continue
        if namespace is None and layout.file("keys", ident).exists():
            tally.info(subject, "missing: the making of the namespace was cut short", "Nothing to do.")
        elif namespace is None:
            tally.error(subject, "its keys are missing", RESTORE_KEYS)
        else:
            opened.append(namespace)
    return opened


def _idents(paths: Iterable[Path]) -> Iterator[NamespaceId]:
    for path in paths:
        try:
            yield NamespaceId(bytes.fromhex(path.stem))
        except ValueError:
            continue  # its name has been found wrong already


def _wrapped(paths: Iterable[Path]) -> Iterator[NamespaceId]:
    magic = envelope.MAGIC + b"k"
    for path in paths:
        with open(path, "rb") as file:
            if file.read(len(magic)) == magic:
                yield from _idents([path])


def check_namespace(namespace: Namespace, tally: Tally) -> "NamespaceCheck":
    """Open everything in a namespace."""
    check = NamespaceCheck(namespace, tally)
    check.documents()
    check.entries()
    return check


class NamespaceCheck:
    """One namespace under the lens; afterwards `files` and `segments` are what was found to belong to it."""

    def __init__(self, namespace: Namespace, tally: Tally) -> None:
        """Look at nothing yet."""
        self._namespace, self._tally = namespace, tally
        self._layout = namespace.store.layout
        self.files: set[Path] = set()
        self.segments: set[Path] = set()

    def documents(self) -> None:
        """Open every document and hash its text."""
        for _, ident, subject in self._each("documents"):
            try:
                document = self._namespace.document_by_id(DocumentId(ident))
            except IntegrityError as error:
                self._tally.failed(subject, error, REINGEST)
                continue
            if document is None:
                continue  # removed while this looked on
            named = (document.content_hash, document.drift_hash)
            if named != (content_hash(document.text), drift_hash(document.text)):
                self._tally.error(subject, "its text has another hash than its name", REINGEST)

    def entries(self) -> None:
        """Open every entry, and every segment that it names."""
        for path, ident, subject in self._each("entries"):
            try:
                entry = self._namespace.entry(EntryId(ident))
            except IntegrityError as error:
                self._tally.failed(subject, error, REINGEST)
                continue
            if entry is not None:
                self._check_entry(entry, subject)
            elif path.exists():
                self._tally.error(subject, "was removed before, and an old copy put back", COLLECT)

    def _each(self, kind: str) -> Iterator[tuple[Path, bytes, str]]:
        for path in self._namespace.files(kind):
            self.files.add(path)
            subject = self._layout.relative(path)
            if not self._tally.is_damaged(subject):
                yield path, bytes.fromhex(path.stem), subject

    def _check_entry(self, entry: EntryRecord, subject: str) -> None:
        if entry.generation > self._namespace.state().generation:
            self._tally.error(subject, "newer than its namespace, of which an older copy was put back", _RESTORE_STATE)
        try:
            if self._namespace.document(entry.document) is None:
                self._tally.error(subject, "its document is missing", INGEST)
        except IntegrityError:
            pass  # named where documents are looked at
        last = 0
        for stretch in entry.stretches:
            if stretch.first_block != last:
                self._tally.error(subject, f"no segment holds block {last}", REINGEST)
            last = stretch.last_block
            self._check_segment(stretch, entry, subject)
        if last != -(-entry.num_tokens // entry.block_size):
            self._tally.error(subject, f"no segment holds block {last}", REINGEST)

    def _check_segment(self, stretch: StretchRef, entry: EntryRecord, subject: str) -> None:
        path = self._layout.file("segments", stretch.segment)
        name = self._layout.relative(path)
        seen = path in self.segments
        self.segments.add(path)
        try:
            with self._namespace.open_segment(stretch, entry) as reader:
                if not seen:
                    self._tally.checked["chunks"] += reader.check()
        except DanglingEntry:
            if not (self._layout.root / subject).exists():
                return  # entry and segment were removed while this looked on
            self._tally.error(name, f"missing, and needed by {subject}", INGEST)
        except IntegrityError as error:
            self._tally.failed(name, error, REINGEST)
