"""What one look gives: fine, worth knowing, or a problem with its mend."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from kvprep.errors import IntegrityError, KvprepError


class Result(StrEnum):
    """How a check went."""

    OK = "ok"
    NOTE = "note"
    """Works, and somebody should know."""
    PROBLEM = "problem"
    """Something does not work, or will not protect."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    result: Result
    message: str
    """What was found; never a word of a document, nor a key."""
    mend: str = ""
    """What to do about it: a command where there is one."""
    is_integrity: bool = False
    """Whether bytes on disk are not what was written."""


def fine(name: str, message: str) -> Check:
    """Say that something is as it should be."""
    return Check(name, Result.OK, message)


def note(name: str, message: str, mend: str = "") -> Check:
    """Say what somebody should know."""
    return Check(name, Result.NOTE, message, mend)


def problem(name: str, message: str, mend: str, *, is_integrity: bool = False) -> Check:
    """Say what does not work."""
    return Check(name, Result.PROBLEM, message, mend, is_integrity)


def look(name: str, checks: Callable[[], Iterable[Check]]) -> list[Check]:
    """Run checks; what they raise is a problem of this name, and what was found before it stays."""
    found: list[Check] = []
    try:
        found.extend(checks())
    except (KvprepError, OSError) as error:
        found.append(of_error(name, error))
    return found


def of_error(name: str, error: KvprepError | OSError) -> Check:
    """Turn an error into the problem that it tells of."""
    if isinstance(error, KvprepError):
        return problem(name, str(error), error.hint, is_integrity=isinstance(error, IntegrityError))
    where = f"{error.filename}: " if error.filename else ""
    return problem(name, f"{where}{error.strerror or error}", "Mend the disk or its permissions.")
