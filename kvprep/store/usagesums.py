"""Adding events up: for those who ask, and for good once they are old."""

import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from kvprep.store.events import HITS, Event, EventKind, Histogram, Reads, Sum
from kvprep.store.usagefile import GROUPING, LATENCIES, NUMBERS, mark, marked_at, transaction

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
EVENTS_SECONDS = 7 * DAY_SECONDS
"""How long events are kept one by one."""
HOURS_SECONDS = 90 * DAY_SECONDS
"""How long they are kept by the hour; then by the day."""
COMPACTED = "compacted"
"""Name of the mark that says when events were added up last."""

_HOUR_US = HOUR_SECONDS * 1_000_000
_GROUPING = ", ".join(GROUPING)
_NUMBERS = ", ".join(NUMBERS)
_ADDED_NUMBERS = ", ".join(f"sum({name})" for name in NUMBERS)
_BY_HOUR = f"at_us / {_HOUR_US} * {HOUR_SECONDS}"
_EVENT_SUMS = (
    f"SELECT {HOUR_SECONDS}, {_BY_HOUR} AS hour, {_GROUPING}, count(*), max(at_us), {_ADDED_NUMBERS} FROM events "
    f"WHERE %s GROUP BY hour, {_GROUPING}"
)
_DAY_SUMS = (
    f"SELECT {DAY_SECONDS}, start / {DAY_SECONDS} * {DAY_SECONDS} AS day, {_GROUPING}, sum(events), max(last_us), "
    f"{_ADDED_NUMBERS} FROM sums WHERE seconds = {HOUR_SECONDS} AND start < ? GROUP BY day, {_GROUPING}"
)
_INTO_SUMS = (
    f"INSERT INTO sums (seconds, start, {_GROUPING}, events, last_us, {_NUMBERS}) %s ON CONFLICT DO UPDATE SET "
    "events = events + excluded.events, last_us = max(last_us, excluded.last_us), "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in NUMBERS)
)
_EVENT_LATENCIES = (
    f"SELECT {HOUR_SECONDS} AS seconds, {_BY_HOUR} AS start, '%s' AS what, namespace, %s_bucket AS bucket, "
    "count(*) AS count, sum(%s) AS total_us FROM events WHERE %s AND %s_bucket IS NOT NULL "
    "GROUP BY start, namespace, bucket"
)
_DAY_LATENCIES = (
    f"SELECT {DAY_SECONDS}, start / {DAY_SECONDS} * {DAY_SECONDS} AS day, what, namespace, bucket, sum(count), "
    f"sum(total_us) FROM latencies WHERE seconds = {HOUR_SECONDS} AND start < ? GROUP BY day, what, namespace, bucket"
)
_INTO_LATENCIES = (
    "INSERT INTO latencies %s ON CONFLICT DO UPDATE SET count = count + excluded.count, "
    "total_us = total_us + excluded.total_us"
)


def compact_if_due(connection: sqlite3.Connection, now: float) -> None:
    """Do as `compact` does, if nobody has within an hour; a clock that was set back does not keep anybody from it."""
    last = marked_at(connection, COMPACTED)
    if last is None or not now - HOUR_SECONDS < last <= now:
        compact(connection, now)


def compact(connection: sqlite3.Connection, now: float) -> None:
    """Add up what is older than a week by the hour, and what is older than 90 days by the day, in one transaction.

    Args:
        connection: nobody else uses it meanwhile.
        now: seconds since 1970.
    """
    events_until = math.floor((now - EVENTS_SECONDS) / HOUR_SECONDS) * _HOUR_US
    hours_until = math.floor((now - HOURS_SECONDS) / DAY_SECONDS) * DAY_SECONDS
    with transaction(connection):
        connection.execute(_INTO_SUMS % _EVENT_SUMS % "at_us < ?", (events_until,))
        for what in LATENCIES:
            connection.execute(_INTO_LATENCIES % _event_latencies(what, "at_us < ?"), (events_until,))
        connection.execute("DELETE FROM events WHERE at_us < ?", (events_until,))
        for into, days in ((_INTO_SUMS, _DAY_SUMS), (_INTO_LATENCIES, _DAY_LATENCIES)):
            connection.execute(into % days, (hours_until,))
        for table in ("sums", "latencies"):
            connection.execute(f"DELETE FROM {table} WHERE seconds = {HOUR_SECONDS} AND start < ?", (hours_until,))
        mark(connection, COMPACTED, now)


def read_sums(connection: sqlite3.Connection, since: float, namespaces: Sequence[str] | None) -> list[Sum]:
    """Add events up from `since` on, oldest first; a period that began before it counts as a whole."""
    mine, parameters = _of(namespaces)
    sql = (
        f"SELECT seconds, start, {_GROUPING}, events, last_us, {_NUMBERS} FROM sums "
        f"WHERE start + seconds > ?1 AND {mine} UNION ALL {_EVENT_SUMS % f'at_us >= ?2 AND {mine}'} ORDER BY 2"
    )
    return [_sum(row) for row in connection.execute(sql, (since, round(since * 1e6), *parameters))]


def _sum(row: Sequence[int | str]) -> Sum:
    seconds, start, kind, namespace, model, document, principal, result, events, last_us, *numbers = row
    count, requested, reused, num_bytes, load_us, first_token_us, prefill_us, saved_us, saved_mflop = map(int, numbers)
    return Sum(
        start=float(start),
        seconds=int(seconds),
        kind=EventKind(str(kind)),
        namespace=str(namespace),
        model=str(model),
        document=str(document),
        principal=str(principal),
        result=str(result),
        events=int(events),
        last_at=int(last_us) / 1e6,
        count=count,
        tokens_requested=requested,
        tokens_reused=reused,
        num_bytes=num_bytes,
        load_seconds=load_us / 1e6,
        first_token_seconds=first_token_us / 1e6,
        prefill_seconds=prefill_us / 1e6,
        saved_seconds=saved_us / 1e6,
        saved_flops=saved_mflop * 1e6,
    )


def reads_of(sums: Iterable[Sum]) -> dict[str, Reads]:
    """Add look-ups up by document; those of what is in no store are left out."""
    by_document: dict[str, list[Sum]] = defaultdict(list)
    for row in sums:
        if row.kind == EventKind.LOOK_UP and row.document:
            by_document[row.document].append(row)
    return {document: _reads(rows) for document, rows in by_document.items()}


def _reads(rows: Sequence[Sum]) -> Reads:
    return Reads(
        hits=sum(row.count for row in rows if row.result in HITS),
        look_ups=sum(row.count for row in rows),
        last_at=max(row.last_at for row in rows),
        saved_seconds=sum(row.saved_seconds for row in rows),
        load_seconds=sum(row.load_seconds for row in rows),
        tokens=sum(row.tokens_reused for row in rows),
    )


def read_latencies(
    connection: sqlite3.Connection, what: str, since: float, namespaces: Sequence[str] | None
) -> dict[str, Histogram]:
    """Give the durations of each day in UTC, named as in RFC 3339."""
    mine, parameters = _of(namespaces)
    young = _event_latencies(what, f"at_us >= ?2 AND {mine}")
    sql = (
        "SELECT start, bucket, count, total_us FROM latencies "
        f"WHERE what = '{what}' AND start + seconds > ?1 AND {mine} "
        f"UNION ALL SELECT start, bucket, count, total_us FROM ({young}) ORDER BY 1"
    )
    buckets: dict[str, Counter[int]] = defaultdict(Counter)
    totals: Counter[str] = Counter()
    for start, bucket, count, total_us in connection.execute(sql, (since, round(since * 1e6), *parameters)):
        day = datetime.fromtimestamp(start, UTC).date().isoformat()
        buckets[day][bucket] += count
        totals[day] += total_us
    return {day: Histogram(found, totals[day] / 1e6) for day, found in buckets.items()}


def read_events(
    connection: sqlite3.Connection,
    kinds: Sequence[EventKind],
    results: Sequence[str] | None,
    since: float,
    limit: int,
) -> list[tuple[float, Event]]:
    """Give events that are kept one by one, youngest first."""
    wanted = [f"kind IN ({', '.join('?' * len(kinds))})", "at_us >= ?"]
    parameters: list[str | int] = [*map(str, kinds), round(since * 1e6)]
    if results is not None:
        wanted.append(f"result IN ({', '.join('?' * len(results))})")
        parameters += results
    sql = (
        f"SELECT at_us, {_GROUPING}, {_NUMBERS} FROM events WHERE {' AND '.join(wanted)} "
        "ORDER BY at_us DESC, number DESC LIMIT ?"
    )
    return [(row[0] / 1e6, _event(row[1:])) for row in connection.execute(sql, (*parameters, limit))]


def _event(row: Sequence[int | str]) -> Event:
    kind, namespace, model, document, principal, result, *numbers = row
    count, requested, reused, num_bytes, load_us, first_token_us, prefill_us, saved_us, saved_mflop = map(int, numbers)
    return Event(
        EventKind(str(kind)),
        str(namespace),
        str(model),
        str(document),
        str(principal),
        str(result),
        count,
        requested,
        reused,
        num_bytes,
        load_us / 1e6,
        first_token_us / 1e6,
        prefill_us / 1e6,
        saved_us / 1e6,
        saved_mflop * 1e6,
    )


def _event_latencies(what: str, wanted: str) -> str:
    return _EVENT_LATENCIES % (what, what, LATENCIES[what], wanted, what)


def _of(namespaces: Sequence[str] | None) -> tuple[str, Sequence[str]]:
    """Write a condition on the namespace, after two other parameters; None: all of them."""
    if namespaces is None:
        return "true", ()
    return f"namespace IN ({', '.join(f'?{number}' for number in range(3, 3 + len(namespaces)))})", namespaces
