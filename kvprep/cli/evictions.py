"""What gc evicts, and what that saves and gives up, as facts and for a person."""

from collections import Counter

from kvprep.cli import render
from kvprep.cli.output import Facts
from kvprep.cli.price_options import money
from kvprep.economics.prices import Prices
from kvprep.economics.value import MONTH_SECONDS, prefill_price, rent
from kvprep.pipeline.appraisal import Appraiser
from kvprep.store.eviction import Eviction, Reason, last_use
from kvprep.store.gc import Collected

_DAY_SECONDS = 86_400.0
_COLUMNS = ("title", "reason", "reads", "idle", "size", "net")


def eviction_facts(collected: Collected, appraiser: Appraiser, now: float) -> Facts:
    """Tell what went of what may be used, and why, the store still being open."""
    counts = Counter(eviction.reason for eviction in collected.evicted)
    return {
        "evicted": {str(reason): counts[reason] for reason in Reason},
        "evictions": [_facts_of(eviction, appraiser, now) for eviction in collected.evicted],
    }


def _facts_of(eviction: Eviction, appraiser: Appraiser, now: float) -> Facts:
    holding = eviction.holding
    value = appraiser.value(eviction.namespace, holding)
    return {
        "document": holding.entry.document.hex(),
        "title": value.title,
        "namespace": eviction.namespace.name,
        "fingerprint": holding.entry.fingerprint.hex(),
        "reason": str(eviction.reason),
        "reads": value.uses.reads,
        "idle_seconds": max(0.0, now - last_use(holding.entry, eviction.appraisal)),
        "bytes": holding.num_bytes,
        "tokens": holding.num_tokens,
        "prefill_seconds": holding.prefill_s,
        "net": value.worth.net,
    }


def money_facts(collected: Collected, prices: Prices) -> Facts:
    """Tell what is paid for what stays, and what was for what went: rent a month, and computing it again."""
    holdings = [eviction.holding for eviction in collected.evicted]
    given_up = sum(prefill_price(prices, holding.prefill_s, holding.num_tokens) for holding in holdings)
    return {
        "currency": prices.currency,
        "rent_month": {
            "kept": rent(prices, collected.kept_bytes, MONTH_SECONDS),
            "freed": rent(prices, collected.num_bytes, MONTH_SECONDS),
        },
        "recompute": {
            "kept": prefill_price(prices, collected.kept_prefill_s, collected.kept_tokens),
            "freed": given_up,
        },
    }


def draw_evictions(facts: Facts, prices: Prices) -> None:
    """Draw what went of what may be used, and count it by reason."""
    rows = [
        (
            evicted["title"],
            evicted["reason"],
            f"{evicted['reads']:,}",
            f"{evicted['idle_seconds'] / _DAY_SECONDS:,.1f} days",
            render.size(evicted["bytes"]),
            money(prices, evicted["net"]),
        )
        for evicted in facts["evictions"]
    ]
    if rows:
        render.table(_COLUMNS, rows, numbers=_COLUMNS[2:])
        verb = "would be evicted" if facts["dry_run"] else "evicted"
        counts = ", ".join(f"{count:,} {_WHY[reason]}" for reason, count in facts["evicted"].items() if count)
        print(f"{render.counted(len(rows), 'entry', 'entries')} {verb}: {counts}")


_WHY = {
    str(Reason.IDLE): "idle for longer than pays",
    str(Reason.LIMIT): "to fit the limit",
}


def draw_money(facts: Facts, prices: Prices) -> None:
    """Draw what keeping costs and what it is worth."""
    rents, again = facts["money"]["rent_month"], facts["money"]["recompute"]
    print(f"rent a month: {money(prices, rents['freed'])} freed, {money(prices, rents['kept'])} kept")
    print(f"computing it again: {money(prices, again['freed'])} given up, {money(prices, again['kept'])} kept")
