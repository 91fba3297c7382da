"""Digests of large files, remembered, so that a model's identity costs nothing the second time."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blake3 import blake3

from kvprep.errors import ModelError
from kvprep.filewrite import write_beside
from kvprep.progress import Progress

_READ_BYTES = 32 << 20
_SETTLED_NS = 2_000_000_000
"""Some file systems stamp so coarsely that a second write within this time would leave no trace."""

STAGE = "digest"


class FileDigests:
    """BLAKE3 digests of files, kept in one JSON file by path, size, mtime, ctime and inode.

    Two processes may write at once: the file is replaced as a whole, so that the worst is a digest computed twice.
    """

    def __init__(self, path: Path) -> None:
        """Read what is remembered at `path`; anything unreadable there counts as nothing."""
        self._path = path
        self._known = _read(path)

    def digest(self, path: Path, progress: Progress) -> str:
        """Give the hex digest of a file's content.

        Raises:
            ModelError: the file cannot be read, or changes meanwhile.
        """
        try:
            with path.open("rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                name = os.path.abspath(path)
                if self._known.get(name, {}).get("stamp") == stamp:
                    return str(self._known[name]["digest"])
                started = time.time_ns()
                digest = _digest(file, stamp[0], progress)
                if _stamp(os.fstat(file.fileno())) != stamp:
                    raise ModelError(f"{path}: changed while it was read", hint="Try again when the copy is complete.")
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
        if started - max(stamp[1], stamp[2]) >= _SETTLED_NS:
            self._remember(name, stamp, digest)
        return digest

    def _remember(self, name: str, stamp: list[int], digest: str) -> None:
        self._known = {known: entry for known, entry in _read(self._path).items() if os.path.exists(known)}
        self._known[name] = {"stamp": stamp, "digest": digest}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_beside(self._path, json.dumps(self._known))


def digest_of_digests(named: Sequence[tuple[str, str]]) -> str:
    """Join the digests of several named files into one, whatever the order of the files."""
    hasher = blake3(b"kvprep files\0")
    for name, digest in sorted(named):
        for part in (name.encode(), digest.encode()):
            hasher.update(len(part).to_bytes(8, "little"))
            hasher.update(part)
    return hasher.hexdigest()


def _stamp(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _digest(file: Any, size_bytes: int, progress: Progress) -> str:
    hasher = blake3(max_threads=blake3.AUTO)
    buffer = memoryview(bytearray(min(_READ_BYTES, max(size_bytes, 1))))
    progress.start(STAGE, size_bytes, "bytes")
    while num_bytes := file.readinto(buffer):
        hasher.update(buffer[:num_bytes])
        progress.advance(STAGE, num_bytes)
    progress.finish(STAGE)
    return hasher.hexdigest()


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {name: entry for name, entry in known.items() if isinstance(entry, dict)}
