"""How often documents will be asked about, by what past look-ups say.

Source: docs/economics.md, "The forecast".
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from kvprep.config import DAY_SECONDS
from kvprep.store.entry import DocumentRecord
from kvprep.store.namespace import Namespace
from kvprep.store.usage import Reads
from kvprep.types import DocumentId

ENDLESS_SECONDS = 365 * DAY_SECONDS
"""How long what never expires is taken to be kept."""
_MONTH_SECONDS = 30 * DAY_SECONDS
_WINDOW_SECONDS = 90 * DAY_SECONDS
"""What is older says little about next month."""
_MOST_VERSIONS = 100


class Demand:
    """Look-ups of one namespace's documents, as they were and as they are to be expected."""

    def __init__(self, namespace: Namespace) -> None:
        """Ask nothing yet: an ingest in which nothing is new needs no answer."""
        self._namespace, self._now = namespace, time.time()

    def last_asked(self, document: DocumentId) -> float:
        """When a document was looked up last, in seconds since 1970; 0: not within three months."""
        reads = self._reads.get(document.hex())
        return reads.last_at if reads else 0.0

    @property
    def is_known(self) -> bool:
        """Whether anybody has asked for anything in three months."""
        return bool(self._reads)

    def expected(
        self, known: Sequence[DocumentRecord], files: Iterable[str], ttl_seconds: float | None, *, asked_now: int = 0
    ) -> float:
        """Forecast the look-ups of a document within its time to live.

        Args:
            known: the document as it is known already, and the versions before it, with those before them.
            files: paths of the files that show it; they say which folder's average counts where nothing is known.
            ttl_seconds: None: it never expires; a year is looked at.
            asked_now: look-ups that are not counted yet.
        """
        span = ENDLESS_SECONDS if ttl_seconds is None else ttl_seconds
        return self._a_month(known, files, asked_now) * span / _MONTH_SECONDS

    def history(self, document: DocumentRecord) -> Iterator[DocumentRecord]:
        """Give a document and the versions before it, newest first, at most 100."""
        pending, seen = [document], {document.content_hash}
        while pending:
            current = pending.pop(0)
            yield current
            earlier = [former for former in current.supersedes if former not in seen][: _MOST_VERSIONS - len(seen)]
            seen.update(earlier)
            records = (self._namespace.document_or_none(self._namespace.document_id(former)) for former in earlier)
            pending += [record for record in records if record is not None]

    @cached_property
    def _reads(self) -> dict[str, Reads]:
        return self._namespace.store.usage.reads(
            namespace=self._namespace.ident.hex(), since=self._now - _WINDOW_SECONDS
        )

    def _a_month(self, known: Sequence[DocumentRecord], files: Iterable[str], asked_now: int) -> float:
        if known:
            idents = {self._namespace.document_id(record.content_hash).hex() for record in known}
            return self._rate(idents, min(record.created_at for record in known), asked_now)
        averages = self._averages
        folders = [folder for folder in map(os.path.dirname, files) if folder in averages]
        return max((averages[folder] for folder in folders), default=averages.get("", 0.0))

    def _rate(self, idents: Iterable[str], known_since: float, asked_now: int = 0) -> float:
        """Look-ups a month since something is known; of what is known for less, as if it were a month."""
        months = min(max(self._now - known_since, _MONTH_SECONDS), _WINDOW_SECONDS) / _MONTH_SECONDS
        counted = sum(reads.look_ups for ident in idents if (reads := self._reads.get(ident)))
        return (counted + asked_now) / months

    @cached_property
    def _averages(self) -> dict[str, float]:
        """Look-ups a month of a document: by folder, and under the empty name over the namespace."""
        rates: dict[str, list[float]] = defaultdict(list)
        for facts in self._namespace.index.documents():
            rate = self._rate([facts["id"].hex()], facts["created_at"])
            folders = {os.path.dirname(source) for source in facts["sources"]}
            for folder in {*folders, ""} if folders else ():
                rates[folder].append(rate)
        return {folder: sum(found) / len(found) for folder, found in rates.items()}
