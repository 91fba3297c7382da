"""What can be checked of a store without its key: names, lengths, headers, checksums.

Source: docs/format.md, "Folder", "Sealed file" and "Segment".
"""

import mmap
import os
import re
from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter
from pathlib import Path

from kvprep.errors import StoreError, UntrustedWriter
from kvprep.store import envelope, segmentheader
from kvprep.store.database import entry_rows
from kvprep.store.findings import COLLECT, REBUILD, REINGEST, REINGEST_SIGNED, RESIGN, RESTORE_KEYS, Level, Tally
from kvprep.store.layout import FOLDERS, README, Layout, disk_errors, file_size, is_left_behind, read_start
from kvprep.store.lock import exclusive

KINDS = {"keys": ".kvk", "namespaces": ".kvn", "entries": ".kve", "documents": ".kvd", "segments": ".kvs"}
REMEDIES = {
    "keys": RESTORE_KEYS,
    "namespaces": "Restore the folder namespaces/ of the store from a backup.",
    "entries": REINGEST,
    "documents": REINGEST,
    "segments": REINGEST,
}
_LETTERS = {"keys": "kmpl", "namespaces": "n", "entries": "e", "documents": "d"}
_IDENT = re.compile(r"[0-9a-f]{64}")
_LOCK = re.compile(r"(commit|gc)\.lock|gc\.pins|unchanged|[0-9a-f]{64}\.(lease|pins)")
_TOP = re.compile(r"README|store\.toml|kvprep\.toml|(index|usage|audit|checks)\.sqlite(-journal|-wal|-shm)?")
_OURS = re.compile(r".*\.kv[a-z]")


def check_files(layout: Layout, level: Level, tally: Tally, writers: Collection[bytes] = ()) -> list[Path]:
    """Look at every file of a store; return the segments whose headers are sound.

    Segments are large: their contents are looked at by `check_contents`. All other files are read here, but at level
    structure.

    Args:
        layout, level, tally: what is checked, how, and where it is noted.
        writers: as in `check_contents`.
    """
    segments = []
    with disk_errors(layout.root):
        _check_top(layout, tally)
        for kind in KINDS:
            for path in _folder(layout, kind, tally):
                if _is_in_place(layout, kind, path, tally) and _check_structure(layout, kind, path, tally):
                    if kind == "segments":
                        segments.append(path)
                    elif level is not Level.STRUCTURE:
                        check_contents(layout, kind, path, tally, writers)
        for path in _folder(layout, "locks", tally):
            if not _LOCK.fullmatch(path.name):
                _stranger(layout, path, tally)
        for path in _folder(layout, "tmp", tally):
            if file_size(path) and is_left_behind(path):  # an empty one may not have been locked by its writer yet
                tally.info(layout.relative(path), "left behind by a write that was cut short", COLLECT)
    _check_rows(layout, tally)
    return segments


def _check_top(layout: Layout, tally: Tally) -> None:
    for path in sorted(layout.root.iterdir()):
        if path.name not in FOLDERS and not _TOP.fullmatch(path.name):
            _stranger(layout, path, tally)
    readme = layout.root / "README"
    expected = README.encode()
    if not readme.is_file() or read_start(readme, len(expected) + 1) != expected:
        tally.info("README", "is not as it was written", "It is only for people; nothing depends on it.")


def _folder(layout: Layout, name: str, tally: Tally) -> Iterator[Path]:
    folder = layout.root / name
    if not folder.is_dir():
        tally.error(name, "the folder is missing", "Restore it from a backup; if there was nothing in it, make it.")
        return
    # Of one folder, names sort as paths do, in a tenth of the time.
    for path in sorted(folder.iterdir(), key=attrgetter("name")):
        if re.fullmatch("[0-9a-f]{2}", path.name) and path.is_dir():
            yield from sorted(path.iterdir(), key=attrgetter("name"))
        else:
            yield path


def _is_in_place(layout: Layout, kind: str, path: Path, tally: Tally) -> bool:
    known = path.suffix == KINDS[kind] and _IDENT.fullmatch(path.stem)
    if known and str(path) == layout.file_name(kind, bytes.fromhex(path.stem)) and path.is_file():
        return True
    if not os.path.lexists(path):
        return False  # removed while this looked on
    if _OURS.fullmatch(path.name):
        tally.error(layout.relative(path), "a file of a store under a wrong name", REMEDIES[kind])
    else:
        _stranger(layout, path, tally)
    return False


def _stranger(layout: Layout, path: Path, tally: Tally) -> None:
    tally.info(layout.relative(path), "no file of a store", "Move it elsewhere; kvprep does not touch it.")


def _check_structure(layout: Layout, kind: str, path: Path, tally: Tally) -> bool:
    subject = layout.relative(path)
    tally.checked[kind] += 1
    try:
        with open(path, "rb") as file:
            header = file.read(segmentheader.HEADER.size)
            _check_header(kind, path, header, os.fstat(file.fileno()).st_size, subject)
    except FileNotFoundError:
        return False  # removed while this looked on
    except (StoreError, OSError) as error:
        tally.failed(subject, error, REMEDIES[kind])
        return False
    return True


def check_contents(layout: Layout, kind: str, path: Path, tally: Tally, writers: Collection[bytes] = ()) -> None:
    """Read a whole file and compare its checksum.

    Args:
        layout, tally: its store, and where it is noted.
        kind: its folder.
        path: where it is.
        writers: public keys (32 bytes each), one of which must have signed it; none: signatures are not looked at.
            Key slots and the keys of namespaces are never signed.
    """
    subject = layout.relative(path)
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            tally.checked["bytes"] += len(data)
            with memoryview(data) as view:
                if writers and kind != "keys":
                    _check_signature(kind, path, view, writers, subject, tally)
                else:
                    envelope.check_footer(view, subject=subject)
    except FileNotFoundError:
        return  # removed while this looked on
    except UntrustedWriter as error:
        tally.failed(subject, error, RESIGN if kind == "namespaces" else REINGEST_SIGNED)
    except (StoreError, OSError, ValueError) as error:  # ValueError: empty by now, which nothing of ours makes
        tally.failed(subject, error, REMEDIES[kind])


def _check_signature(
    kind: str, path: Path, view: memoryview, writers: Collection[bytes], subject: str, tally: Tally
) -> None:
    if kind == "segments":
        tally.checked["chunks"] += segmentheader.check_segment_signature(view, writers, path, subject=subject)
    else:
        envelope.check_signature(view, writers, bytes.fromhex(path.stem), subject=subject)
    tally.checked["signatures"] += 1


def _check_header(kind: str, path: Path, header: bytes, num_bytes: int, subject: str) -> None:
    if kind == "segments":
        segmentheader.check_segment_header(header, num_bytes, path, subject=subject)
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
        lost = _lost(layout, rows)
        if lost and os.access(
            layout.root / "locks", os.W_OK
        ):  # Perhaps only for a moment: who removes an entry holds this lock until its row is gone, too.
            with exclusive(layout.root / "locks" / "commit.lock"):
                rows = entry_rows(path)
                lost = _lost(layout, rows)
    except StoreError as error:
        tally.failed("index.sqlite", error, REBUILD)
        return
    tally.checked["rows"] += len(rows)
    if lost:
        tally.info("index.sqlite", f"{lost} rows of entries that are gone", REBUILD)


def _lost(layout: Layout, rows: Iterable[bytes]) -> int:
    return sum(not (len(row) == 32 and layout.file("entries", row).exists()) for row in rows)
