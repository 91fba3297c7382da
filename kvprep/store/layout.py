"""Where things lie in a store, and how a file gets there durably.

Source: docs/format.md, "Folder" and "Order of writes".
"""

import errno
import fcntl
import os
import secrets
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from kvprep.errors import (
    IntegrityError,
    PolicyDenied,
    StoreError,
    StoreFull,
    StoreNotFound,
    Unreadable,
    UnsupportedFormat,
)

if TYPE_CHECKING:
    from kvprep.types import Buffer

FORMAT_VERSION = 1
BLOCK_SIZE = 64
CIPHER = "AES-256-GCM"
MEND_DISK = "Mend the disk or its permissions; nothing is lost."
FREE_SPACE = "Free some space, run `kvprep gc`, and run the command again: it carries on."
_PIECE_BYTES = 1 << 20
_MOST_TOML_BYTES = 4096
FOLDERS = ("keys", "namespaces", "entries", "documents", "segments", "locks", "tmp")

UNCHANGED = "locks/unchanged"
"""Written last when an ingest ended well at a receipt, without opening the store."""

README = """This folder is a kvprep store: an encrypted cache of transformer keys and values.

Everything in it is made by `kvprep` and can be made again from the documents, at the price of computing it again.
Its key is NOT in here: see `kvprep doctor` for where it lies. Without the key nothing in this folder can be read.

Back up: the key file (elsewhere!), keys/, namespaces/, documents/. The rest is a cache.
index.sqlite may be deleted: it is built again from the entries. Do not edit or move single files.
"""


_SUFFIXES = {"keys": ".kvk", "namespaces": ".kvn", "entries": ".kve", "documents": ".kvd", "segments": ".kvs"}
_UNSHARDED = ("keys", "namespaces")


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one store."""

    root: Path
    store_id: str

    def file(self, kind: str, ident: bytes) -> Path:
        """Path of a sealed file or segment; `kind` is its folder."""
        return Path(self.file_name(kind, ident))

    def file_name(self, kind: str, ident: bytes) -> str:
        """The same as a string, which takes a tenth of the time: an ingest asks for every file that it knows."""
        name = ident.hex()
        shard = "" if kind in _UNSHARDED else f"{name[:2]}/"
        return f"{self.root}/{kind}/{shard}{name}{_SUFFIXES[kind]}"

    def all_files(self, kind: str) -> Iterator[Path]:
        """Every file of one kind, in the order of names."""
        pattern = "*.kv*" if kind in _UNSHARDED else "??/*.kv*"
        yield from sorted((self.root / kind).glob(pattern))

    def relative(self, path: Path) -> str:
        """Name a file of the store for a person."""
        return str(path).removeprefix(f"{self.root}/")


def create_layout(root: Path) -> Layout:
    """Make the folders and files of an empty store.

    `store.toml` comes last: without it the folder is no store, and a creation that was cut short is begun again.
    """
    store_id = secrets.token_hex(16)
    with disk_errors(root):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in FOLDERS:
            (root / folder).mkdir(mode=0o700, exist_ok=True)
        layout = Layout(root, store_id)
        write_durably(layout, root / "README", [README.encode()])
    return layout


def write_store_toml(layout: Layout) -> None:
    """Make the folder a store."""
    text = f'format = {FORMAT_VERSION}\nid = "{layout.store_id}"\nblock_size = {BLOCK_SIZE}\ncipher = "{CIPHER}"\n'
    write_durably(layout, layout.root / "store.toml", [text.encode()])


def open_layout(root: Path) -> Layout:
    """Find the store at `root`.

    Raises:
        StoreNotFound: nothing there is a store.
        UnsupportedFormat: it is of a format this kvprep does not know.
        PolicyDenied: it belongs to another user.
    """
    config = root / "store.toml"
    if not config.is_file():
        raise StoreNotFound(
            f"{root}: no kvprep store here", hint="Make one with `kvprep init`, or name another with --store."
        )
    owner = config.stat().st_uid
    if owner != os.geteuid():
        raise PolicyDenied(f"{root}: belongs to user {owner}", hint="Use a store of your own.")
    try:
        with read_errors(config):
            settings = tomllib.loads(read_start(config, _MOST_TOML_BYTES).decode())
        version, store_id = int(settings["format"]), str(settings["id"])
        bytes.fromhex(store_id)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise IntegrityError(f"{config}: damaged", hint="Restore store.toml from a backup.") from error
    if version != FORMAT_VERSION:
        raise UnsupportedFormat(
            f"{root}: format version {version}; this kvprep knows {FORMAT_VERSION}", hint="Use the kvprep that made it."
        )
    if settings.get("block_size") != BLOCK_SIZE or settings.get("cipher") != CIPHER or len(store_id) != 32:
        raise IntegrityError(f"{config}: unknown block size, cipher or id", hint="Restore store.toml from a backup.")
    return Layout(root, store_id)


def read_start(path: Path, num_bytes: int) -> bytes:
    """Read a file that is short if nobody has put another in its place; no more of it than that is."""
    with open(path, "rb") as file:
        return file.read(num_bytes)


def write_durably(layout: Layout, target: Path, parts: "Iterable[Buffer]") -> None:
    """Write a file so that it is there wholly or not at all, whatever happens.

    Raises:
        StoreFull: the disk has no room; the store is as it was.
    """
    with disk_errors(target):
        with _temporary(layout) as (file, temporary):
            for piece in _in_even_pieces(parts):
                while piece:
                    piece = piece[file.write(piece) :]
            os.fsync(file.fileno())
            if not target.parent.is_dir():
                target.parent.mkdir(mode=0o700, exist_ok=True)
                sync_folder(target.parent.parent)
            os.replace(temporary, target)
        sync_folder(target.parent)


def _in_even_pieces(parts: "Iterable[Buffer]") -> Iterator[memoryview]:
    """Gather parts into pieces of one size; each is valid until the next one is asked for.

    What is written in odd sizes lies in single pages of the system's cache, and to map those for reading costs a load a
    quarter of its time.
    """
    area, used = memoryview(bytearray(_PIECE_BYTES)), 0
    for part in parts:
        rest = memoryview(part).cast("B")
        while rest:
            taken = min(len(rest), len(area) - used)
            area[used : used + taken] = rest[:taken]
            rest, used = rest[taken:], used + taken
            if used == len(area):
                yield area
                used = 0
    yield area[:used]


@contextmanager
def _temporary(layout: Layout) -> Iterator[tuple[FileIO, Path]]:
    """Make a file in tmp/, locked until it has its name: so it is told from what a dead process left behind."""
    while True:
        path = layout.root / "tmp" / secrets.token_hex(16)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not os.fstat(file.fileno()).st_nlink:
                    continue  # taken for a leftover between its making and its lock
                yield file, path
                return
            except BaseException:
                path.unlink(missing_ok=True)
                raise


def is_left_behind(path: Path) -> bool:
    """Tell whether a file in tmp/ is there, and nobody is writing it any more."""
    with _freed(path) as is_dead:
        return is_dead


def unlink_left_behind(path: Path) -> bool:
    """Remove a file in tmp/ that nobody is writing any more; False where somebody is, or it is gone."""
    with disk_errors(path), _freed(path) as is_dead:
        if is_dead:
            path.unlink()
        return is_dead


@contextmanager
def _freed(path: Path) -> Iterator[bool]:
    """Hold the lock of a temporary file if it is free. Its writer keeps it until the file has its name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        yield False
        return
    try:
        yield lock_at_once(descriptor) and path.exists()
    finally:
        os.close(descriptor)


def lock_at_once(descriptor: int) -> bool:
    """Take the lock of an open file if nobody has it; tell whether it was taken."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlink_durably(path: Path) -> bool:
    """Remove a file so that it stays removed; False if it was not there."""
    with disk_errors(path):
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(path.parent)
    return True


def file_size(path: Path | str) -> int:
    """Give the size of a file; 0 where it is gone."""
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return 0


def sync_folder(folder: Path) -> None:
    """Make renames and unlinks in a folder survive a power cut."""
    with disk_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into errors of ours; a missing file stays FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(
                f"{path}: no space left on the device; nothing that was stored is lost",
                hint=FREE_SPACE,
            ) from error
        raise StoreError(f"{path}: {error.strerror}", hint=MEND_DISK) from error


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Name a file that the operating system will not let be read; a missing file stays FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}", hint=MEND_DISK) from error
