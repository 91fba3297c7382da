"""The disk that holds a store: its file system, its space, its speed."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from kvprep.codec import disk_speed
from kvprep.doctor.check import Check, fine, note, problem

MOUNTS = Path("/proc/self/mountinfo")
"""What the kernel says is mounted where."""
_NETWORK = re.compile(
    r"nfs4?|cifs|smb3?|smbfs|9p|afs|ceph|glusterfs|lustre|gpfs|beegfs|ocfs2|gfs2|ncpfs|davfs|"
    r"fuse\.(sshfs|rclone|s3fs|glusterfs|ceph.*|gcsfuse|goofys|davfs2|juicefs)"
)
_MEMORY = ("tmpfs", "ramfs")
_LEAST_FREE = 1 << 30
_PROBE_BYTES = 64 << 20
"""What must be free for the disk to be measured: the probe writes half of it, and removes it."""
_SLOW = 50e6


def existing(path: Path) -> Path:
    """Give the folder at a path, or the nearest one above it."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def check_file_system(path: Path, mounts: Path = MOUNTS) -> Iterator[Check]:
    """Name the file system: over a network, and in memory, some promises do not hold."""
    kind = file_system(path, mounts)
    if kind is None:
        yield note("file system", "of which kind cannot be told on this system")
    elif _NETWORK.fullmatch(kind):
        yield note(
            "file system",
            f"{kind}, over a network: locks and SQLite are only as good as the server's",
            "Put the store on a disk of this machine: `kvprep init --store PATH`, and one store for each machine.",
        )
    elif kind in _MEMORY:
        yield note("file system", f"{kind}: in memory, and gone with the next start", "Name a disk with --store.")
    else:
        yield fine("file system", kind)


def file_system(path: Path, mounts: Path) -> str | None:
    """Give the kind of file system that holds a path, as the kernel names it; None where it does not tell.

    Args:
        path: absolute.
        mounts: a file like MOUNTS.
    """
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    real, found = path.resolve(), (-1, "")
    for line in lines:
        left, _, right = line.partition(" - ")
        at = Path(_unescaped(left.split()[4]))
        # Of two mounted at one place the later one is seen.
        if real.is_relative_to(at) and len(at.parts) >= found[0]:
            found = (len(at.parts), right.split()[0])
    return found[1] or None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def check_space(path: Path, max_bytes: int | None) -> Iterator[Check]:
    """Hold the free space against what an ingest may write.

    Args:
        path: on the disk.
        max_bytes: the budget that was set for an ingest; None: half of the free space.
    """
    usage = shutil.disk_usage(existing(path))
    said = f"{_giga(usage.free)} free of {_giga(usage.total)}"
    if max_bytes is not None and usage.free < max_bytes:
        yield problem(
            "space",
            f"{said}, and an ingest may write {_giga(max_bytes)} ([ingest] max_bytes)",
            "kvprep gc   # or free some space, or lower max_bytes in kvprep.toml",
        )
    elif usage.free < _LEAST_FREE:
        yield problem("space", f"{said}: hardly room for a document", "kvprep gc   # or free some space")
    else:
        budget = "half of it" if max_bytes is None else _giga(max_bytes)
        yield fine("space", f"{said}; an ingest may write {budget}")


def check_speed(path: Path) -> Iterator[Check]:
    """Measure how fast the disk reads what the system's memory does not hold. Writes 32 MiB and removes them."""
    folder = existing(path)
    if shutil.disk_usage(folder).free < _PROBE_BYTES:
        yield note("disk speed", "not measured: the disk is nearly full", "kvprep gc   # or free some space")
        return
    if not os.access(folder, os.W_OK):
        yield problem("disk speed", f"{folder}: cannot be written to", f"chmod u+w {folder}")
        return
    speed = disk_speed(folder)
    if speed == float("inf"):
        yield note("disk speed", "cannot be told apart from the system's memory here")
    elif speed < _SLOW:
        yield note(
            "disk speed",
            f"reads {speed / 1e6:,.0f} MB/s: loads from it are slow",
            'codec = "auto"   # under [ingest] in kvprep.toml: fewer bytes to read',
        )
    else:
        yield fine("disk speed", f"reads {speed / 1e9:.2f} GB/s, past the system's memory")


def _giga(num_bytes: float) -> str:
    return f"{num_bytes / 1e9:,.1f} GB"
