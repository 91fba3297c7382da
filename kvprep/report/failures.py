"""What went wrong with what is cached, newest first."""

from collections.abc import Iterable, Sequence
from typing import Any

from kvprep.report.stock import Stock
from kvprep.store.usage import EventKind, Sum, Usage

_MOST = 200
_LOOK_UP_FAILURES = ("corrupt", "denied")
_SHADOW_FAILURES = ("differs", "stale")


def is_failure(kind: str, result: str) -> bool:
    """Tell whether an event is of something that should not have been."""
    if kind == EventKind.LOOK_UP:
        return result in _LOOK_UP_FAILURES
    if kind == EventKind.SHADOW:
        return result in _SHADOW_FAILURES
    return kind == EventKind.VERIFICATION and result != "ok"


def failure_facts(usage: Usage, stocks: Sequence[Stock], *, since: float) -> list[dict[str, Any]]:
    """List the newest failures, at most 200; of a document that is gone neither hash nor title is known."""
    names = titles(stocks)
    ours = {stock.namespace for stock in stocks} | {""}
    found = []
    for at, event in usage.recent(kinds=_KINDS, since=since, limit=_MOST):
        if not is_failure(event.kind, event.result) or event.namespace not in ours:
            continue
        document, title = names.get((event.namespace, event.document), (None, None))
        found.append({"at": at, "kind": str(event.kind), "result": event.result, "document": document, "title": title})
    return found


_KINDS = (EventKind.LOOK_UP, EventKind.SHADOW, EventKind.VERIFICATION)


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
