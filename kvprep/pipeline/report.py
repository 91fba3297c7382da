"""What an ingest did, source by source and in sum."""

from dataclasses import dataclass, field

from kvprep.dedupe.exact import DocumentGroup
from kvprep.store.entry import DocumentRecord
from kvprep.types import IngestItem, Outcome, Skipped


@dataclass
class IngestReport:
    """What an ingest did."""

    items: list[IngestItem] = field(default_factory=list)
    superseded: int = 0
    reread: int = 0
    """Sources whose bytes are what they were, and that were read again since what reads them is another."""
    reread_changed: int = 0
    """How many of those show another text now."""
    pruned: int = 0
    left: int = 0
    """Files and documents for which there was no time."""
    tokens_total: int = 0
    tokens_computed: int = 0
    kv_bytes: int = 0
    stored_bytes: int = 0
    normalise_s: float = 0.0
    prefill_s: float = 0.0
    store_s: float = 0.0
    wall_s: float = 0.0

    @property
    def tokens_reused(self) -> int:
        """Tokens of ingested documents that another document or an earlier run had computed."""
        return self.tokens_total - self.tokens_computed

    def counts(self) -> dict[str, int]:
        """Count documents by outcome."""
        by = [item.outcome for item in self.items]
        return {
            "found": len(by),
            "ingested": by.count(Outcome.INGESTED),
            "unchanged": by.count(Outcome.UNCHANGED),
            "duplicates": by.count(Outcome.DUPLICATE),
            "deferred": by.count(Outcome.DEFERRED),
            "skipped": by.count(Outcome.SKIPPED),
            "failed": by.count(Outcome.FAILED),
            "superseded": self.superseded,
            "reread": self.reread,
            "reread_changed": self.reread_changed,
        }

    def add(
        self,
        source: str,
        outcome: Outcome,
        document: bytes = b"",
        *,
        reason: str = "",
        tokens: int = 0,
        computed: int = 0,
    ) -> None:
        """Say what became of a source."""
        self.items.append(IngestItem(source, outcome, document.hex(), reason, tokens, computed))

    def add_skipped(self, source: str, skipped: Skipped) -> None:
        """Say why a source became no document."""
        self.add(source, Outcome.FAILED if skipped.failed else Outcome.SKIPPED, reason=skipped.reason)

    def add_known(self, group: DocumentGroup, former: DocumentRecord, tokens: int) -> None:
        """Say that a document was stored before, as `former` has it, and which sources show it now."""
        before = {source.path for source in former.sources}
        for source in group.sources:
            outcome = Outcome.UNCHANGED if source.path in before else Outcome.DUPLICATE
            self.add(source.path, outcome, group.document.content_hash, tokens=tokens)

    def add_deferred(self, group: DocumentGroup, tokens: int) -> None:
        """Say that a document is known and not computed, and which sources show it."""
        for source in group.sources:
            self.add(source.path, Outcome.DEFERRED, group.document.content_hash, tokens=tokens)

    def add_stored(self, group: DocumentGroup, tokens: int, computed: int) -> None:
        """Say that a document was stored, and which sources show it."""
        document = group.document.content_hash
        first, *others = group.sources
        self.tokens_total += tokens
        self.add(first.path, Outcome.INGESTED, document, tokens=tokens, computed=computed)
        for source in others:
            self.add(source.path, Outcome.DUPLICATE, document, tokens=tokens)
