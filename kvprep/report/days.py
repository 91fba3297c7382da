"""The report day by day, in UTC."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kvprep.economics.prices import Prices
from kvprep.report import traffic
from kvprep.report.money import bytes_per_token, money_saved
from kvprep.report.stock import Stock
from kvprep.store.usage import EventKind, Histogram, Sum

_ROUNDING = 1.0
"""Bytes that adding up parts may be off."""
_REMOVALS = (EventKind.INVALIDATION, EventKind.EVICTION)


def day_facts(
    stocks: Sequence[Stock],
    sums: Sequence[Sum],
    prices: Prices,
    *,
    loads: Mapping[str, Histogram],
    first_tokens: Mapping[str, Histogram],
    now: float,
) -> list[dict[str, Any]]:
    """List every day from the first look-up or write to today, those without any too.

    Args:
        stocks: what is held now.
        sums: of events.
        prices: what things cost.
        loads: how long they took, by day.
        first_tokens: the same of the way to the first token.
        now: seconds since 1970.
    """
    counted = [row for row in sums if row.kind in (EventKind.LOOK_UP, EventKind.WRITE)]
    if not counted:
        return []
    names = traffic.days_between(traffic.day_of(min(row.start for row in counted)), traffic.day_of(now))
    used = traffic.tallies(traffic.look_ups(sums), lambda row: traffic.day_of(row.start))
    per_token = bytes_per_token([held for stock in stocks for held in stock.holdings])
    stored = _stored_bytes(stocks, sums, names)
    found = []
    for name in names:
        tally = used.get(name, traffic.Tally())
        found.append(
            {
                "day": name,
                "lookups": tally.look_ups,
                "hits": tally.hits,
                "requested": tally.requested,
                "reused": tally.reused,
                "hit_rate": tally.hit_rate,
                "saved_seconds": tally.saved_s,
                "saved_money": money_saved(prices, tally, per_token),
                "load_p50": _half(loads.get(name)),
                "first_token_p50": _half(first_tokens.get(name)),
                "stored_bytes": stored[name],
            }
        )
    return found


def _half(found: Histogram | None) -> float | None:
    return found.percentile(0.5) if found is not None else None


def _stored_bytes(stocks: Sequence[Stock], sums: Iterable[Sum], days: Sequence[str]) -> dict[str, int | None]:
    """Go back from what is held now, by what was written and removed on each day.

    None where that does not come out: events are missing, as of a store that was used before they were counted.
    """
    change: dict[str, int] = defaultdict(int)
    for row in sums:
        sign = 1 if row.kind == EventKind.WRITE else -1 if row.kind in _REMOVALS else 0
        change[traffic.day_of(row.start)] += sign * row.num_bytes
    held = [each for stock in stocks for each in stock.holdings]
    on_disk, in_memory = sum(each.num_bytes for each in held), sum(each.kv_bytes for each in held)
    scale = on_disk / in_memory if in_memory else 1.0
    stored: dict[str, int | None] = {}
    left = in_memory
    for day in reversed(days):
        stored[day] = max(round(left * scale), 0) if left >= -_ROUNDING else None
        left -= change[day]
    return stored
