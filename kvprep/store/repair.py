"""Repair: what verify found damaged is dropped, for good and for everybody; what was lost with it is named.

Nothing here computes. What is gone is the keys and values, and texts, that were damaged already.

Source: docs/format.md, "Order of writes".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from kvprep.store.bytecheck import open_namespaces
from kvprep.store.findings import UNREADABLE, Tally
from kvprep.store.layout import Layout, unlink_durably
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store
from kvprep.types import ContentHash, DocumentId, EntryId, Finding, SegmentId, Severity


@dataclass(frozen=True, slots=True)
class LostDocument:
    """A document whose keys and values were dropped."""

    document: ContentHash
    sources: tuple[str, ...]
    """Paths that showed it last."""
    has_text: bool
    """Whether its text is still stored."""


@dataclass
class Dropped:
    """What one repair took away."""

    entries: int = 0
    documents: int = 0
    """Texts."""
    segments: int = 0
    lost: dict[str, list[LostDocument]] = field(default_factory=dict)
    """By namespace."""


def drop_damaged(store: Store, findings: Iterable[Finding]) -> Dropped:
    """Remove every file that a finding calls damaged, and every entry that needs it; build the index anew if it is one.

    Keys, namespace files and files under wrong names are left alone: only a backup, or a person, can mend them. So are
    files that could not be read: they may be sound.

    Raises:
        WrongKey: the keys of a namespace are damaged.
    """
    damaged = _Damaged(store.layout, findings)
    dropped = Dropped()
    namespaces = open_namespaces(store, Tally())
    for namespace in namespaces:
        if damaged.has_index:
            namespace.rebuild_index()
        _drop_in(namespace, damaged, dropped)
    for segment in damaged.segments:
        with store.commit_lock():
            dropped.segments += unlink_durably(store.layout.file("segments", segment))
    if store.keyring.opens_everything:
        _drop_unowned(store, namespaces, damaged, dropped)
    return dropped


class _Damaged:
    """Damaged files by kind."""

    def __init__(self, layout: Layout, findings: Iterable[Finding]) -> None:
        errors = (finding for finding in findings if finding.severity is Severity.ERROR)
        subjects = [finding.subject for finding in errors if finding.remedy != UNREADABLE]
        self.entries = {EntryId(ident) for ident in _idents(layout, subjects, "entries")}
        self.documents = {DocumentId(ident) for ident in _idents(layout, subjects, "documents")}
        self.segments = {SegmentId(ident) for ident in _idents(layout, subjects, "segments")}
        self.has_index = "index.sqlite" in subjects


def _idents(layout: Layout, subjects: Iterable[str], kind: str) -> Iterator[bytes]:
    """Give the ids of files at their own places: a copy of a sound one elsewhere says nothing against that."""
    for subject in subjects:
        try:
            ident = bytes.fromhex(PurePosixPath(subject).stem)
        except ValueError:
            continue
        if ident and subject == layout.relative(layout.file(kind, ident)):
            yield ident


def _drop_in(namespace: Namespace, damaged: _Damaged, dropped: Dropped) -> None:
    rows = {facts["id"]: facts for facts in namespace.index.entries()}
    texts = {facts["id"]: facts for facts in namespace.index.documents()}
    ours = {EntryId(bytes.fromhex(path.stem)) for path in namespace.files("entries")} | rows.keys()
    doomed = dict.fromkeys(ident for ident in damaged.entries if ident in ours)
    lost_texts = {ident for ident in damaged.documents if ident in texts or _owns(namespace, ident)}
    documents = {rows[ident]["document"] for ident in doomed if ident in rows}
    for ident, entry in namespace.all_entries():
        needs_damaged = any(stretch.segment in damaged.segments for stretch in entry.stretches)
        if ident in doomed or needs_damaged or namespace.document_id(entry.document) in lost_texts:
            doomed[ident] = None
            documents.add(entry.document.hex())
    dropped.entries += namespace.remove(doomed).entries
    dropped.lost[namespace.name] = [_lost(namespace, name, texts, lost_texts) for name in sorted(documents)]
    for text in lost_texts:
        namespace.remove_document_by_id(text)
    dropped.documents += len(lost_texts)


def _owns(namespace: Namespace, ident: DocumentId) -> bool:
    return namespace.is_file_of("documents", namespace.store.layout.file("documents", ident))


def _lost(
    namespace: Namespace, name: str, texts: Mapping[bytes, Mapping[str, Any]], lost_texts: Iterable[DocumentId]
) -> LostDocument:
    document = ContentHash(bytes.fromhex(name))
    ident = namespace.document_id(document)
    sources = tuple(texts[ident]["sources"]) if ident in texts else ()
    record = None if ident in lost_texts else namespace.document_or_none(ident)
    if record is not None:
        sources = tuple(source.path for source in record.sources)
    return LostDocument(document, sources, record is not None)


def _drop_unowned(store: Store, namespaces: Iterable[Namespace], damaged: _Damaged, dropped: Dropped) -> None:
    """Remove damaged entries and documents that do not even say whose they are; every namespace is open."""
    owned = {path for namespace in namespaces for kind in ("entries", "documents") for path in namespace.files(kind)}
    paths = [store.layout.file("entries", ident) for ident in damaged.entries]
    texts = [store.layout.file("documents", ident) for ident in damaged.documents]
    for path in (*paths, *texts):
        if path not in owned and path.exists():
            with store.commit_lock():
                unlink_durably(path)
            dropped.entries += path in paths
            dropped.documents += path in texts
