"""Row 14: records of the audit log deleted, changed, inserted, exchanged, cut off; the clock set back: all found."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields, replace
from itertools import combinations
from pathlib import Path

import pytest

from kvprep.store.audit import Audit, Head, Record, record_mac
from kvprep.store.auditcheck import check_audit

KEY = bytes(range(32))
VERBS = ("open", "look-up", "load", "read", "write", "invalidate", "gc")


@pytest.fixture
def records(tmp_path: Path, whole: bool) -> list[Record]:
    """A log, as it is read back from its file."""
    with closing(Audit(tmp_path / "audit.sqlite", KEY, "ann/first key")) as log:
        for number in range(40 if whole else 24):
            namespace, subject = bytes([number % 5]) * 32, bytes([number]) * 32
            log.record(VERBS[number % len(VERBS)], "hit", namespace=namespace, subject=subject, tokens=number)
        return list(log.records())


def is_found(changed: list[Record], *heads: Head) -> bool:
    return not check_audit(changed, KEY, heads).ok


def renumbered(changed: list[Record]) -> list[Record]:
    """What somebody does who closes the gap."""
    return [replace(record, seq=number) for number, record in enumerate(changed, 1)]


def altered(record: Record) -> Iterator[Record]:
    """Each field another one: every bit of numbers, ids and the MAC, every character of texts, and cut and longer."""
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, int):
            yield from (replace(record, **{field.name: value ^ 1 << bit}) for bit in range(62))
        elif isinstance(value, bytes):
            for bit in range(8 * len(value)):
                data = bytearray(value)
                data[bit // 8] ^= 1 << bit % 8
                yield replace(record, **{field.name: bytes(data)})
            yield from (
                replace(record, **{field.name: other}) for other in (value[:-1], value + b"\0", b"") if other != value
            )
        else:
            yield from (replace(record, **{field.name: value[:at] + "_" + value[at + 1 :]}) for at in range(len(value)))
            yield from (replace(record, **{field.name: other}) for other in (value[:-1], value + "x", ""))


def test_an_untouched_log_is_whole(records: list[Record]) -> None:
    assert not is_found(records, Head(records[-1].seq, records[-1].mac))


def test_a_record_that_was_deleted_inserted_or_exchanged_is_found(
    records: list[Record], figures: Callable[..., None]
) -> None:
    changed: list[list[Record]] = []
    for at in range(len(records) - 1):  # the last one is the tail
        changed += [records[:at] + records[at + 1 :], renumbered(records[:at] + records[at + 1 :])]
    for at in range(len(records) + 1):
        for copied in (records[0], records[at - 1], records[-1]):
            longer = [*records[:at], copied, *records[at:]]
            changed += [longer, renumbered(longer)]
    for left, right in combinations(range(len(records)), 2):
        exchanged = list(records)
        exchanged[left], exchanged[right] = records[right], records[left]
        changed += [exchanged, renumbered(exchanged)]
    assert all(is_found(each) for each in changed)
    figures("14", "deleted, inserted, exchanged", changes=len(changed), found=len(changed))


def test_any_field_of_any_record_that_was_changed_is_found(
    records: list[Record], whole: bool, figures: Callable[..., None]
) -> None:
    count = 0
    # A change shows in the record itself or in the one behind it, so three are enough to look at.
    for at in range(0, len(records), 1 if whole else 5):
        for other in altered(records[at]):
            count += 1
            assert is_found([*records[:at], other, *records[at + 1 : at + 3]]), at
    figures("14", "changed", changes=count, found=count)


def test_a_tail_that_was_cut_shows_against_any_checkpoint_behind_the_cut(
    records: list[Record], figures: Callable[..., None]
) -> None:
    count = 0
    for kept in range(len(records)):
        for checkpoint in records[kept:]:
            count += 1
            assert is_found(records[:kept], Head(checkpoint.seq, checkpoint.mac))
    figures("14", "tail cut against a checkpoint", changes=count, found=count)


def test_a_forged_tail_shows_against_a_checkpoint_though_the_forger_has_the_key(
    records: list[Record], figures: Callable[..., None]
) -> None:
    for at in range(len(records)):
        before, forged = records[at - 1].mac if at else bytes(32), list(records[:at])
        for record in records[at:]:
            other = replace(record, principal="somebody else")
            forged.append(replace(other, mac=record_mac(KEY, before, other)))
            before = forged[-1].mac
        assert not is_found(forged)  # nothing in the log itself can tell
        assert is_found(forged, Head(records[-1].seq, records[-1].mac))
    figures("14", "tail written anew with the key", changes=len(records), found=len(records))


def test_a_clock_that_was_set_back_is_found(records: list[Record], figures: Callable[..., None]) -> None:
    for at in range(1, len(records)):
        before, rewound = records[at - 1].mac, list(records[:at])
        for record in records[at:]:
            earlier = replace(record, at_us=record.at_us - 3_600_000_000)
            rewound.append(replace(earlier, mac=record_mac(KEY, before, earlier)))
            before = rewound[-1].mac
        problems = check_audit(rewound, KEY, ()).problems
        assert len(problems) == len(records) - at and all("the clock was" in problem for problem in problems)
    figures("14", "clock set back", changes=len(records) - 1, found=len(records) - 1)
