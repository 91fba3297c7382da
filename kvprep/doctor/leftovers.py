"""What stands in the folder and needs no key: rows against files, what a kill left, who holds a lock."""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from kvprep.doctor.check import Check, fine, note, problem
from kvprep.errors import StoreError
from kvprep.store.database import entry_rows
from kvprep.store.findings import COLLECT, REBUILD
from kvprep.store.layout import Layout, file_size, is_left_behind
from kvprep.store.usagefile import check_usage

_HOLDER = re.compile(r"(\d+) since (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_LONG_S = 24 * 3600.0
_NOTE_BYTES = 200


def check_figures(layout: Layout) -> Iterator[Check]:
    """Look whether what is counted for `kvprep stats` can be read."""
    path = layout.root / "usage.sqlite"
    if not path.exists():
        yield fine("figures", "none yet")
        return
    try:
        check_usage(path)
    except StoreError as error:
        mend = f"mv {path} {path}.damaged   # the counts begin anew; answers need none"
        yield problem("figures", f"nothing is counted: {error}", mend)
    else:
        yield fine("figures", "can be read; `kvprep stats` draws them")


def check_index(layout: Layout) -> Iterator[Check]:
    """Hold the rows of the index against the files of entries; contents are for `verify`."""
    path = layout.root / "index.sqlite"
    if not path.exists():
        yield note("index", "missing", "Nothing has to be done: it is built when it is next needed.")
        return
    try:
        rows = {row.hex() for row in entry_rows(path)}
    except StoreError as error:
        yield problem("index", f"damaged: {error}", REBUILD, is_integrity=True)
        return
    files = {file.stem for file in layout.all_files("entries")}
    unknown, lost = len(files - rows), len(rows - files)
    if unknown or lost:
        yield note("index", f"{unknown} entries without a row, {lost} rows without their entry", REBUILD)
    else:
        yield fine("index", f"{len(rows):,} rows, as many entries")


def check_leftovers(layout: Layout) -> Iterator[Check]:
    """Find what killed processes left half written."""
    folder = layout.root / "tmp"
    dead = [path for path in folder.iterdir() if path.is_file() and is_left_behind(path)] if folder.is_dir() else []
    num_bytes = sum(map(file_size, dead))
    if dead:
        yield note("leftovers", f"{len(dead)} unfinished files of killed processes, {num_bytes / 1e6:,.1f} MB", COLLECT)
    else:
        yield fine("leftovers", "none in tmp/")


def check_locks(layout: Layout) -> Iterator[Check]:
    """Say who holds a lock. The kernel frees the locks of a dead process, so a held one has a living holder."""
    files = (path for path in sorted((layout.root / "locks").glob("*.l*")) if path.is_file())
    held = [path for path in files if _is_held(path)]
    if not held:
        yield fine("locks", "nobody holds one")
    for path in held:
        yield _holder(path, time.time())


def _is_held(path: Path) -> bool:
    """Try a lock for a moment, shared: who waits for it a little longer notices nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _holder(path: Path, now: float) -> Check:
    with open(path, "rb") as file:
        match = _HOLDER.fullmatch(file.read(_NOTE_BYTES).decode("ascii", "replace"))
    what = "an ingest" if path.suffix == ".lease" else "a command"
    if match is None:
        return note("locks", f"{what} is at work")
    process, since = match.groups()
    if now - datetime.fromisoformat(since).timestamp() > _LONG_S:
        return note(
            "locks",
            f"{what} of process {process} has been at work since {since}",
            f"ps -p {process}   # if it hangs: kill {process}; what it has stored stays",
        )
    return fine("locks", f"{what} of process {process} is at work since {since}")
