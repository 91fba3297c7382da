"""What went wrong with what is cached, newest first."""

from collections.abc import Iterable, Sequence
from typing import Any

from kvprep.report.stock import Stock
from kvprep.store.usage import EventKind, Sum, Usage

_MOST = 200
_FAILURES = {EventKind.LOOK_UP: ("corrupt", "denied"), EventKind.SHADOW: ("differs", "stale")}
"""Results that should not have been; of a verification that is each but `ok`."""


def failure_facts(usage: Usage, stocks: Sequence[Stock], sums: Iterable[Sum], *, since: float) -> list[dict[str, Any]]:
    """List the newest failures, at most 200; of a document that is gone neither hash nor title is known.

    Args:
        usage: asked for those that are kept one by one.
        stocks: of the namespaces that are looked at.
        sums: of their events; they say what verifications found.
        since: seconds since 1970.
    """
    names = titles(stocks)
    ours = {stock.namespace for stock in stocks} | {""}
    verified = {row.result for row in sums if row.kind == EventKind.VERIFICATION and row.result != "ok"}
    wanted = {**_FAILURES, EventKind.VERIFICATION: tuple(verified)}
    found: list[dict[str, Any]] = []
    for kind, results in wanted.items():
        for at, event in usage.recent(kinds=[kind], results=results, since=since, limit=_MOST):
            if event.namespace in ours:
                document, title = names.get((event.namespace, event.document), (None, None))
                told = {"at": at, "kind": str(kind), "result": event.result, "document": document, "title": title}
                found.append(told)
    return sorted(found, key=lambda facts: -facts["at"])[:_MOST]


def titles(stocks: Iterable[Stock]) -> dict[tuple[str, str], tuple[str, str]]:
    """Give content hash and title of every document, by namespace and keyed id."""
    return {(stock.namespace, ident): found for stock in stocks for ident, found in stock.titles.items()}


def failed_documents(
    sums: Iterable[Sum], stocks: Sequence[Stock], kind: EventKind, results: Sequence[str]
) -> list[str]:
    """Name the documents with events of a kind that had one of these results, by the beginning of hash and title."""
    names = titles(stocks)
    failed = {(row.namespace, row.document) for row in sums if row.kind == kind and row.result in results and row.count}
    return sorted(_name(*names.get(key, (None, None))) for key in failed)


def _name(document: str | None, title: str | None) -> str:
    return f"{document[:12]} {title}" if document else "a document that is gone"
