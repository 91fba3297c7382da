"""A file and what is inside it, read in order: the file, then each member with its own members behind it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from kvprep.documents.base import Limits
from kvprep.documents.reply import Reading
from kvprep.errors import OversizedDocument
from kvprep.types import CanonicalDocument, Skipped

Read: TypeAlias = Callable[[bytes, str], tuple[Reading, float]]
"""Reads one document, given its bytes and its name; gives what became of it, and seconds."""

_PATIENCE = 5
"""Times the wall time of one document, for a file with all its members."""


class FamilyItem(NamedTuple):
    """What became of a file, or of one of its members."""

    member: str
    """Empty for the file itself; `invoice.pdf` for an attachment, `forwarded.eml/invoice.pdf` for one deeper in."""
    reading: Reading
    seconds: float


def read_family(read: Read, data: bytes, name: str, limits: Limits) -> list[FamilyItem]:
    """Read a file and the members that are documents of their own.

    A member that cannot be read costs itself only. What all of them cost together is bounded: number, bytes, bytes of
    text, time and depth; a member past a limit is skipped with the limit's name.
    """
    family = _Family(read, limits)
    family.take(data, name, "", 0)
    return family.items


@dataclass
class _Family:
    read: Read
    limits: Limits
    items: list[FamilyItem] = field(default_factory=list)
    num_bytes: int = 0
    """Of members that were read."""
    num_text: int = 0
    """Characters of all texts."""
    seconds: float = 0.0

    def take(self, data: bytes, name: str, path: str, depth: int) -> None:
        reading, seconds = self._refuse(data, depth) or self.read(data, name)
        self.seconds += seconds
        if isinstance(reading, Skipped):
            self.items.append(FamilyItem(path, reading, seconds))
            return
        self.num_text += len(reading.text)
        if path and self.num_text > self.limits.output_bytes:
            self.items.append(FamilyItem(path, _oversized("the texts of the files inside"), seconds))
            return
        self.items.append(FamilyItem(path, _listed(reading), seconds))
        waiting = deque(member for member in reading.members if member.data)
        del reading, data  # the bytes of each member go as soon as it is read
        while waiting:
            member = waiting.popleft()
            self.take(member.data, member.name, f"{path}/{member.name}" if path else member.name, depth + 1)

    def _refuse(self, data: bytes, depth: int) -> tuple[Skipped, float] | None:
        if depth == 0:
            return None
        self.num_bytes += len(data)
        if depth > self.limits.depth:
            return Skipped("nested-too-deep", f"more than {self.limits.depth} files around it", failed=True), 0.0
        if len(self.items) > self.limits.members:
            return _oversized("the number of files inside"), 0.0
        if self.num_bytes > self.limits.expanded_bytes:
            return _oversized("the size of the files inside"), 0.0
        if self.seconds > _PATIENCE * self.limits.wall_seconds:
            return Skipped("timeout", "the files before it took too long", failed=True), 0.0
        return None


def _listed(document: CanonicalDocument) -> CanonicalDocument:
    """Leave of the members what is kept: names and sizes."""
    return replace(document, members=tuple(replace(member, data=b"") for member in document.members))


def _oversized(what: str) -> Skipped:
    return Skipped(OversizedDocument.reason, f"{what} together: more than allowed", failed=True)
