"""What can be checked of a store without its key: names, lengths, headers, checksums.

Source: docs/format.md, "Folder", "Sealed file" and "Segment".
"""

import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path

from kvprep.errors import StoreError
from kvprep.store import envelope, segment
from kvprep.store.database import entry_rows
from kvprep.store.findings import COLLECT, REBUILD, REINGEST, RESTORE_KEYS, Level, Tally
from kvprep.store.layout import FOLDERS, README, Layout, disk_errors

KINDS = {"keys": ".kvk", "namespaces": ".kvn", "entries": ".kve", "documents": ".kvd", "segments": ".kvs"}
REMEDIES = {
    "keys": RESTORE_KEYS,
    "namespaces": "Restore the folder namespaces/ of the store from a backup.",
    "entries": REINGEST,
    "documents": REINGEST,
    "segments": REINGEST,
}
_LETTERS = {"keys": "km", "namespaces": "n", "entries": "e", "documents": "d"}
_IDENT = re.compile(r"[0-9a-f]{64}")
_LOCK = re.compile(r"(commit|gc)\.lock|[0-9a-f]{64}\.(lease|pins)")
_TOP = re.compile(r"README|store\.toml|kvprep\.toml|(index|usage|audit)\.sqlite(-journal|-wal|-shm)?")
_OURS = re.compile(r".*\.kv[a-z]")


def check_files(layout: Layout, level: Level, tally: Tally) -> None:
    """Look at every file of a store."""
    with disk_errors(layout.root):
        _check_top(layout, tally)
        for kind in KINDS:
            for path in _folder(layout, kind, tally):
                if _is_in_place(layout, kind, path, tally):
                    _check_file(layout, kind, path, level, tally)
        for path in _folder(layout, "locks", tally):
            if not _LOCK.fullmatch(path.name):
                _stranger(layout, path, tally)
        for path in _folder(layout, "tmp", tally):
            tally.info(layout.relative(path), "left behind by a write that was cut short", COLLECT)
    _check_rows(layout, tally)


def _check_top(layout: Layout, tally: Tally) -> None:
    for path in sorted(layout.root.iterdir()):
        if path.name not in FOLDERS and not _TOP.fullmatch(path.name):
            _stranger(layout, path, tally)
    readme = layout.root / "README"
    if not readme.is_file() or readme.read_text("utf-8", "replace") != README:
        tally.info("README", "is not as it was written", "It is only for people; nothing depends on it.")


def _folder(layout: Layout, name: str, tally: Tally) -> Iterator[Path]:
    folder = layout.root / name
    if not folder.is_dir():
        tally.error(name, "the folder is missing", "Restore it from a backup; if there was nothing in it, make it.")
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir() and re.fullmatch("[0-9a-f]{2}", path.name):
            yield from sorted(path.iterdir())
        else:
            yield path


def _is_in_place(layout: Layout, kind: str, path: Path, tally: Tally) -> bool:
    known = path.suffix == KINDS[kind] and _IDENT.fullmatch(path.stem)
    if known and path == layout.file(kind, bytes.fromhex(path.stem)) and path.is_file():
        return True
    if _OURS.fullmatch(path.name):
        tally.error(layout.relative(path), "a file of a store under a wrong name", REMEDIES[kind])
    else:
        _stranger(layout, path, tally)
    return False


def _stranger(layout: Layout, path: Path, tally: Tally) -> None:
    tally.info(layout.relative(path), "no file of a store", "Move it elsewhere; kvprep does not touch it.")


def _check_file(layout: Layout, kind: str, path: Path, level: Level, tally: Tally) -> None:
    subject = layout.relative(path)
    tally.checked[kind] += 1
    try:
        with open(path, "rb") as file:
            header = file.read(segment.HEADER.size)
            _check_header(kind, path, header, os.fstat(file.fileno()).st_size, subject)
            if level is not Level.STRUCTURE:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
                    envelope.check_footer(view, subject=subject)
    except FileNotFoundError:
        return  # removed while this looked on
    except (StoreError, OSError) as error:
        tally.failed(subject, error, REMEDIES[kind])


def _check_header(kind: str, path: Path, header: bytes, num_bytes: int, subject: str) -> None:
    if kind == "segments":
        segment.check_segment_header(header, num_bytes, path, subject=subject)
        return
    letter = chr(header[len(envelope.MAGIC)]) if len(header) > len(envelope.MAGIC) else ""
    letters = _LETTERS[kind]
    envelope.check_header(header, num_bytes, letter if letter and letter in letters else letters[0], subject=subject)


def _check_rows(layout: Layout, tally: Tally) -> None:
    path = layout.root / "index.sqlite"
    if not path.exists():
        tally.info("index.sqlite", "missing", "Nothing to do: it is built when it is next needed.")
        return
    try:
        rows = entry_rows(path)
    except StoreError as error:
        tally.failed("index.sqlite", error, REBUILD)
        return
    tally.checked["rows"] += len(rows)
    lost = sum(not (len(i) == 32 and layout.file("entries", i).exists()) for i in rows)
    if lost:
        tally.info("index.sqlite", f"{lost} rows of entries that are gone", REBUILD)
