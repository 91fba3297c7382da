"""Events are counted once each, whatever is killed, and add up to the same before they are compacted and after."""

import logging
import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from kvprep.errors import StoreError
from kvprep.store import grouping, usagefile
from kvprep.store.usage import Event, EventKind, Histogram, Sum, Usage
from kvprep.store.usagefile import GROUPING

DAY = 86_400
NOW = float(int(time.time()))
Dated = tuple[float, Event]
_SUMMED = [f.name for f in fields(Event) if f.name not in GROUPING]


def workload(count: int = 10_000, days: int = 30) -> list[Dated]:
    """Look-ups, and some of everything else, over the last days."""
    chance = random.Random(7)
    return sorted(
        ((NOW - chance.random() * days * DAY, _event(chance)) for _ in range(count)), key=lambda pair: pair[0]
    )


def _event(chance: random.Random) -> Event:
    seconds = [chance.randrange(10_000_000) / 1e6 for _ in range(4)]
    is_look_up = chance.random() < 0.95
    return Event(
        EventKind.LOOK_UP if is_look_up else chance.choice(list(EventKind)),
        namespace=chance.choice(["aa", "bb"]),
        model=chance.choice(["c0", "c1"]),
        document=f"{chance.randrange(20):02x}",
        principal=chance.choice(["ann/key", "bob/key"]),
        result=chance.choice(["hit", "partial", "miss", "stale"]),
        count=1 if is_look_up else chance.randrange(9),
        tokens_requested=chance.randrange(9000),
        tokens_reused=chance.randrange(8000),
        num_bytes=chance.randrange(10**9),
        load_seconds=seconds[0],
        first_token_seconds=seconds[1],
        prefill_seconds=seconds[2],
        saved_seconds=seconds[3],
        saved_flops=chance.randrange(10**6) * 1e6,
    )


def recount(events: Sequence[Dated]) -> dict[tuple[str, ...], dict[str, int]]:
    """Add events up by everything but time, kept apart from what is tested; seconds in millionths."""
    totals: dict[tuple[str, ...], Counter[str]] = {}
    for _, event in events:
        total = totals.setdefault(tuple(str(getattr(event, name)) for name in GROUPING), Counter())
        total["events"] += 1
        total.update({name: _whole(name, getattr(event, name)) for name in _SUMMED})
    return {key: dict(total) for key, total in totals.items()}


def counted(rows: Sequence[Sum]) -> dict[tuple[str, ...], dict[str, int]]:
    totals: dict[tuple[str, ...], Counter[str]] = {}
    for row in rows:
        total = totals.setdefault(tuple(str(getattr(row, name)) for name in GROUPING), Counter())
        total.update({name: _whole(name, getattr(row, name)) for name in ("events", *_SUMMED)})
    return {key: dict(total) for key, total in totals.items()}


def _whole(name: str, value: float) -> int:
    return round(value * 1e6) if name.endswith("_seconds") else round(value)


def fill(usage: Usage, events: Sequence[Dated]) -> None:
    for at, event in events:
        usage.record(event, at=at)
    usage.flush()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "usage.sqlite"


@pytest.fixture
def usage(path: Path) -> Iterator[Usage]:
    """One that somebody has compacted just now, so that nothing is added up unasked."""
    with closing(Usage(path, "me/key")) as made:
        made.compact(NOW)
        yield made


@pytest.fixture(scope="module")
def month() -> list[Dated]:
    return workload()


def one(**settings: Any) -> Event:
    return Event(**{"kind": EventKind.LOOK_UP, "namespace": "aa", "document": "01", "result": "hit", **settings})


# What events add up to


def test_a_month_adds_up_to_a_recount_raw_compacted_again_and_reopened(
    usage: Usage, path: Path, month: list[Dated]
) -> None:
    fill(usage, month)
    expected, latencies = recount(month), _latencies(usage)
    assert counted(usage.sums()) == expected
    assert {row.seconds for row in usage.sums()} == {3600}
    seen = set()
    for days in (0, 3, 40, 91, 200):
        usage.compact(NOW + days * DAY)
        assert counted(usage.sums()) == expected
        assert _latencies(usage) == latencies
        seen.add((_count(path, "events"), frozenset(row.seconds for row in usage.sums())))
    assert len(seen) >= 4
    assert (0, frozenset({DAY})) in seen
    usage.close()
    with closing(Usage(path)) as again:
        assert counted(again.sums()) == expected
        assert _latencies(again) == latencies


def _latencies(usage: Usage) -> list[Any]:
    found = [usage.latency("load"), usage.latency("first_token", namespaces=["aa"])]
    return [(h.count, h.total, [h.percentile(p) for p in (0.0, 0.5, 0.95, 1.0)], h.count_up_to(1.0)) for h in found]


def _count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_sums_of_one_period_lie_in_it_before_and_after(usage: Usage, month: list[Dated]) -> None:
    fill(usage, month)
    hours = Counter(int(at) // 3600 * 3600 for at, _ in month)
    assert _by_start(usage) == hours
    usage.compact(NOW)
    assert _by_start(usage) == hours
    usage.compact(NOW + 200 * DAY)
    days: Counter[int] = Counter()
    for start, count in hours.items():
        days[start // DAY * DAY] += count
    assert _by_start(usage) == days


def _by_start(usage: Usage) -> Counter[int]:
    found: Counter[int] = Counter()
    for row in usage.sums():
        found[int(row.start)] += row.events
    return found


def test_what_comes_late_is_added_to_the_sum_of_its_time(usage: Usage) -> None:
    for _ in range(3):
        fill(usage, [(NOW - 20 * DAY, one(load_seconds=0.5))])
        usage.compact(NOW)
    (row,) = usage.sums()
    assert (row.events, row.load_seconds, usage.latency("load").count) == (3, 1.5, 3)
    usage.compact(NOW + 100 * DAY)
    fill(usage, [(NOW - 20 * DAY, one(load_seconds=0.5))])
    usage.compact(NOW + 100 * DAY)
    (row,) = usage.sums()
    assert (row.events, row.seconds, row.load_seconds) == (4, DAY, 2.0)


def test_since_and_namespace_leave_the_others_out(usage: Usage, month: list[Dated]) -> None:
    fill(usage, month)
    since = NOW - 3 * DAY
    wanted = [(at, event) for at, event in month if at >= since and event.namespace == "aa"]
    assert counted(usage.sums(since=since, namespace="aa")) == recount(wanted)
    assert usage.latency("load", since=since, namespaces=["aa"]).count == sum(e.load_seconds > 0 for _, e in wanted)
    assert usage.latency("load", namespaces=[]).percentile(0.5) is None


def test_a_period_that_was_added_up_and_reaches_over_the_beginning_counts_as_a_whole(usage: Usage) -> None:
    start = (NOW - 20 * DAY) // 3600 * 3600
    fill(usage, [(start + 10, one()), (start + 3599, one())])
    assert sum(row.events for row in usage.sums(since=start + 60)) == 1
    usage.compact(NOW)
    assert sum(row.events for row in usage.sums(since=start + 60)) == 2
    assert usage.sums(since=start + 3600) == []


def test_reads_of_documents_are_their_look_ups(usage: Usage, month: list[Dated]) -> None:
    fill(usage, month)
    for days in (0, 200):
        reads = usage.reads(namespace="aa")
        look_ups = [p for p in month if p[1].namespace == "aa" and p[1].kind == EventKind.LOOK_UP]
        assert reads.keys() == {event.document for _, event in look_ups}
        for document, seen in reads.items():
            mine = [(at, event) for at, event in look_ups if event.document == document]
            assert seen.look_ups == sum(event.count for _, event in mine)
            assert seen.hits == sum(event.count for _, event in mine if event.result in ("hit", "partial"))
            assert seen.last_at == pytest.approx(max(at for at, _ in mine), abs=1e-5)
            assert seen.tokens == sum(event.tokens_reused for _, event in mine)
            assert seen.saved_seconds == pytest.approx(sum(event.saved_seconds for _, event in mine))
        usage.compact(NOW + days * DAY)


def test_recent_gives_whole_events_youngest_first(usage: Usage, month: list[Dated]) -> None:
    fill(usage, month)
    found = usage.recent(kinds=[EventKind.LOOK_UP, EventKind.SHADOW], results=["stale"], since=NOW - 5 * DAY, limit=50)
    wanted = [
        event for at, event in month if event.result == "stale" and event.kind in (EventKind.LOOK_UP, EventKind.SHADOW)
    ]
    assert [event for _, event in found] == wanted[::-1][:50]
    assert [at for at, _ in found] == sorted((at for at, _ in found), reverse=True)


def test_percentiles_are_within_the_width_of_a_bucket(usage: Usage) -> None:
    chance = random.Random(1)
    times = sorted(10 ** chance.uniform(-5, 2) for _ in range(1001))
    fill(usage, [(NOW, one(load_seconds=seconds)) for seconds in times])
    found = usage.latency("load")
    for share in (0.01, 0.5, 0.95, 0.999):
        assert found.percentile(share) == pytest.approx(
            times[-(-int(share * 100_000) * 1001 // 100_000) - 1], rel=0.026
        )
    assert found.total == pytest.approx(sum(times), abs=0.01)
    assert Histogram().percentile(0.5) is None
    assert abs(found.count_up_to(1.0) - sum(seconds <= 1.0 for seconds in times)) <= 20


def test_latencies_of_days_add_up_to_the_whole(usage: Usage, month: list[Dated]) -> None:
    fill(usage, month)
    days = usage.latency_by_day("load")
    assert sum(day.count for day in days.values()) == usage.latency("load").count
    assert days.keys() == {time.strftime("%Y-%m-%d", time.gmtime(at)) for at, event in month if event.load_seconds}


@pytest.mark.parametrize(
    "wrong",
    [{"load_seconds": float("nan")}, {"saved_flops": float("inf")}, {"count": -1}, {"num_bytes": 2**63}]
    + [{"principal": "x" * 201}],
)
def test_what_would_spoil_the_sums_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="finite"):
        one(**wrong)


def test_who_opened_the_store_is_noted_where_an_event_names_nobody(usage: Usage) -> None:
    fill(usage, [(NOW, one()), (NOW, one(principal="a server's user"))])
    assert {row.principal for row in usage.sums()} == {"me/key", "a server's user"}


def test_the_last_success_is_remembered(usage: Usage, path: Path) -> None:
    assert usage.last_success() is None
    usage.succeeded(at=NOW - 5)
    usage.succeeded(at=NOW)
    usage.close()
    with closing(Usage(path)) as again:
        assert again.last_success() == NOW


# Who writes, and when


def test_recording_runs_no_statement_in_the_thread_of_the_caller(
    usage: Usage, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "GROUP_SECONDS", 0.01)
    threads: set[int] = set()
    assert usage._connection is not None
    usage._connection.set_trace_callback(lambda sql: threads.add(threading.get_ident()))
    for number in range(300):
        usage.record(one(document=f"{number:04x}"))
    for _ in range(1000):
        if _count(path, "events") == 300:
            break
        time.sleep(0.01)
    assert _count(path, "events") == 300
    assert threads
    assert threading.get_ident() not in threads


def test_closing_waits_for_the_thread_that_writes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "GROUP_SECONDS", 0.01)
    has_begun, caller = threading.Event(), threading.get_ident()

    class Slow(Usage):
        def _use(self, do: Callable[[sqlite3.Connection], Any]) -> Any:
            done = super()._use(do)
            if threading.get_ident() != caller:
                has_begun.set()
                time.sleep(0.2)  # between the group and its compaction
            return done

    slow = Slow(path)
    slow.record(one())
    assert has_begun.wait(10)
    slow.close()
    time.sleep(0.6)
    assert slow._connection is None
    assert _count(path, "events") == 1


def test_recording_opens_no_file(path: Path) -> None:
    made = Usage(path)
    made.record(one())
    assert not path.exists()
    made.close()
    assert _count(path, "events") == 1


def test_events_of_a_moment_share_one_transaction(usage: Usage) -> None:
    statements: list[str] = []
    assert usage._connection is not None
    usage._connection.set_trace_callback(statements.append)
    fill(usage, [(NOW, one()) for _ in range(100)])
    assert sum(statement.startswith("BEGIN") for statement in statements) == 1


def test_whoever_records_compacts_once_an_hour(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = NOW
    monkeypatch.setattr(time, "time", lambda: now)
    old = [(NOW - 10 * DAY, one())]
    rest = []
    for minutes in (0, 30, 59, 61, -3000):  # at last the clock is set back
        now = NOW + minutes * 60
        with closing(Usage(path)) as usage:
            fill(usage, old)
            rest.append(_count(path, "events"))
    assert rest == [0, 1, 2, 0, 0]
    with closing(Usage(path)) as usage:
        assert sum(row.events for row in usage.sums()) == 5


def test_processes_that_record_at_once_lose_nothing_while_a_third_compacts(path: Path, month: list[Dated]) -> None:
    children = [_forked(lambda half=half: _record_slowly(path, month[half::2])) for half in (0, 1)]
    with closing(Usage(path)) as usage:
        for days in range(20):
            usage.compact(NOW + days * DAY)
        for child in children:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert counted(usage.sums()) == recount(month)


def _record_slowly(path: Path, events: Sequence[Dated]) -> None:
    with closing(Usage(path)) as usage:
        for at in range(0, len(events), 250):
            fill(usage, events[at : at + 250])


def _forked(run: Callable[[], object]) -> int:
    child = os.fork()
    if not child:
        try:
            run()
            os._exit(0)
        finally:
            os._exit(1)
    return child


# Death


@pytest.mark.parametrize("part", range(12))
def test_a_killed_recorder_has_lost_nothing_that_was_flushed_and_doubles_nothing(path: Path, part: int) -> None:
    events = [(NOW - number, one(document=f"{number:04x}")) for number in range(600)]
    told, tell = os.pipe()
    child = _forked(lambda: _record_and_tell(path, events, tell))
    os.close(tell)
    with os.fdopen(told, "rb", buffering=0) as acknowledged:
        flushed = len(acknowledged.read(1 + part * 2))
        time.sleep(part * 0.0003)  # so that kills fall anywhere between two flushes
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        flushed += len(acknowledged.read())
    with closing(Usage(path)) as usage:
        seen = Counter(row.document for row in usage.sums() for _ in range(row.events))
    assert set(seen.values()) == {1}
    assert len(seen) in (flushed * 10, flushed * 10 + 10)
    assert seen.keys() == {event.document for _, event in events[: len(seen)]}


def _record_and_tell(path: Path, events: Sequence[Dated], tell: int) -> None:
    usage = Usage(path)
    for at in range(0, len(events), 10):
        fill(usage, events[at : at + 10])
        os.write(tell, b".")


@pytest.mark.parametrize("start", range(3))
def test_a_compaction_that_is_killed_at_any_step_changes_no_total(path: Path, month: list[Dated], start: int) -> None:
    events = month[:1000]
    with closing(Usage(path)) as usage:
        usage.compact(0)
        fill(usage, events)
        usage.compact(NOW - 15 * DAY)  # a part is added up by the hour already, and will be by the day
        latencies = _latencies(usage)
    pristine, killed, steps = path.read_bytes(), 0, 1 + start
    while _is_killed(path, steps):
        killed += 1
        with closing(Usage(path)) as usage:
            assert counted(usage.sums()) == recount(events)
            assert _latencies(usage) == latencies
        path.write_bytes(pristine)
        steps = int(steps * 1.6) + 1
    assert killed >= 8
    with closing(Usage(path)) as usage:
        assert counted(usage.sums()) == recount(events)
        assert {row.seconds for row in usage.sums()} == {DAY}


def _is_killed(path: Path, steps: int) -> bool:
    """Compact in a process that kills itself after so many hundreds of SQLite's steps."""
    child = _forked(lambda: _compact_and_die(path, steps))
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def _compact_and_die(path: Path, steps: int) -> None:
    usage, left = Usage(path), steps
    usage.last_success()

    def step() -> int:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert usage._connection is not None
    usage._connection.set_progress_handler(step, 100)
    usage.compact(NOW + 200 * DAY)


def test_a_compaction_that_is_killed_from_outside_changes_no_total(path: Path, month: list[Dated]) -> None:
    with closing(Usage(path)) as usage:
        usage.compact(0)
        fill(usage, month[:2000])
    pristine = path.read_bytes()
    began = time.perf_counter()
    os.waitpid(_forked(lambda: Usage(path).compact(NOW + 200 * DAY)), 0)
    took = time.perf_counter() - began
    for part in range(12):  # also while SQLite writes, where it takes no steps
        path.write_bytes(pristine)
        child = _forked(lambda: Usage(path).compact(NOW + 200 * DAY))
        time.sleep(took * part / 12)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with closing(Usage(path)) as usage:
            assert counted(usage.sums()) == recount(month[:2000])


# Damage, and what older releases left


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def _torn(path: Path) -> None:
    with closing(Usage(path)) as usage:
        fill(usage, workload(200))
    data = bytearray(path.read_bytes())
    data[100:8192] = os.urandom(8092)
    path.write_bytes(data)


def _other_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE events (at_us, kind)")
        database.execute("PRAGMA user_version = 1")


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA user_version = 9")


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("spoil", [_garbage, _torn, _other_tables, _newer, _folder])
def test_damage_stops_nobody_is_said_once_with_its_mend_and_nothing_is_written_over_it(
    path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    usage = Usage(path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            fill(usage, [(NOW, one())])
        usage.succeeded()
    assert len(caplog.records) == 1
    assert "usage.sqlite" in caplog.text
    assert "Move it away" in caplog.text
    with pytest.raises(StoreError) as caught:
        usage.sums()
    assert "Move it away" in caught.value.hint
    assert (path.read_bytes() if path.is_file() else b"") == before
    path.rename(path.with_name("aside"))
    assert sum(row.events for row in usage.sums()) == 3  # what could not be written was kept
    usage.close()


def test_more_than_can_wait_is_not_counted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvprep.store import usage as module

    monkeypatch.setattr(module, "_MOST_PENDING", 5)
    _garbage(path)
    usage = Usage(path)
    fill(usage, [(NOW, one()) for _ in range(9)])
    path.unlink()
    assert sum(row.events for row in usage.sums()) == 5
    usage.close()


_OLD_TABLE = """
CREATE TABLE lookups (
    at REAL NOT NULL, namespace TEXT NOT NULL, model TEXT NOT NULL, result TEXT NOT NULL,
    tokens_requested INTEGER NOT NULL, tokens_reused INTEGER NOT NULL,
    load_seconds REAL NOT NULL, first_token_seconds REAL NOT NULL,
    saved_seconds REAL NOT NULL, saved_flops REAL NOT NULL
)
"""


def test_look_ups_of_an_older_release_are_taken_over_once(path: Path) -> None:
    good = (NOW - 60, "aa", "c0", "hit", 100, 90, 0.5, 1.5, 7.25, 3e9)
    bad = (NOW, "aa", "c0", "hit", "many", 90, float("inf"), 1.5, 7.25, 3e9)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_OLD_TABLE)
        database.executemany(f"INSERT INTO lookups VALUES ({', '.join('?' * 10)})", [good, good, bad])
    for _ in range(2):
        with closing(Usage(path)) as usage:
            (row,) = usage.sums()
            assert (row.kind, row.events, row.tokens_reused, row.saved_seconds) == (EventKind.LOOK_UP, 2, 180, 14.5)
            assert usage.latency("load").count == 2
    with closing(sqlite3.connect(path)) as database:
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'lookups'").fetchone()


def test_a_takeover_that_is_killed_is_done_again(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_OLD_TABLE)
        row = (NOW, "aa", "c0", "hit", 100, 90, 0.5, 1.5, 7.25, 3e9)
        database.executemany(f"INSERT INTO lookups VALUES ({', '.join('?' * 10)})", [row] * 400)
    pristine, killed = path.read_bytes(), 0
    for steps in (1, 3, 6, 10, 20, 40, 80):
        path.write_bytes(pristine)
        child = _forked(lambda steps=steps: _take_over_and_die(path, steps))
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        with closing(Usage(path)) as usage:
            assert sum(row.events for row in usage.sums()) == 400
    assert killed >= 4


def _take_over_and_die(path: Path, steps: int) -> None:
    opened, left = usagefile.open_database, steps

    def step() -> int:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def watched(where: Path) -> Any:
        database = opened(where)
        database.conn.set_progress_handler(step, 50)
        return database

    usagefile.open_database = watched
    Usage(path).last_success()
