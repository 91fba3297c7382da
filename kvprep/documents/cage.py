"""Readers run in child processes with limits and without secrets, started before any key is read.

A child that crashes, hangs or floods costs its own document and nothing else. These are limits, not a sandbox.
"""

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

from kvprep.documents.base import Limits
from kvprep.documents.family import FamilyItem, read_family
from kvprep.documents.process import ReadingProcess
from kvprep.documents.reply import Reading as Reading

T = TypeVar("T")


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
_LOOK_AHEAD = 2
_WAKE_SECONDS = 0.25


class Cage:
    """Reads documents in `jobs` child processes; use as a context manager.

    Children start when the context is entered. They get pipes and a short environment, nothing else.
    """

    def __init__(self, *, jobs: int, limits: Limits | None = None, command: Sequence[str] = _COMMAND) -> None:
        """Prepare `jobs` children that run `command`, each reading one document at a time within `limits`."""
        self._limits = limits or Limits()
        self._children = [ReadingProcess(command, self._limits) for _ in range(max(1, jobs))]
        self._free: SimpleQueue[ReadingProcess] = SimpleQueue()
        self._threads = ThreadPoolExecutor(len(self._children), "cage")

    def __enter__(self) -> "Cage":
        """Start the children; they cost next to nothing until there is something to read."""
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

        What became of the documents inside a file follows right after it, with the file's tag. `sources` is pulled as
        far ahead as keeps the children busy, and no further.
        """
        upcoming = iter(sources)
        pending: deque[tuple[T, Future[list[FamilyItem]]]] = deque()
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
                for item in _await(future):
                    yield ReadItem(tag, *item)
        finally:
            for _, future in pending:
                future.cancel()

    def _read_one(self, data: bytes, name: str) -> list[FamilyItem]:
        child = self._free.get()
        try:
            return read_family(child.read, data, name, self._limits)
        finally:
            self._free.put(child)


def _await(future: Future[list[FamilyItem]]) -> list[FamilyItem]:
    # Python runs a signal's handler between two steps of the main thread: one that waits without end may sleep
    # through a Ctrl-C that came just before, or to another thread.
    while not future.done():
        wait([future], timeout=_WAKE_SECONDS)
    return future.result()
