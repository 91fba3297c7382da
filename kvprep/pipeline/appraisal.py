"""What entries are worth, by the look-ups of the past: for gc, which compares them, and for who is told.

Source: docs/maintenance.md, "What is kept, and why".
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kvprep.config import DAY_SECONDS
from kvprep.economics.prices import Prices
from kvprep.economics.value import MONTH_SECONDS, Kept, idle_break_even_s, value_density
from kvprep.economics.worth import Uses, Worth, worth
from kvprep.pipeline.demand import Demand
from kvprep.pipeline.measured import measured_load_s
from kvprep.store.events import HITS, EventKind, Sum
from kvprep.store.eviction import Appraisal
from kvprep.store.holdings import Holding
from kvprep.store.namespace import Namespace
from kvprep.types import DocumentId, Fingerprint

HALF_LIFE_SECONDS = 30 * DAY_SECONDS
"""A look-up counts half as much when it is this old: what is needed once a month keeps its place to the next one."""
_DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Valuation:
    """What an entry is worth, as it is told to a person."""

    title: str
    """Of its document; empty where that is gone."""
    uses: Uses
    """The reads since it was written, as far as they were of what it holds alone."""
    last_used_at: float
    """When somebody asked for it last, whatever he got; 0: never. Seconds since 1970."""
    asked_a_month: float
    """Look-ups a month, whatever their result, each counting half as much every thirty days."""
    worth: Worth


class Appraiser:
    """Says what entries are worth at one moment."""

    def __init__(self, prices: Prices, now: float, *, idle: bool = True) -> None:
        """Ask nothing yet.

        Args:
            prices: what things cost.
            now: seconds since 1970.
            idle: whether anything is to go for having been idle.
        """
        self._prices, self._now, self._idle = prices, now, idle
        self._known: dict[bytes, _Past] = {}

    def __call__(self, namespace: Namespace, holding: Holding) -> Appraisal:
        """Say what gc is to know of an entry."""
        value, kept = self.value(namespace, holding), self._kept(namespace, holding)
        longest = idle_break_even_s(self._prices, kept.num_bytes, kept.prefill_s, kept.load_s, tokens=kept.tokens)
        return Appraisal(
            last_used_at=max(value.last_used_at, self._past(namespace).since),
            is_proven=value.asked_a_month > 0,
            longest_idle_s=longest if self._idle else None,
            density=value_density(
                self._prices, value.asked_a_month, kept.prefill_s - kept.load_s, kept.num_bytes, tokens=kept.tokens
            ),
        )

    def value(self, namespace: Namespace, holding: Holding) -> Valuation:
        """Say what an entry is worth, by what it holds alone."""
        past, entry = self._past(namespace), holding.entry
        ident, model = namespace.document_id(entry.document), entry.fingerprint
        asked = past.asked(ident, model)
        reads = [row for row in asked if row.result in HITS and row.last_at >= entry.created_at]
        uses = _uses(reads, share=holding.num_tokens / entry.num_tokens)
        spent = worth(
            self._prices,
            self._kept(namespace, holding),
            uses,
            spent_s=holding.prefill_s,
            spent_tokens=holding.num_tokens,
            held_s=max(0.0, self._now - entry.created_at),
        )
        last = max((row.last_at for row in asked), default=0.0)
        return Valuation(past.title(ident), uses, last, self._a_month(asked), spent)

    def _kept(self, namespace: Namespace, holding: Holding) -> Kept:
        load_s = self._past(namespace).load_s(holding.entry.fingerprint) * holding.num_tokens
        return Kept(holding.num_bytes, holding.num_tokens, holding.prefill_s, load_s)

    def _past(self, namespace: Namespace) -> "_Past":
        if namespace.ident not in self._known:
            self._known[namespace.ident] = _Past(namespace, self._now)
        return self._known[namespace.ident]

    def _a_month(self, asked: Sequence[Sum]) -> float:
        """Give the rate at which look-ups come, the older the less they count.

        One a month for ever comes to one: the sum of 2^(-age / half-life) over a steady stream is its rate times
        half-life ÷ ln 2.
        """
        half_lives = [max(0.0, self._now - row.last_at) / HALF_LIFE_SECONDS for row in asked]
        counted: float = sum(row.count * 0.5**age for row, age in zip(asked, half_lives, strict=True))
        return counted * math.log(2) * MONTH_SECONDS / HALF_LIFE_SECONDS


class _Past:
    """The look-ups of one namespace."""

    def __init__(self, namespace: Namespace, now: float) -> None:
        self._namespace, self._demand = namespace, Demand(namespace)
        self._documents: dict[bytes, dict[str, Any]] = {facts["id"]: facts for facts in namespace.index.documents()}
        self._rows: dict[tuple[str, str], list[Sum]] = defaultdict(list)
        sums = namespace.store.usage.sums(namespace=namespace.ident.hex())
        self.since = min((row.start for row in sums), default=now)
        """From when on it is known what was used: where the figures were lost, nothing is idle for longer."""
        for row in sums:
            if row.kind is EventKind.LOOK_UP and row.result != _DENIED:
                self._rows[row.document, row.model].append(row)
        self._load_s: dict[Fingerprint, float] = {}
        self._asked: dict[tuple[DocumentId, Fingerprint], list[Sum]] = {}

    def title(self, document: DocumentId) -> str:
        return str(self._documents[document]["title"]) if document in self._documents else ""

    def load_s(self, model: Fingerprint) -> float:
        """Give the seconds that loading a token takes, as measured; 0 where nothing was loaded yet."""
        if model not in self._load_s:
            self._load_s[model] = measured_load_s(self._namespace, model) or 0.0
        return self._load_s[model]

    def asked(self, document: DocumentId, model: Fingerprint) -> list[Sum]:
        """Give the look-ups of a document since it first came, with those of the versions before it."""
        if (document, model) not in self._asked:
            found = [row for version in self._versions(document) for row in self._of(version, model)]
            self._asked[document, model] = found
        return self._asked[document, model]

    def _of(self, document: DocumentId, model: Fingerprint) -> list[Sum]:
        since = self._documents[document]["created_at"] if document in self._documents else 0.0
        return [row for row in self._rows.get((document.hex(), model.hex()), ()) if row.last_at >= since]

    def _versions(self, document: DocumentId) -> list[DocumentId]:
        facts = self._documents.get(document)
        record = self._namespace.document_or_none(document) if facts and facts["version"] > 1 else None
        if record is None:
            return [document]
        return [self._namespace.document_id(version.content_hash) for version in self._demand.history(record)]


def _uses(reads: Sequence[Sum], *, share: float) -> Uses:
    return Uses(
        reads=sum(row.count for row in reads),
        tokens=round(share * sum(row.tokens_reused for row in reads)),
        prefill_s=share * sum(row.saved_seconds for row in reads),
        load_s=share * sum(row.load_seconds for row in reads),
    )
