"""After a repair: what was dropped is computed again, from its source where that is unchanged, else from its text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvprep.dedupe.exact import DocumentGroup
from kvprep.documents.cage import Cage
from kvprep.errors import IntegrityError
from kvprep.pipeline.ingest import ingest, ingest_groups
from kvprep.pipeline.report import IngestReport
from kvprep.pipeline.settings import IngestSettings
from kvprep.prefill.base import Engine
from kvprep.prefill.models import ModelFiles
from kvprep.progress import Progress
from kvprep.reuse import document_at
from kvprep.sources import exists, is_unchanged, locate
from kvprep.store.entry import DocumentRecord
from kvprep.store.namespace import Namespace
from kvprep.store.repair import LostDocument
from kvprep.types import CanonicalDocument


@dataclass(frozen=True, slots=True)
class Refilled:
    """What was computed again, and what was not."""

    reports: tuple[IngestReport, ...]
    left: tuple[str, ...]
    """Sources whose documents have no keys and values now."""


def refill(
    namespace: Namespace,
    cage: Cage,
    lost: Sequence[LostDocument],
    settings: IngestSettings,
    progress: Progress,
    *,
    load: Callable[[ModelFiles], Engine] | None = None,
) -> Refilled:
    """Store dropped documents again. The caller holds the namespace's lease.

    A document whose sources have changed is left alone where sources are looked at: no question would ever use it.

    Args:
        namespace: where they were.
        cage: readers, started before the store's key was read.
        lost: what was dropped in this namespace.
        settings: how to ingest; times to live begin anew.
        progress: as of an ingest.
        load: as of an ingest.

    Raises:
        StoreError, ModelError, ConfigError: as an ingest does.
    """
    reports = []
    if files := sorted({file for document in lost for file in _files(namespace, document)}):
        reports.append(ingest(namespace, cage, files, settings, progress, load=load))
    if namespace.state().source_check == "ttl-only":
        unseen = [record for document in lost if (record := _text_without_entry(namespace, document)) is not None]
        if unseen:
            reports.append(ingest_groups(namespace, [_as_found(r) for r in unseen], settings, progress, load=load))
    left = {path for document in lost for path in document.sources if not _is_stored(namespace, path)}
    return Refilled(tuple(reports), tuple(sorted(left)))


def _files(namespace: Namespace, lost: LostDocument) -> list[Path]:
    """Give the files to read again: unchanged ones, and all that are there where the text is gone as well."""
    record = namespace.document_or_none(namespace.document_id(lost.document))
    if record is not None:
        return [Path(s.file) for s in record.sources if is_unchanged(Path(s.path), s.state)]
    return [locate(Path(path))[0] for path in lost.sources if exists(Path(path))]


def _text_without_entry(namespace: Namespace, lost: LostDocument) -> DocumentRecord | None:
    if namespace.index.entries_of(lost.document):
        return None
    return namespace.document_or_none(namespace.document_id(lost.document))


def _as_found(record: DocumentRecord) -> DocumentGroup:
    document = CanonicalDocument(
        text=record.text,
        content_hash=record.content_hash,
        drift_hash=record.drift_hash,
        title=record.title,
        reader=record.reader,
        canonicaliser=record.canonicaliser,
    )
    return DocumentGroup(document, record.sources)


def _is_stored(namespace: Namespace, path: str) -> bool:
    try:
        shown = document_at(namespace, path)
    except IntegrityError:
        return False
    return shown is not None and bool(namespace.index.entries_of(shown))
