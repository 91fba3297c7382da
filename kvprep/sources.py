"""Files as found: read once, and recognised later without being read.

Source: docs/format.md, "What a hit checks".
"""

import os
import stat
import time
from pathlib import Path

from kvprep.errors import UnreadableDocument
from kvprep.hashing import source_digest
from kvprep.types import SourceFile, SourceState

RACY_NS = 2_000_000_000
"""A file written less than this before it was read may change again without its times telling."""

MAX_SOURCE_BYTES = 256 << 20


def read_source(path: Path) -> SourceFile:
    """Read a regular file whole, with its state.

    Raises:
        OSError: the operating system does not let us.
        UnreadableDocument: no regular file, larger than 256 MiB, or written to while it was read.
    """
    # Not blocking: a pipe in a folder of documents must not hold up the rest.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise UnreadableDocument("no regular file")
        if before.st_size > MAX_SOURCE_BYTES:
            raise UnreadableDocument(f"{before.st_size} bytes, more than {MAX_SOURCE_BYTES}")
        read_at_ns = time.time_ns()
        data = file.read(MAX_SOURCE_BYTES + 1)
        after = os.fstat(descriptor)
    if stat_numbers(before) != stat_numbers(after) or len(data) != before.st_size:
        raise UnreadableDocument("was written to while it was read")
    return SourceFile(path, data, SourceState(*stat_numbers(before), source_digest(data), read_at_ns))


def stat_numbers(result: os.stat_result) -> tuple[int, int, int, int]:
    """Give size, mtime, ctime and inode: what tells a changed file without reading it."""
    return result.st_size, result.st_mtime_ns, result.st_ctime_ns, result.st_ino


def is_unchanged(path: Path, state: SourceState) -> bool:
    """Tell whether a source still is what it was; where its times do not say, its bytes do. Gone is changed."""
    try:
        result = os.stat(path)
        if result.st_size != state.size_bytes:
            return False
        known = (state.size_bytes, state.mtime_ns, state.ctime_ns, state.inode)
        if stat_numbers(result) == known and not is_racy(state):
            return True
        return read_source(path).state.digest == state.digest
    except (OSError, UnreadableDocument):
        return False


def is_racy(state: SourceState) -> bool:
    """Tell whether the source was written so shortly before it was read that its times prove nothing."""
    return state.read_at_ns - max(state.mtime_ns, state.ctime_ns) < RACY_NS
