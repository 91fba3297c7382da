"""Pins: segments that an ingest has written, or found and relies on, before an entry of its own names them.

Who holds a namespace's lease pins a segment before writing it, and one that was found before looking whether it is
still there. gc forgets pins at its beginning only, those of ingests that have ended; it reads them again, under
the commit lock, right before it removes anything. So whatever was pinned since gc began stays, and no clock is asked.
gc pins what it writes itself, so that nobody takes it for an orphan.

Source: docs/format.md, "Order of writes".
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kvprep.errors import StoreFull
from kvprep.store.layout import FREE_SPACE, Layout, disk_errors, lock_at_once, read_errors
from kvprep.types import SegmentId

_ID_BYTES = 32


class Pins:
    """The pins of one ingest, or of gc. Its file is locked as long as that lives, so that a dead one's are told."""

    def __init__(self, layout: Layout, name: str) -> None:
        """Open a file of pins, made where it is missing. The caller is the only one who writes to it."""
        self._path = layout.root / "locks" / f"{name}.pins"
        with disk_errors(self._path):
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            self._cut()

    def add(self, segments: Iterable[SegmentId]) -> None:
        """Pin segments.

        Raises:
            StoreFull: the disk has no room.
        """
        data = b"".join(segments)
        with disk_errors(self._path):
            if os.write(self._descriptor, data) == len(data):
                return
            self._cut()
        raise StoreFull(f"{self._path}: no space left on the device", hint=FREE_SPACE)

    def _cut(self) -> None:
        """Take away half an id, after which no other would be read at its place."""
        size = os.fstat(self._descriptor).st_size
        os.ftruncate(self._descriptor, size - size % _ID_BYTES)

    def close(self) -> None:
        """End the ingest; its pins stay until gc begins anew."""
        os.close(self._descriptor)


def pinned(layout: Layout, *, live_only: bool) -> set[SegmentId]:
    """Read all pins, or those of ingests that are under way."""
    found: set[SegmentId] = set()
    for path in _files(layout):
        with _locked_if_free(path) as is_stale:
            if not (live_only and is_stale):
                found |= _read(path)
    return found


def forget_stale(layout: Layout) -> None:
    """Forget the pins of ingests that have ended. The caller removes nothing that it has listed before."""
    for path in _files(layout):
        with _locked_if_free(path) as is_stale, disk_errors(path):
            if is_stale:
                os.truncate(path, 0)


def _files(layout: Layout) -> list[Path]:
    return sorted((layout.root / "locks").glob("*.pins"))


def _read(path: Path) -> set[SegmentId]:
    with read_errors(path):
        data = path.read_bytes()
    whole = len(data) - len(data) % _ID_BYTES
    return {SegmentId(data[at : at + _ID_BYTES]) for at in range(0, whole, _ID_BYTES)}


@contextmanager
def _locked_if_free(path: Path) -> Iterator[bool]:
    """Keep a new ingest waiting for a moment where none is under way; tell whether none is."""
    with disk_errors(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield lock_at_once(descriptor)
    finally:
        os.close(descriptor)
