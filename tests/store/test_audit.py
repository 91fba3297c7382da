"""The audit log: a chain in which nothing can be changed, left out, put in, moved or cut off unnoticed."""

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from kvprep.errors import StoreError
from kvprep.store import audit as audit_module
from kvprep.store import grouping
from kvprep.store.audit import Audit, Head, Record, record_mac
from kvprep.store.auditcheck import AuditReport, check_audit

KEY = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.sqlite"


def opened(path: Path, principal: str = "ann/key file") -> Audit:
    return Audit(path, KEY, principal)


def fill(path: Path, count: int = 6) -> Head:
    log = opened(path)
    for number in range(count):
        log.record("look-up", "hit", namespace=b"n" * 32, subject=bytes([number]) * 32, tokens=number)
    head = log.close()
    assert head is not None
    return head


def checked(path: Path, *heads: Head) -> AuditReport:
    log = opened(path)
    report = check_audit(log.records(), KEY, heads)
    log.close()
    return report


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


def test_what_was_noted_is_read_back_in_order_with_who_did_it(path: Path) -> None:
    with closing(opened(path, "ann/mine")) as first:
        first.record("write", "done", subject=b"e" * 32, tokens=7)
    with closing(opened(path, "bob/his")) as second:
        second.record("look-up", "stale")
        records = list(second.records())
    assert [(r.seq, r.principal, r.verb, r.outcome, r.tokens) for r in records] == [
        (1, "ann/mine", "write", "done", 7),
        (2, "bob/his", "look-up", "stale", 0),
    ]


def test_records_are_chosen_by_principal_and_time(path: Path) -> None:
    with closing(opened(path, "ann")) as first, closing(opened(path, "bob")) as second:
        first.record("open", "done")
        first.flush()
        second.record("open", "done")
        assert [r.principal for r in second.records(principal="bob")] == ["bob"]
        assert list(second.records(since=time.time() + 3600)) == []
        assert len(list(second.records(since=time.time() - 3600))) == 2


def test_an_untouched_log_is_whole(path: Path) -> None:
    head = fill(path)
    report = checked(path, head)
    assert report.ok and report.records == 6 and report.head == head


def test_an_empty_log_is_whole_where_none_was_seen(path: Path) -> None:
    assert checked(path).ok


@pytest.mark.parametrize("column", ["at_us", "principal", "verb", "outcome", "namespace", "subject", "tokens", "mac"])
@pytest.mark.parametrize("seq", range(1, 7))
def test_a_change_of_any_field_of_any_record_is_found(path: Path, column: str, seq: int) -> None:
    fill(path)
    value = "x'00'" if column in ("namespace", "subject", "mac") else "'x'"
    value = f"{column} + 1" if column in ("at_us", "tokens") else value
    change(path, f"UPDATE records SET {column} = {value} WHERE seq = {seq}")
    assert not checked(path).ok


@pytest.mark.parametrize("seq", range(1, 6))
def test_a_record_that_was_taken_out_is_found(path: Path, seq: int) -> None:
    fill(path)
    change(path, f"DELETE FROM records WHERE seq = {seq}")
    assert not checked(path).ok


@pytest.mark.parametrize("seq", range(1, 6))
def test_a_record_that_was_taken_out_is_found_where_the_rest_moved_up(path: Path, seq: int) -> None:
    fill(path)
    change(path, f"DELETE FROM records WHERE seq = {seq}", f"UPDATE records SET seq = seq - 1 WHERE seq > {seq}")
    assert not checked(path).ok


@pytest.mark.parametrize("seq", range(1, 7))
def test_a_record_that_was_put_in_is_found(path: Path, seq: int) -> None:
    fill(path)
    copied = "at_us, principal, verb, outcome, namespace, subject, tokens, mac"
    change(
        path,
        f"UPDATE records SET seq = -seq - 1 WHERE seq >= {seq}",
        "UPDATE records SET seq = -seq WHERE seq < 0",
        f"INSERT INTO records SELECT {seq}, {copied} FROM records WHERE seq = (SELECT max(seq) FROM records)",
    )
    assert not checked(path).ok


@pytest.mark.parametrize(("left", "right"), [(1, 2), (2, 5), (5, 6), (1, 6)])
def test_two_records_that_changed_places_are_found(path: Path, left: int, right: int) -> None:
    fill(path)
    change(
        path,
        f"UPDATE records SET seq = 99 WHERE seq = {left}",
        f"UPDATE records SET seq = {left} WHERE seq = {right}",
        f"UPDATE records SET seq = {right} WHERE seq = 99",
    )
    assert not checked(path).ok


@pytest.mark.parametrize("kept", range(6))
def test_a_tail_that_was_cut_off_shows_against_a_head_that_was_seen(path: Path, kept: int) -> None:
    head = fill(path)
    change(path, f"DELETE FROM records WHERE seq > {kept}")
    assert checked(path).ok  # nothing in the log itself can tell
    assert "tail was cut off" in checked(path, head).problems[-1]


def test_a_log_that_was_written_anew_shows_against_a_head_that_was_seen(path: Path) -> None:
    head = fill(path)
    path.unlink()
    fill(path, 9)
    assert "replaced" in checked(path, head).problems[0]


def test_a_clock_that_was_set_back_is_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path)
    now = time.time_ns()
    with closing(opened(path)) as log:
        with monkeypatch.context() as clock:
            clock.setattr(audit_module.time, "time_ns", lambda: now - 3_600_000_000_000)
            log.record("look-up", "hit")
        log.record("look-up", "hit")
    problems = checked(path).problems
    assert len(problems) == 1 and "record 7: the clock was 3,6" in problems[0]


def test_records_written_under_another_key_are_found(path: Path) -> None:
    fill(path)
    assert len(check_audit(_all(path), bytes(32), ()).problems) == 6


def test_a_forged_continuation_needs_the_key(path: Path) -> None:
    head = fill(path)
    forged = Record(time.time_ns() // 1000, "ann", "look-up", "hit", seq=7)
    forged = replace(forged, mac=record_mac(bytes(32), head.mac, forged))
    assert check_audit([*_all(path), forged], KEY, ()).problems == [
        "record 7: not what was written, or not at its place"
    ]


def test_values_of_another_kind_are_refused_and_nothing_is_allocated_for_them(path: Path) -> None:
    fill(path)
    change(path, "UPDATE records SET mac = 9000000000000000000 WHERE seq = 2")
    with pytest.raises(StoreError, match="record 2 is none"):
        checked(path)


def test_a_log_whose_last_record_has_no_number_is_not_continued(path: Path) -> None:
    fill(path)
    change(path, "ALTER TABLE records RENAME TO former", "CREATE TABLE records AS SELECT * FROM former")
    change(path, "UPDATE records SET seq = NULL")
    log = opened(path)
    log.record("look-up", "hit")
    with pytest.raises(StoreError, match="record None is none"):
        log.close()


def test_a_file_that_is_no_database_is_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match=r"audit\.sqlite"):
        opened(path)
    assert path.read_bytes() == b"no database" * 100


def test_a_log_that_cannot_be_made_is_a_named_error(path: Path) -> None:
    with pytest.raises(StoreError, match=r"audit\.sqlite: No such file") as caught:
        opened(path / "nowhere" / "audit.sqlite")
    assert "must be able to write" in caught.value.hint


def test_records_are_written_within_a_second_without_being_asked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "GROUP_SECONDS", 0.01)
    log = opened(path)
    log.record("look-up", "hit")
    for _ in range(1000):
        if _count(path):
            break
        time.sleep(0.01)
    assert _count(path) == 1
    log.close()


def test_records_of_a_moment_share_one_transaction(path: Path) -> None:
    log = opened(path)
    for _ in range(50):
        log.record("look-up", "hit")
    assert _count(path) == 0
    log.close()
    assert _count(path) == 50


def test_what_could_not_be_written_stops_what_comes_after_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "GROUP_SECONDS", 0.01)
    log = opened(path)
    change(path, "DROP TABLE records")
    log.record("look-up", "hit")
    for _ in range(1000):
        if log._failure is not None:
            break
        time.sleep(0.01)
    with pytest.raises(StoreError):
        log.record("look-up", "hit")
    with pytest.raises(StoreError):
        log.close()


def test_processes_that_write_at_once_make_one_chain(path: Path) -> None:
    opened(path).close()
    context = get_context("fork")
    writers = [context.Process(target=_write_many, args=(path, f"writer {n}")) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    report = checked(path)
    assert report.ok and report.records == 4 * 60


def _write_many(path: Path, principal: str) -> None:
    with closing(opened(path, principal)) as log:
        for number in range(60):
            log.record("look-up", "hit", tokens=number)
            if number % 10 == 0:
                log.flush()


def _all(path: Path) -> list[Record]:
    with closing(opened(path)) as log:
        return list(log.records())


def _count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("SELECT count(*) FROM records").fetchone()[0])
