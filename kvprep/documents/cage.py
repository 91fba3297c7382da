"""Readers run in child processes with limits and without secrets, started before any key is read.

A child that crashes, hangs or floods costs its own document and nothing else. These are limits, not a sandbox.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Generic, TypeVar, cast

from kvprep.documents.base import Limits
from kvprep.documents.frames import BadFrame, OversizedFrame, read_frame, write_frame
from kvprep.errors import OversizedDocument, UnreadableDocument
from kvprep.hashing import content_hash, drift_hash
from kvprep.types import CanonicalDocument, Skipped, TextFinding

T = TypeVar("T")
Reading = CanonicalDocument | Skipped


@dataclass(frozen=True, slots=True)
class ReadItem(Generic[T]):
    """What became of one file given to the cage, or of a member of it."""

    tag: T
    """As given with the file."""
    member: str
    """Empty for the file itself; `invoice.pdf` for an attachment, `forwarded.eml/invoice.pdf` for one deeper in."""
    reading: Reading
    seconds: float


# `-P`: a `json.py` in the folder that somebody ingests must not become the child's json.
_COMMAND = (sys.executable, "-P", "-m", "kvprep.documents.child")
_PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "PYTHONHOME",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
)
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
_FAILURES = frozenset({UnreadableDocument.reason, OversizedDocument.reason, "crashed", "timeout"})
_LOOK_AHEAD = 2
_WAKE_SECONDS = 0.25


class Cage:
    """Reads documents in `jobs` child processes; use as a context manager.

    Children start when the context is entered. They get pipes and a short environment, nothing else.
    """

    def __init__(self, *, jobs: int, limits: Limits | None = None, command: Sequence[str] = _COMMAND) -> None:
        """Prepare `jobs` children that run `command`, each reading one document at a time within `limits`."""
        self._limits = limits or Limits()
        self._children = [_Child(command, self._limits) for _ in range(max(1, jobs))]
        self._free: SimpleQueue[_Child] = SimpleQueue()
        self._threads = ThreadPoolExecutor(len(self._children), "cage")

    def __enter__(self) -> "Cage":
        """Start the children; they load their libraries while the caller goes on."""
        for child in self._children:
            child.start()
            self._free.put(child)
        return self

    def __exit__(self, *exception: object) -> None:
        """End the children, whatever they are doing."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in self._children:
            child.close()
        self._threads.shutdown()

    def read(self, sources: Iterable[tuple[T, bytes, str]]) -> Iterator[ReadItem[T]]:
        """Read (tag, bytes of the file, its name or suffix), and yield what became of each in the same order.

        `sources` is pulled as far ahead as keeps the children busy, and no further.
        """
        upcoming = iter(sources)
        pending: deque[tuple[T, Future[tuple[Reading, float]]]] = deque()
        try:
            while True:
                while len(pending) < _LOOK_AHEAD * len(self._children):
                    source = next(upcoming, None)
                    if source is None:
                        break
                    tag, data, name = source
                    pending.append((tag, self._threads.submit(self._read_one, data, name)))
                if not pending:
                    return
                tag, future = pending.popleft()
                yield ReadItem(tag, "", *_await(future))
        finally:
            for _, future in pending:
                future.cancel()

    def _read_one(self, data: bytes, name: str) -> tuple[Reading, float]:
        if len(data) > self._limits.file_bytes:
            return _oversized(f"{len(data)} bytes, more than {self._limits.file_bytes}"), 0.0
        child = self._free.get()
        try:
            return child.read(data, Path(name).suffix or name)
        finally:
            self._free.put(child)


def _await(future: Future[tuple[Reading, float]]) -> tuple[Reading, float]:
    # Python runs a signal's handler between two steps of the main thread: one that waits without end may sleep
    # through a Ctrl-C that came just before, or to another thread.
    while not future.done():
        wait([future], timeout=_WAKE_SECONDS)
    return future.result()


@dataclass
class _Child:
    """One child process and its pipes; a dead one is replaced at the next document."""

    command: Sequence[str]
    limits: Limits
    _process: "subprocess.Popen[bytes] | None" = None
    _timed_out: bool = False
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while a process starts or is ended for good, so that none starts after the end."""

    def start(self) -> None:
        """Start the process and tell it its limits."""
        with self._lock:
            if not self._closed:
                self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a library's complaint may quote the document
            env=_environment(),
            close_fds=True,
            start_new_session=True,  # Ctrl-C is for the parent, which then ends its children
        )
        # A child that cannot start shows at its first document.
        with contextlib.suppress(BrokenPipeError):
            write_frame(_pipe(process.stdin), asdict(self.limits), b"")
        return process

    def read(self, data: bytes, suffix: str) -> tuple[Reading, float]:
        """Have one document read; the process is ended when it takes too long or says too much."""
        if self._process is None:
            self.start()
        process = self._process
        if process is None:
            return Skipped("crashed", "the cage is closed", failed=True), 0.0
        started = time.perf_counter()
        self._timed_out = False
        alarm = threading.Timer(self.limits.wall_seconds, self._time_out, (process,))
        alarm.start()
        try:
            answer = self._ask(process, data, suffix)
        finally:
            alarm.cancel()
        if isinstance(answer, Skipped):
            self._discard(process)
            return answer, time.perf_counter() - started
        return answer

    def close(self) -> None:
        """End the process for good."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def _ask(self, process: "subprocess.Popen[bytes]", data: bytes, suffix: str) -> tuple[Reading, float] | Skipped:
        try:
            write_frame(_pipe(process.stdin), {"suffix": suffix}, data)
            frame = read_frame(_pipe(process.stdout), self.limits.output_bytes)
            if frame is None:
                raise BadFrame
            return _result(*frame)
        except OversizedFrame:
            return _oversized(f"more than {self.limits.output_bytes} bytes of text")
        except (BadFrame, OSError, ValueError, KeyError, TypeError):
            return self._epitaph(process)

    def _time_out(self, process: "subprocess.Popen[bytes]") -> None:
        self._timed_out = True
        process.kill()

    def _epitaph(self, process: "subprocess.Popen[bytes]") -> Skipped:
        """Say what a dead or babbling process died of."""
        process.kill()
        code = process.wait()
        if self._timed_out:
            return Skipped("timeout", f"reading it took more than {self.limits.wall_seconds:g} seconds", failed=True)
        if code == -signal.SIGXCPU:
            return Skipped(
                "timeout", f"reading it took more than {self.limits.cpu_seconds} processor seconds", failed=True
            )
        return Skipped("crashed", f"the reading process ended unasked ({_exit_name(code)})", failed=True)

    def _discard(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            # Closing flushes what the dead process no longer takes.
            with contextlib.suppress(OSError):
                _pipe(pipe).close()
        self._process = None


def _result(header: dict[str, object], body: bytes) -> tuple[Reading, float]:
    seconds = float(cast(float, header["seconds"]))
    if "reason" in header:
        reason = str(header["reason"])
        return Skipped(reason, str(header["message"]), failed=reason in _FAILURES), seconds
    text = body.decode()
    findings = cast(list[dict[str, object]], header["findings"])
    document = CanonicalDocument(
        text=text,
        content_hash=content_hash(text),
        drift_hash=drift_hash(text),
        title=str(header["title"]),
        reader=str(header["reader"]),
        canonicaliser=str(header["canonicaliser"]),
        findings=tuple(_finding(finding) for finding in findings),
    )
    return document, seconds


def _finding(fields: dict[str, object]) -> TextFinding:
    return TextFinding(str(fields["kind"]), int(cast(int, fields["count"])), str(fields["where"]))


def _oversized(message: str) -> Skipped:
    return Skipped(OversizedDocument.reason, message, failed=True)


def _exit_name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


def _environment() -> dict[str, str]:
    """Pass on what Python needs to start and to find its packages; no setting of kvprep, no secret."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    path = [_PACKAGE_ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**kept, "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in path)}


def _pipe(pipe: "IO[bytes] | None") -> IO[bytes]:
    assert pipe is not None
    return pipe
