"""Exact groups: sources with the same canonical text are one document."""

from collections.abc import Iterable
from dataclasses import dataclass

from kvprep.types import CanonicalDocument, ContentHash, SourceRecord


@dataclass(frozen=True, slots=True)
class DocumentGroup:
    """One document and every source of the batch that shows it, in the order found."""

    document: CanonicalDocument
    sources: tuple[SourceRecord, ...]


def group_exact(readings: Iterable[tuple[SourceRecord, CanonicalDocument]]) -> list[DocumentGroup]:
    """Group sources by content hash, in the order in which each document was first seen."""
    groups: dict[ContentHash, tuple[CanonicalDocument, list[SourceRecord]]] = {}
    for source, document in readings:
        groups.setdefault(document.content_hash, (document, []))[1].append(source)
    return [DocumentGroup(document, tuple(sources)) for document, sources in groups.values()]
