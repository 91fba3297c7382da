"""Locks between processes: flock, which the kernel frees when the holder dies.

Two kinds, see docs/format.md: the ingest lease of a namespace, held for a whole run, and the commit lock, held for
milliseconds.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kvprep.errors import StoreLocked
from kvprep.store.layout import disk_errors

POLL_SECONDS = 0.05


@contextmanager
def exclusive(path: Path, *, wait_seconds: float | None = None) -> Iterator[None]:
    """Hold the lock file at `path`.

    Args:
        path: made if it is not there; never removed, since a waiter may hold it open.
        wait_seconds: None waits for ever, 0 does not wait.

    Raises:
        StoreLocked: another process still holds it after `wait_seconds`.
    """
    with disk_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, path, wait_seconds)
        with suppress(OSError):  # a note for who waits: a full disk must not keep anybody from making room
            os.ftruncate(descriptor, 0)
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            os.pwrite(descriptor, f"{os.getpid()} since {since}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, wait_seconds: float | None) -> None:
    if wait_seconds is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 200, 0).decode("ascii", "replace") or "unknown"
                raise StoreLocked(
                    f"{path.name}: held by process {holder}", hint="Wait for it to end, or use --wait SECONDS."
                ) from error
            time.sleep(POLL_SECONDS)
