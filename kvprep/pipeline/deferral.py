"""Which documents are not computed yet: those that the past does not promise enough reads, and those gc removed.

Source: docs/economics.md, "Computing only what will be read".
"""

import time

from kvprep.dedupe.exact import DocumentGroup
from kvprep.discover import matches
from kvprep.errors import StoreError
from kvprep.pipeline.demand import Demand
from kvprep.pipeline.settings import IngestSettings
from kvprep.pipeline.versions import Versions
from kvprep.store.entry import Deferral, DocumentRecord
from kvprep.store.index import KnownSource
from kvprep.store.namespace import Namespace
from kvprep.types import DocumentId


def ttl_of(settings: IngestSettings, path: str) -> float | None:
    """Give the seconds that the entries of a source live; None: for ever."""
    globs = ((glob, ttl) for glob, ttl in settings.ttl_globs if matches(path, (glob,)))
    return next(globs, ("", settings.ttl_seconds))[1]


class Deferrals:
    """Decides for one run, one namespace and one model."""

    def __init__(self, namespace: Namespace, model: bytes, settings: IngestSettings) -> None:
        """Decide by `settings.worth`; `model` is the keyed id of model and tags."""
        self._namespace, self._model, self._settings = namespace, model, settings
        self._versions, self.demand = Versions(namespace), Demand(namespace)

    def is_open(self, known: KnownSource) -> bool:
        """Tell whether a deferred source must be judged again: it was asked for since, or N is another."""
        deferral = known.deferral
        if deferral is None or self._is_asked_since(deferral, known.document):
            return True
        return deferral.worth not in (0, self._settings.worth)

    def judge(self, group: DocumentGroup) -> Deferral | None:
        """Say what defers a document that has no keys and values; None: it is to be computed."""
        ident = self._namespace.document_id(group.document.content_hash)
        former = self._versions.former(group.document.content_hash)
        before = former.deferral(self._model) if former else None
        if before is not None and before.worth == 0 and not self._is_asked_since(before, ident):
            return before
        if not self._settings.worth:
            return None
        if self.expected_reads(group) >= self._settings.worth:
            return None
        ttl = ttl_of(self._settings, group.sources[0].path)
        return Deferral(self._model, time.time(), self._settings.worth, ttl)

    def expected_reads(self, group: DocumentGroup) -> float:
        """Forecast the reads of a document within its time to live."""
        former = self._versions.former(group.document.content_hash)
        known = [*([former] if former else []), *self._versions.previous(group)]
        versions = [version for record in known for version in self.demand.history(record)]
        files = [source.file for source in group.sources]
        return self.demand.expected(versions, files, ttl_of(self._settings, group.sources[0].path))

    def _is_asked_since(self, deferral: Deferral, document: DocumentId) -> bool:
        try:
            return self.demand.last_asked(document) > deferral.at
        except StoreError:
            if self._settings.worth:
                raise
            return False  # an ingest that asks for no figures needs none


def is_worth_now(namespace: Namespace, record: DocumentRecord, deferral: Deferral) -> bool:
    """Tell whether a deferred document that is being asked about, not yet counted, is worth keeping from now on."""
    demand = Demand(namespace)
    known, files = list(demand.history(record)), [source.file for source in record.sources]
    return demand.expected(known, files, deferral.ttl_seconds, asked_now=1) >= deferral.worth
