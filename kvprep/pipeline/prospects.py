"""What new documents would cost to compute and keep, when that pays, and which stored ones nobody has read.

Source: docs/economics.md.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from kvprep.config import DAY_SECONDS
from kvprep.economics.prices import Prices
from kvprep.economics.speed import PrefillSpeed
from kvprep.economics.value import Kept, break_even_reads, prefill_price, rent
from kvprep.pipeline.demand import ENDLESS_SECONDS, Demand
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, Fingerprint


@dataclass(frozen=True, slots=True)
class Prospect:
    """One new document: what it would cost, and when that has paid. Money in the prices' currency."""

    document: ContentHash
    source: str
    tokens: int
    prefill_s: float | None
    """Computing what nothing has computed yet; None: not measured."""
    prefill: float
    """Computing and storing it, once."""
    rent: float
    """Keeping what it adds until it expires."""
    break_even_reads: float | None
    """None: a read saves nothing."""
    expected_reads: float | None
    """Within its time to live, by past look-ups; None: there are none."""


@dataclass(frozen=True, slots=True)
class NeverRead:
    """Stored documents that nobody has asked about in three months, or since they were stored, at least a day ago."""

    sources: tuple[str, ...] = ()
    num_bytes: int = 0
    """Keys and values, shared ones counted with each."""
    spent: float = 0.0
    """Money that computing and keeping them took."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What is known about times and sizes."""

    speed: PrefillSpeed | None
    load_s: float
    """Of a token; 0: not measured."""
    token_bytes: float
    """On disk."""


def prospect(
    prices: Prices,
    measures: Measures,
    document: ContentHash,
    source: str,
    tokens: int,
    stretches: Iterable[tuple[int, int]],
    *,
    ttl_seconds: float | None,
    expected_reads: float | None,
) -> Prospect | None:
    """Judge one new document.

    Args:
        prices: what things cost.
        measures: what was measured on this machine.
        document, source, tokens: the document.
        stretches: tokens [start, end) that are to be computed for it.
        ttl_seconds: how long it will be kept; None: for ever, and a year is counted.
        expected_reads: within that time.

    Returns:
        None where neither seconds nor a tariff tell what computing costs.
    """
    speed = measures.speed
    if speed is None and prices.input_mtok is None:
        return None
    parts = list(stretches)
    computed = sum(end - start for start, end in parts)
    prefill_s = sum(speed.seconds(start, end) for start, end in parts) if speed else None
    # Sealing and writing handle the same bytes as reading and opening do, and are taken to be as long.
    spent_s = (prefill_s or 0.0) + measures.load_s * computed
    held_s = ENDLESS_SECONDS if ttl_seconds is None else ttl_seconds
    whole_s = speed.seconds(0, tokens) if speed else 0.0
    kept = Kept(round(computed * measures.token_bytes), tokens, whole_s, measures.load_s * tokens)
    return Prospect(
        document=document,
        source=source,
        tokens=tokens,
        prefill_s=prefill_s,
        prefill=prefill_price(prices, spent_s, computed),
        rent=rent(prices, kept.num_bytes, held_s),
        break_even_reads=break_even_reads(prices, kept, spent_s=spent_s, spent_tokens=computed, held_s=held_s),
        expected_reads=expected_reads,
    )


def never_read(
    namespace: Namespace, model: Fingerprint, demand: Demand, sources: Iterable[str], prices: Prices
) -> NeverRead:
    """Find among stored sources those whose document nobody asks about."""
    now, found, num_bytes, spent = time.time(), [], 0, 0.0
    entries = {f["document_id"]: f for f in namespace.index.entries() if f["fingerprint"] == model.hex()}
    for source in sources:
        ident = namespace.index.document_of_path(source)
        facts = entries.pop(ident.hex(), None) if ident else None
        if ident is None or facts is None or demand.last_asked(ident) or now - facts["created_at"] < DAY_SECONDS:
            continue
        found.append(source)
        num_bytes += facts["bytes"]
        spent += prefill_price(prices, facts["prefill_seconds"], facts["tokens"])
        spent += rent(prices, facts["bytes"], now - facts["created_at"])
    return NeverRead(tuple(found), num_bytes, spent)
