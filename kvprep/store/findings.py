"""What verify gathers: findings, and how much was looked at."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kvprep.errors import Unreadable
from kvprep.types import Finding, Severity

REINGEST = "Delete this file, and ingest its document again."
REINGEST_SIGNED = (
    "Name its writer with --writer if he may be trusted; else delete this file, and ingest its document again."
)
RESIGN = (
    "Name its writer with --writer if he may be trusted; where a reader wrote it, `kvprep verify --rebuild-index` "
    "with a writer's key signs it; else restore it from a backup."
)
RESTORE_KEYS = "Restore the folder keys/ of the store from a backup."
REBUILD = "Run `kvprep verify --rebuild-index`."
INGEST = "Ingest its document again."
COLLECT = "Run `kvprep gc`."
UNREADABLE = (
    "Mend the disk or its permissions, and check again: it may be sound, so --repair leaves it alone. "
    "If it cannot be mended, delete this file, and ingest its document again."
)


class Level(StrEnum):
    """How deep verify looks; each level contains the ones before it."""

    STRUCTURE = "structure"
    """Every file a known kind, with the right length and header; every index row its entry. Needs no key."""
    CHECKSUM = "checksum"
    """The checksum of every file. Needs no key."""
    BYTES = "bytes"
    """Everything opens, authenticates and agrees; the index equals a rebuild."""
    DEEP = "deep"
    """A sample of entries is computed afresh: the same bits, and the same tokens after them."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The outcome of a verify."""

    level: Level
    findings: tuple[Finding, ...]
    checked: Mapping[str, int]
    """How many of each were looked at: keys, namespaces, entries, documents, segments, rows; bytes and chunks that were
    read, signatures, and entries that were replayed."""
    recent: int = 0
    """Segments or entries that were passed over, since they were found sound not long ago."""
    left: int = 0
    """Those that are due, and that sample or time did not reach."""

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged; orphans and leftovers of a kill are no damage."""
        return all(f.severity is not Severity.ERROR for f in self.findings)


class Tally:
    """Collects findings, one error a file at most: the first that is found is the one that explains the others."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.checked: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self.recent = self.left = 0
        self._damaged: set[str] = set()

    def error(self, subject: str, problem: str, remedy: str) -> None:
        """Note damage."""
        if subject not in self._damaged:
            self._damaged.add(subject)
            self.findings.append(Finding(Severity.ERROR, subject, problem, remedy))

    def info(self, subject: str, problem: str, remedy: str) -> None:
        """Note something harmless."""
        self.findings.append(Finding(Severity.INFO, subject, problem, remedy))

    def failed(self, subject: str, error: Exception, remedy: str) -> None:
        """Note what an error says of a file; whether one that cannot be read is damaged, nobody knows."""
        if isinstance(error, OSError | Unreadable):
            remedy = UNREADABLE
        self.error(subject, str(error).removeprefix(f"{subject}: "), remedy)

    def is_damaged(self, subject: str) -> bool:
        """Whether an error was noted for a file."""
        return subject in self._damaged

    def report(self, level: Level) -> VerifyReport:
        """Close the books. To have looked at nothing proves nothing, so it is an error."""
        if not sum(self.checked.values()):
            self.error(".", "nothing was checked", "Name the right store with --store.")
        return VerifyReport(level, tuple(self.findings), dict(self.checked), self.recent, self.left)
