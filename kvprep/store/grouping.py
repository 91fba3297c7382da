"""Writing together what comes one by one: whoever adds something does not wait for a disk."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from kvprep.errors import StoreError

GROUP_SECONDS = 1.0
"""What was added is written at the latest this long after the first of it, and at the end."""

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
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def __len__(self) -> int:
        """Count what is not written yet."""
        return len(self._pending)

    def add(self, item: T) -> None:
        """Take an item on. Does not wait, also while a group is being written."""
        with self._lock:
            self._pending.append(item)
            if self._timer is None:
                self._timer = threading.Timer(GROUP_SECONDS, self._flush_in_background)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> R:
        """Write what was taken on; what cannot be written is kept for the next time.

        Raises:
            StoreError: as `write` does.
        """
        with self._writing:
            with self._lock:
                group, self._pending = self._pending, []
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
            try:
                return self._write(group)
            except BaseException:
                with self._lock:
                    self._pending[:0] = group
                raise

    def _flush_in_background(self) -> None:
        try:
            self.flush()
        except StoreError as error:
            self._tell(error)
