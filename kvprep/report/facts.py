"""The facts of a report, from which the terminal and the page are drawn: docs/figures.md names each.

Times are seconds since 1970 here; the command line writes them as RFC 3339.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from kvprep.economics.prices import Prices
from kvprep.report import ledger, traffic
from kvprep.report.days import day_facts
from kvprep.report.failures import failure_facts
from kvprep.report.money import Spending, spending
from kvprep.report.stock import Held, Stock, file_sizes, take_stock
from kvprep.store.layout import UNCHANGED
from kvprep.store.namespace import Namespace
from kvprep.store.needs import awaiting_shred
from kvprep.store.store import Store
from kvprep.store.usage import EventKind, Histogram, Sum
from kvprep.store.usagesums import reads_of

Facts = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What the facts are made from."""

    store: Store
    namespaces: Sequence[Namespace]
    stocks: Sequence[Stock]
    sizes: Mapping[str, int]
    """Of the store's files: bytes by path."""
    prices: Prices
    since: float
    now: float
    every: Sequence[Sum]
    """Of the events from `since` on, of whatever namespace, those included that are gone."""
    sums: Sequence[Sum]
    """Those of these namespaces and of the whole store."""

    @property
    def holdings(self) -> list[Held]:
        """Every entry of every namespace."""
        return [holding for stock in self.stocks for holding in stock.holdings]

    @property
    def ours(self) -> set[str]:
        """Namespaces of the events that the report is of."""
        return {stock.namespace for stock in self.stocks} | {""}

    @property
    def look_ups(self) -> list[Sum]:
        """The sums of look-ups alone."""
        return traffic.look_ups(self.sums)


def prepare(store: Store, namespaces: Sequence[Namespace], prices: Prices, *, since: float, now: float) -> Report:
    """Read index and events; opens no document and no entry.

    Args:
        store: their store.
        namespaces: that the report is of.
        prices: what things cost.
        since: events before it are left out, in seconds since 1970; 0: none.
        now: until when rent is due.
    """
    sizes = file_sizes(store.layout)
    ours = {namespace.ident.hex() for namespace in namespaces} | {""}
    every = store.usage.sums(since=since)
    return Report(
        store=store,
        namespaces=namespaces,
        stocks=[take_stock(namespace, sizes) for namespace in namespaces],
        sizes=sizes,
        prices=prices,
        since=since,
        now=now,
        every=every,
        sums=[row for row in every if row.namespace in ours],
    )


def collect_facts(report: Report) -> Facts:
    """Build all facts of `kvprep.stats/1`."""
    total = traffic.tally(report.look_ups)
    results = traffic.by_result(report.sums, EventKind.LOOK_UP)
    checks = traffic.by_result(report.sums, EventKind.SHADOW)
    judged = _judge(report)
    money = spending(report.prices, report.holdings, report.sums, since=report.since, now=report.now)
    return {
        "since": report.since or None,
        "lookups": {result: results[result] for result in traffic.RESULTS},
        "hit_rate": total.hit_rate,
        "tokens": {"requested": total.requested, "reused": total.reused},
        "saved": {"prefill_seconds": total.saved_s, "flops": total.saved_flops, "money": money.saved},
        "storage": _storage(report),
        "latency": {"load": _percentiles(report, "load"), "first_token": _percentiles(report, "first_token")},
        "checks": {result: checks[result] for result in ("equal", "differs", "stale")},
        "staleness_prevented": traffic.staleness_prevented(results),
        "events": _events(report),
        "last_success": _last_success(report.store),
        "economics": _economics(report.prices, money, judged),
        "days": _days(report),
        "namespaces": [_namespace_facts(report, stock) for stock in report.stocks],
        "models": _model_facts(report),
        "documents": [ledger.document_facts(account) for account in judged],
        "sharing": [group for stock in report.stocks for group in ledger.sharing(stock.holdings)],
        "failures": failure_facts(report.store.usage, report.stocks, report.sums, since=report.since),
        "principals": traffic.principals(report.look_ups),
    }


def _judge(report: Report) -> list[ledger.Account]:
    """Judge documents over their whole life: what is worth keeping does not depend on the report's begin."""
    judged: list[ledger.Account] = []
    rows = report.store.usage.sums() if report.since else report.sums
    for stock in report.stocks:
        reads = reads_of(row for row in rows if row.namespace == stock.namespace)
        tokens = sum(seen.tokens for seen in reads.values())
        per_token = sum(seen.load_seconds for seen in reads.values()) / tokens if tokens else 0.0
        judged += ledger.accounts(stock.holdings, reads, report.prices, load_s_per_token=per_token, now=report.now)
    return sorted(judged, key=lambda account: -account.worth.saved)


def _storage(report: Report) -> Facts:
    uses = [use for namespace in report.namespaces for use in awaiting_shred(namespace)]
    layout, sizes = report.store.layout, report.sizes
    waiting = sum(use.dead_share(sizes.get(layout.file_name("segments", use.stretch.segment), 0)) for use in uses)
    return {
        "bytes": sum(sizes.values()),
        "entries": len(report.holdings),
        "documents": sum(stock.documents for stock in report.stocks),
        "awaiting_shred": {"segments": len(uses), "bytes": waiting},
    }


def _percentiles(report: Report, what: Literal["load", "first_token"]) -> Facts:
    found = report.store.usage.latency(what, since=report.since, namespaces=_idents(report))
    return {name: found.percentile(share) for name, share in (("p50", 0.50), ("p95", 0.95))}


def loads_by_namespace(report: Report) -> dict[str, Histogram]:
    """Say how long loads took, ever, in each namespace."""
    return {ident: report.store.usage.latency("load", namespaces=[ident]) for ident in _idents(report)}


def _idents(report: Report) -> list[str]:
    return [stock.namespace for stock in report.stocks]


def _days(report: Report) -> list[Facts]:
    usage, ours = report.store.usage, _idents(report)
    return day_facts(
        report.stocks,
        report.sums,
        report.prices,
        loads=usage.latency_by_day("load", since=report.since, namespaces=ours),
        first_tokens=usage.latency_by_day("first_token", since=report.since, namespaces=ours),
        now=report.now,
    )


def _events(report: Report) -> Facts:
    verified = traffic.by_result(report.sums, EventKind.VERIFICATION)
    return {
        "writes": traffic.by_result(report.sums, EventKind.WRITE).total(),
        "invalidations": dict(traffic.by_result(report.sums, EventKind.INVALIDATION)),
        "evictions": dict(traffic.by_result(report.sums, EventKind.EVICTION)),
        "verifications": {"ok": verified["ok"], "failed": verified.total() - verified["ok"]},
    }


def _economics(prices: Prices, money: Spending, judged: Sequence[ledger.Account]) -> Facts:
    return {
        "currency": prices.currency,
        "prices_dated": prices.dated,
        "prices": {
            "device_hour": prices.device_hour,
            "storage_gb_month": prices.storage_gb_month,
            "transfer_gb": prices.transfer_gb,
            "input_mtok": prices.input_mtok,
            "cached_input_mtok": prices.cached_input_mtok,
        },
        "spent": {"prefill": money.prefill, "rent": money.rent},
        "rent_month": money.rent_month,
        "saved": money.saved,
        "net": money.net,
        "never_read": ledger.never_read(judged),
    }


def _last_success(store: Store) -> float | None:
    """Say when an ingest or a verify ended well last; one that ended at a receipt has only touched a file."""
    times = [store.usage.last_success()]
    with suppress(OSError):
        times.append((store.path / UNCHANGED).stat().st_mtime)
    return max((at for at in times if at is not None), default=None)


def _namespace_facts(report: Report, stock: Stock) -> Facts:
    rows = [row for row in report.sums if row.namespace == stock.namespace]
    return {
        "namespace": stock.namespace,
        "name": stock.name,
        **_used_facts(report, rows, stock.holdings),
        "bytes": stock.num_bytes,
        "entries": len(stock.holdings),
    }


def _model_facts(report: Report) -> list[Facts]:
    """List models, most used first; one whose entries are all gone has no name any more."""
    rows = [row for row in report.sums if row.kind in (EventKind.LOOK_UP, EventKind.WRITE)]
    names = {holding.fingerprint: holding.model for holding in report.holdings}
    found = []
    for fingerprint in {row.model for row in rows} | names.keys():
        held = [holding for holding in report.holdings if holding.fingerprint == fingerprint]
        found.append(
            {
                "fingerprint": fingerprint,
                "name": names.get(fingerprint),
                **_used_facts(report, [row for row in rows if row.model == fingerprint], held),
                "entries": len(held),
                "bytes": round(sum(holding.num_bytes for holding in held)),
            }
        )
    return sorted(found, key=lambda facts: (-facts["lookups"], facts["fingerprint"]))


def _used_facts(report: Report, rows: Sequence[Sum], held: Sequence[Held]) -> Facts:
    """Say how much a part of the store was used, and what that saved and cost."""
    used = traffic.tally(traffic.look_ups(rows))
    money = spending(report.prices, held, rows, since=report.since, now=report.now)
    return {
        "lookups": used.look_ups,
        "hits": used.hits,
        "hit_rate": used.hit_rate,
        "saved_seconds": used.saved_s,
        "saved": money.saved,
        "spent": money.spent,
        "net": money.net,
    }
