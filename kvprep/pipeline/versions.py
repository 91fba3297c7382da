"""Sources and the documents that they show: one more source, a version that supersedes another, a source that is gone.

A document whose last source is gone, or shows another text, loses its keys and values; its text stays as history.
"""

import os
import time
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path

from kvprep.dedupe.exact import DocumentGroup
from kvprep.errors import IntegrityError
from kvprep.sources import exists
from kvprep.store.entry import DocumentRecord
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, EntryId


class Versions:
    """The documents of one namespace over time. The caller holds the namespace's lease."""

    def __init__(self, namespace: Namespace) -> None:
        """Keep the versions of `namespace`."""
        self._namespace = namespace

    def shown_by(self, path: str) -> DocumentRecord | None:
        """Open the document that a source showed last; None where there is none, or it is damaged."""
        ident = self._namespace.index.document_of_path(path)
        record = self._namespace.document_or_none(ident) if ident else None
        return record if record and any(source.path == path for source in record.sources) else None

    def previous(self, group: DocumentGroup) -> list[DocumentRecord]:
        """Documents that the group's sources showed before; to be asked before the group is put."""
        found: dict[ContentHash, DocumentRecord] = {}
        for source in group.sources:
            if (record := self.shown_by(source.path)) is not None:
                found[record.content_hash] = record
        found.pop(group.document.content_hash, None)
        return list(found.values())

    def record(self, group: DocumentGroup, previous: Sequence[DocumentRecord]) -> DocumentRecord:
        """Describe a group's document as it will be stored: as it is known, with the group's sources as read now."""
        document = group.document
        record = self.former(document.content_hash) or _first(group, previous)
        record = replace(record, reader=document.reader, canonicaliser=document.canonicaliser)
        for source in group.sources:
            record = record.with_source(source)
        return record

    def former(self, document: ContentHash) -> DocumentRecord | None:
        """Open a document; None where there is none, or it is damaged and must be written anew."""
        return self._namespace.document_or_none(self._namespace.document_id(document))

    def supersede(self, group: DocumentGroup, record: DocumentRecord, previous: Sequence[DocumentRecord]) -> int:
        """Take the group's sources from the versions before `record`; return how many lost their last source.

        A version may come back: what its source showed in between is among `previous`, not in its own history.
        """
        # What it says it supersedes as well: a kill may have come between its being stored and this.
        versions = dict.fromkeys((*(p.content_hash for p in previous), *record.supersedes))
        paths = {source.path for source in group.sources}
        return sum(self._without(former, paths) for v in versions if (former := self.former(v)))

    def prune(self, paths: Sequence[Path]) -> int:
        """Forget sources below `paths` that are gone; return how many documents lost their last one."""
        roots = [os.path.abspath(path.expanduser()) for path in paths]
        pruned = 0
        for _, record in list(self._namespace.all_documents()):
            gone = {s.path for s in record.sources if _is_below(s.path, roots) and not exists(Path(s.path))}
            pruned += self._without(record, gone, why="pruned")
        return pruned

    def withdraw(self, path: str) -> bool:
        """Forget a source that is there and must not be used; tell whether its document lost its last one."""
        record = self.shown_by(path)
        return record is not None and self._without(record, {path})

    def withdraw_vanished(self, file: str, sources: Set[str]) -> int:
        """Forget what was inside a file and is no more; return how many documents lost their last source.

        Args:
            file: its path.
            sources: the paths of the file and of everything that is inside it now.
        """
        return sum(
            self._without(record, {s.path for s in record.sources if s.file == file} - sources)
            for record in self.shown_inside(file)
        )

    def shown_inside(self, file: str) -> list[DocumentRecord]:
        """Open the documents that a file, or anything inside it, showed last."""
        documents = self._namespace.index.documents_of_file(file)
        return [record for ident in documents if (record := self._namespace.document_or_none(ident))]

    def _without(self, record: DocumentRecord, paths: set[str], *, why: str = "superseded") -> bool:
        """Take sources from a document; tell whether it lost its last one, and its keys and values with it."""
        taken = paths & {source.path for source in record.sources}
        if not taken:
            return False
        for path in taken:
            record = record.without_source(path)
        self._namespace.put_document(record)
        if not record.sources:
            document = record.content_hash
            entries = (ident for ident in self._namespace.index.entries_of(document) if self._is_of(ident, document))
            self._namespace.remove(entries, why=why)
        return not record.sources

    def _is_of(self, ident: EntryId, document: ContentHash) -> bool:
        """Believe no row of the index that another document's entry is this one's. A damaged entry serves nobody."""
        try:
            entry = self._namespace.entry(ident)
        except IntegrityError:
            return True
        return entry is None or entry.document == document


def _first(group: DocumentGroup, previous: Sequence[DocumentRecord]) -> DocumentRecord:
    document = group.document
    return DocumentRecord(
        content_hash=document.content_hash,
        drift_hash=document.drift_hash,
        title=document.title,
        reader=document.reader,
        canonicaliser=document.canonicaliser,
        sources=(),
        supersedes=tuple(p.content_hash for p in previous),
        version=1 + max((p.version for p in previous), default=0),
        created_at=time.time(),
        text=document.text,
    )


def _is_below(path: str, roots: Sequence[str]) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)
