"""Writing together what comes one by one: whoever adds something does not wait for a disk."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from kvprep.errors import StoreError

GROUP_SECONDS = 1.0
"""What was added is written at the latest this long after the first of it, and at the end."""
_IDLE_SECONDS = 10.0
"""The thread beside ends when nothing came for so long. Whoever adds waits for it to start: so not for every group."""

T = TypeVar("T")
R = TypeVar("R")


class Groups(Generic[T, R]):
    """Gathers items, and has them written by a thread beside; may be used by several threads."""

    def __init__(self, write: Callable[[Sequence[T]], R], tell: Callable[[StoreError], None]) -> None:
        """Begin with nothing.

        Args:
            write: writes a group, all of it or nothing; called by one thread at a time, also with an empty group.
            tell: hears what `write` raised in the thread beside.
        """
        self._write, self._tell = write, tell
        self._pending: list[T] = []
        self._is_due = False
        self._writer: threading.Thread | None = None
        self._lock = threading.Lock()
        self._added = threading.Condition(self._lock)
        self._writing = threading.Lock()

    def __len__(self) -> int:
        """Count what is not written yet."""
        return len(self._pending)

    def add(self, item: T) -> None:
        """Take an item on. Does not wait, also while a group is being written."""
        with self._lock:
            self._pending.append(item)
            if not self._is_due:
                self._is_due = True
                self._added.notify()
            if self._writer is None or not self._writer.is_alive():  # none is, in a process that was forked since
                self._writer = threading.Thread(target=self._write_groups, daemon=True)
                self._writer.start()

    def flush(self) -> R:
        """Write what was taken on; what cannot be written is kept for the next time.

        Raises:
            StoreError: as `write` does.
        """
        with self._writing:
            with self._lock:
                group, self._pending = self._pending, []
            try:
                return self._write(group)
            except BaseException:
                with self._lock:
                    self._pending[:0] = group
                raise

    def _write_groups(self) -> None:
        while self._wait():
            time.sleep(GROUP_SECONDS)
            self._is_due = False
            if self._pending:  # else somebody has written it himself
                self._flush_beside()

    def _wait(self) -> bool:
        """Wait for something to write; false where nothing came for long, and the thread ends.

        What could not be written waits for the next item, too.
        """
        with self._added:
            if not self._added.wait_for(lambda: self._is_due, _IDLE_SECONDS):
                self._writer = None
            return self._is_due

    def _flush_beside(self) -> None:
        try:
            self.flush()
        except StoreError as error:
            self._tell(error)
