"""The store's folder and its key: whether they are there, whose they are, and who else gets at them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from kvprep.doctor.check import Check, fine, note, problem
from kvprep.errors import KvprepError, StoreNotFound
from kvprep.store import remembered
from kvprep.store.findings import RESTORE_KEYS
from kvprep.store.keyfile import read_key_file
from kvprep.store.layout import FOLDERS, FORMAT_VERSION, Layout, open_layout
from kvprep.store.places import default_key_path
from kvprep.store.slots import FILE_SLOT, PASSPHRASE_SLOT, slot_files

BACKUP = "kvprep key backup /media/safe/store.key   # and copy keys/, namespaces/ and documents/ of the store"


def check_store(path: Path) -> Iterator[Check]:
    """Say whether there is a store, of which format."""
    try:
        layout = open_layout(path)
    except StoreNotFound:
        if remembered.was_remembered(path):
            yield problem(
                "store",
                f"{path}: a store was here before and has vanished",
                "Mount its disk or restore it; `kvprep init` makes a new one on purpose.",
            )
        else:
            yield note("store", f"{path}: no store yet", f"kvprep init --store {path}")
        return
    if missing := [folder for folder in FOLDERS if not (path / folder).is_dir()]:
        yield problem(
            "store",
            f"{path}: folders are missing: {', '.join(missing)}",
            "Restore them from a backup; what held nothing can be made with mkdir.",
            is_integrity=True,
        )
    else:
        yield fine("store", f"{path}, format {FORMAT_VERSION}, id {layout.store_id[:12]}…")


def check_permissions(path: Path) -> Iterator[Check]:
    """Say who else may read the store's folder, or change it."""
    mode = stat.S_IMODE(os.stat(path).st_mode)
    closed = f"chmod 700 {path}"
    if mode & 0o022:
        yield problem("permissions", f"{path}: others may write to it ({mode:04o})", closed)
    elif mode & 0o077:
        yield note("permissions", f"{path}: others may read what is sealed, names and sizes ({mode:04o})", closed)
    elif not os.access(path, os.W_OK):
        yield problem("permissions", f"{path}: cannot be written to", f"chmod u+w {path}")
    else:
        yield fine("permissions", f"{mode:04o}, yours")


def check_key(layout: Layout, key_file: Path | None) -> Iterator[Check]:
    """Look at the key file; whether it opens the store is seen when it does.

    Args:
        layout: of the store.
        key_file: None: where `init` puts it.

    Raises:
        WrongKey: the file is no key file, or damaged.
    """
    path = (key_file or default_key_path(layout.store_id)).expanduser()
    if not path.exists():
        yield _without_file(layout, path)
        return
    read_key_file(path)
    yield from _key_modes(path)
    yield _apart(layout.root, path)


def _without_file(layout: Layout, path: Path) -> Check:
    if slot_files(layout, PASSPHRASE_SLOT):
        return note("key", f"{path}: no key file; the store opens with a passphrase", "")
    return problem(
        "key",
        f"{path}: no key file, and the store has no passphrase: nothing in it can be read",
        "Restore the key file from its copy, or name it with KVPREP_KEY_FILE.",
    )


def _key_modes(path: Path) -> Iterator[Check]:
    found = os.stat(path)
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid not in (os.geteuid(), 0):
        yield problem("key", f"{path}: belongs to user {found.st_uid}", f"sudo chown {os.geteuid()} {path}")
    elif mode & 0o007:
        yield problem("key", f"{path}: everybody can read it ({mode:04o})", f"chmod 600 {path}")
    elif mode & 0o070:
        yield note("key", f"{path}: a group can read it ({mode:04o})", f"chmod 600 {path}")
    else:
        yield fine("key", f"{path} ({mode:04o})")


def _apart(root: Path, path: Path) -> Check:
    if path.resolve().is_relative_to(root.resolve()):
        return problem(
            "key's place",
            "the key lies in the store that it opens: who copies one has both",
            f"mkdir -m 700 -p ~/.config/kvprep && mv {path} ~/.config/kvprep/   # then name it with KVPREP_KEY_FILE",
        )
    if os.stat(path).st_dev == os.stat(root).st_dev:
        return note(
            "key's place",
            "on one disk with the store: it guards copies and backups, not a stolen disk",
            f"mv {path} /another/disk/   # then name it with KVPREP_KEY_FILE, or use a passphrase",
        )
    return fine("key's place", "on another disk than the store")


def check_ways_in(layout: Layout) -> Iterator[Check]:
    """Count the keys: with a single one, its loss is the loss of everything."""
    count = len(slot_files(layout, FILE_SLOT)) + len(slot_files(layout, PASSPHRASE_SLOT))
    if not count:
        yield problem("ways in", "no key slot is left: no key opens this store", RESTORE_KEYS, is_integrity=True)
    elif count > 1:
        yield fine("ways in", f"{count} keys have a slot here")
    else:
        yield note(
            "ways in",
            "a single key opens the store; without it nobody reads anything in it",
            "kvprep key add --passphrase --role admin",
        )


def found_layout(path: Path) -> Layout | None:
    """Open the layout of the store, or give None: `check_store` says why."""
    try:
        return open_layout(path)
    except KvprepError:
        return None
