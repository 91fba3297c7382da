"""What a child of the cage answers: one side packs a document into a frame, the other unpacks and checks it.

The body is the text and, behind it, the bytes of the members that are documents of their own.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias, cast

from kvprep.documents.base import Limits
from kvprep.documents.frames import BadFrame, OversizedFrame
from kvprep.errors import OversizedDocument, UnreadableDocument
from kvprep.hashing import content_hash, drift_hash
from kvprep.types import CanonicalDocument, Member, Skipped, TextFinding

Header: TypeAlias = dict[str, object]
Reading: TypeAlias = CanonicalDocument | Skipped

CRASHED = "crashed"
"""Reason of a reading process that died, or of a reader that failed unexpectedly."""
_FAILURES = frozenset({UnreadableDocument.reason, OversizedDocument.reason, CRASHED, "timeout"})
_MAX_FINDINGS = 1000
_MAX_PLACE = 200
_MAX_NAME = 255
_MAX_LINE = 1000
_MAX_SIZE = 1 << 53
"""Whole numbers up to here are exact wherever they may go."""


def pack(document: CanonicalDocument) -> tuple[Header, list[bytes]]:
    """Turn a document into the header and the body of a frame."""
    text = document.text.encode()
    header: Header = {
        "title": document.title,
        "reader": document.reader,
        "canonicaliser": document.canonicaliser,
        "findings": [[finding.kind, finding.count, finding.where] for finding in _bounded(document.findings)],
        "text_bytes": len(text),
        "members": [[member.name, member.num_bytes, len(member.data)] for member in document.members],
    }
    return header, [text, *(member.data for member in document.members)]


def refusal(reason: str, message: str) -> Header:
    """Turn what became no document into the header of a frame."""
    return {"reason": reason, "message": message}


def unpack(header: Header, body: bytes, limits: Limits) -> Reading:
    """Turn a frame back into what it says; the hashes are worked out here.

    Raises:
        BadFrame, KeyError, TypeError, ValueError: it is no such frame.
        OversizedFrame: its text is over the limit.
    """
    if "reason" in header:
        reason = _line(header["reason"])
        return Skipped(reason, _line(header["message"]), failed=reason in _FAILURES)
    num_text = _size(header["text_bytes"])
    if num_text > limits.output_bytes:
        raise OversizedFrame
    text = body[:num_text].decode()
    return CanonicalDocument(
        text=text,
        content_hash=content_hash(text),
        drift_hash=drift_hash(text),
        title=_line(header["title"]),
        reader=_line(header["reader"]),
        canonicaliser=_line(header["canonicaliser"]),
        findings=tuple(TextFinding(_line(k), _size(n), _line(w)) for k, n, w in _rows(header["findings"])),
        members=tuple(_members(_rows(header["members"]), memoryview(body)[num_text:], limits)),
    )


def _bounded(findings: tuple[TextFinding, ...]) -> Iterator[TextFinding]:
    """Say where for so many findings only, and of the rest how many: a hostile file has a million places."""
    for finding in findings[:_MAX_FINDINGS]:
        yield TextFinding(finding.kind, finding.count, finding.where[:_MAX_PLACE])
    rest: Counter[str] = Counter()
    for finding in findings[_MAX_FINDINGS:]:
        rest[finding.kind] += finding.count
    for kind, count in sorted(rest.items()):
        yield TextFinding(kind, count, "more places")


def _members(rows: list[list[object]], data: memoryview, limits: Limits) -> Iterator[Member]:
    if len(rows) > limits.members or len({name for name, _, _ in rows}) < len(rows):
        raise BadFrame
    start = 0
    for name, num_bytes, num_given in rows:
        end = start + _size(num_given)
        if not _is_bare_name(name) or end > len(data):
            raise BadFrame
        yield Member(str(name), _size(num_bytes), bytes(data[start:end]))
        start = end
    if start != len(data):
        raise BadFrame


def _rows(value: object) -> list[list[object]]:
    return cast(list[list[object]], value)


def _line(value: object) -> str:
    """Take a string for one line of a screen: a child may send what would steer a terminal, or no text at all."""
    return "".join(char if char.isprintable() else " " for char in str(value)[:_MAX_LINE])


def _size(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= _MAX_SIZE:
        raise BadFrame
    return value


def _is_bare_name(name: object) -> bool:
    """Tell whether it can stand behind its container's path as one more step."""
    return isinstance(name, str) and name.isprintable() and "/" not in name and 0 < len(name.strip(".")) <= _MAX_NAME
