"""Files as found: read once, and recognised later without being read.

A file inside a file is a source too. Its path is the file's with its own path behind it, `/docs/mail.eml/invoice.pdf`,
and it is as old as the file.

Source: docs/format.md, "What a hit checks".
"""

import errno
import os
import stat
import time
from pathlib import Path

from kvprep.errors import UnreadableDocument
from kvprep.hashing import source_digest
from kvprep.types import SourceFile, SourceState

RACY_NS = 2_000_000_000
"""A file written less than this before it was read may change again without its times telling."""

_NO_FOLDER = (errno.ENOTDIR, errno.ENAMETOOLONG)
"""What stat says of a path that goes on behind a file; of a long one it may not come to see the file."""

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


def locate(path: Path) -> tuple[Path, str]:
    """Find the file that holds a source, and the source's path within it: empty where it is the file itself.

    What is really inside the file is not looked at.

    Raises:
        OSError: there is no such file.
    """
    for file in (path, *path.parents):
        try:
            is_folder = stat.S_ISDIR(os.stat(file).st_mode)
        except OSError as error:
            if error.errno not in _NO_FOLDER:
                raise
            continue
        if file == path:
            return file, ""
        if not is_folder:
            return file, path.relative_to(file).as_posix()
        break
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def member_path(file: Path, member: str) -> str:
    """Name a source: a file by its path, what is inside it by the path within it behind that."""
    return f"{file}/{member}" if member else str(file)


def exists(path: Path) -> bool:
    """Tell whether a source's file is there."""
    try:
        locate(path)
    except (OSError, ValueError):
        return False
    return True


def is_unchanged(path: Path, state: SourceState) -> bool:
    """Tell whether a source still is what it was; where its times do not say, its bytes do. Gone is changed."""
    try:
        path, _ = locate(path)
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
