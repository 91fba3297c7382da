"""Child processes that are killed or refused something at one step of what they do."""

import errno
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from points import Step, Watcher, watch

from kvprep.errors import KvprepError

FAULTS = ("EIO", "ENOSPC", "EDQUOT", "short write", "MemoryError")
_NEEDS_ROOM = frozenset({"create", "write", "rename", "link", "mkdir", "commit", "fsync"})


class Counter(Watcher):
    """Counts steps, and keeps their kinds."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def before(self, step: Step) -> None:
        self.kinds.append(step.kind)


class Killer(Counter):
    """Kills its process before or after a step."""

    def __init__(self, at: int, side: str) -> None:
        super().__init__()
        self.at, self.side = at, side

    def before(self, step: Step) -> None:
        super().before(step)
        self._kill("before")

    def after(self, step: Step) -> None:
        self._kill("after")

    def _kill(self, side: str) -> None:
        if side == self.side and len(self.kinds) > self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class Refuser(Counter):
    """Lets a step fail, or from then on every step that can fail so."""

    def __init__(self, at: int, fault: str, *, stays: bool) -> None:
        super().__init__()
        self.at, self.fault, self.stays = at, fault, stays

    def before(self, step: Step) -> None:
        super().before(step)
        if self._is_due() and can_fail(step.kind, self.fault):
            self._fail(step)

    def portion(self, data: memoryview) -> memoryview:
        # Asked before its step is counted.
        due = len(self.kinds) == self.at or (self.stays and len(self.kinds) >= self.at)
        return data[: max(1, len(data) // 2)] if self.fault == "short write" and due and len(data) > 1 else data

    def _is_due(self) -> bool:
        return len(self.kinds) == self.at + 1 or (self.stays and len(self.kinds) > self.at)

    def _fail(self, step: Step) -> None:
        if self.fault == "short write":
            return
        if self.fault == "MemoryError":
            raise MemoryError
        if step.kind != "commit":
            raise OSError(getattr(errno, self.fault), os.strerror(getattr(errno, self.fault)), step.path)
        full = self.fault != "EIO"
        error = sqlite3.OperationalError("database or disk is full" if full else "disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_IOERR
        raise error


def can_fail(kind: str, fault: str) -> bool:
    """Tell whether a step can meet a fault: only what needs room meets a full disk."""
    if fault == "short write":
        return kind == "write"
    return fault not in ("ENOSPC", "EDQUOT") or kind in _NEEDS_ROOM


@dataclass(frozen=True)
class Outcome:
    """How a child ended."""

    killed: bool
    error: str = ""
    """Name of what it raised; empty if it came to its end."""
    exit_code: int = 0
    """Of a KvprepError."""
    kinds: tuple[str, ...] = ()
    """Of the steps that it did, if it counted and was not killed."""
    trace: str = ""


def in_child(folder: Path, counter: Counter, run: Callable[[], None]) -> Outcome:
    """Run in a child process whose steps below a folder are shown to a watcher."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _run_in(writing, folder, counter, run)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return Outcome(killed=True)
    error, code, kinds, trace = said.split("\0")
    return Outcome(False, error, int(code), tuple(kinds.split(",")) if kinds else (), trace)


def _run_in(pipe: int, folder: Path, counter: Counter, run: Callable[[], None]) -> None:
    real_write, error, code, trace = os.write, "", 0, ""
    try:
        watch(folder, counter)
        try:
            run()
        except BaseException as caught:
            error, trace = type(caught).__name__, traceback.format_exc()
            code = caught.exit_code if isinstance(caught, KvprepError) else -1
        real_write(pipe, "\0".join((error, str(code), ",".join(counter.kinds), trace)).encode())
    finally:
        sys.stdout.flush()
        os._exit(0)


def sample(num_points: int, *, whole: bool, few: int) -> list[int]:
    """Give every point, or a few that are spread evenly over all."""
    if whole or num_points <= few:
        return list(range(num_points))
    return sorted({round(at * (num_points - 1) / (few - 1)) for at in range(few)}) if few > 1 else [num_points // 2]
