"""Whether the audit log is whole: every record what was written, none missing, none too many.

Source: docs/format.md, "Audit".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kvprep.store.audit import FIRST_MAC, Head, Record, record_mac

CLOCK_TOLERANCE_S = 60.0
"""Processes write their records in groups, so a record may stand behind one that is a little younger."""


@dataclass
class AuditReport:
    """What a check of the log found."""

    records: int = 0
    head: Head = field(default_factory=Head)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the log is whole."""
        return not self.problems


def check_audit(records: Iterable[Record], audit_key: bytes, known_heads: Iterable[Head]) -> AuditReport:
    """Check the chain of a log.

    Args:
        records: all of them, in order.
        audit_key: the store's (32 bytes).
        known_heads: heads that the log had before: what this machine remembers, and checkpoints kept elsewhere.
    """
    heads: dict[int, set[bytes]] = defaultdict(set)
    for head in known_heads:
        if head.seq:
            heads[head.seq].add(head.mac)
    report = AuditReport()
    before, youngest = FIRST_MAC, 0
    for record in records:
        report.problems += _broken_links(record, report.records + 1, before, audit_key)
        if record.at_us < youngest - CLOCK_TOLERANCE_S * 1e6:
            back = round((youngest - record.at_us) / 1e6)
            report.problems.append(f"record {record.seq}: the clock was {back:,} seconds behind an earlier record")
        if heads.get(record.seq, {record.mac}) != {record.mac}:
            report.problems.append(f"record {record.seq}: not the one that was here before: the log was replaced")
        youngest, before = max(youngest, record.at_us), record.mac
        report.records, report.head = record.seq, Head(record.seq, record.mac)
    longest = max(heads, default=0)
    if longest > report.records:
        report.problems.append(f"ends at record {report.records}, but {longest} was here before: its tail was cut off")
    return report


def _broken_links(record: Record, expected: int, before: bytes, audit_key: bytes) -> Iterator[str]:
    if record.seq != expected:
        yield f"record {record.seq} follows record {expected - 1}: what stood between was taken away"
    if record_mac(audit_key, before, record) != record.mac:
        yield f"record {record.seq}: not what was written, or not at its place"
