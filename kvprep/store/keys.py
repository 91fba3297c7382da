"""Key file, master slots and namespace keys.

Source: docs/format.md, "Keys".
"""

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3

from kvprep.errors import IntegrityError, StoreError, WrongKey
from kvprep.hashing import derive_key, keyed_id
from kvprep.store import envelope
from kvprep.store.crypto import new_key
from kvprep.store.layout import Layout, disk_errors, sync_folder, write_durably
from kvprep.types import NamespaceId

_KEY_FILE = re.compile(
    rb"(?s)(?P<checked>(?:#[^\n]*\n)*KVPREP-KEY-1 (?P<secret>[0-9a-f]{64})\n)check (?P<check>[0-9a-f]{8})\n"
)
_KEY_FILE_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class NamespaceKeys:
    """The three keys of a namespace, 32 bytes each; never printed."""

    name: str
    ident: NamespaceId
    id_key: bytes = field(repr=False)
    index_key: bytes = field(repr=False)
    entry_key: bytes = field(repr=False)


def write_key_file(path: Path, store_id: str) -> bytes:
    """Draw the secret that opens a store and write it to a new file, readable by its owner only."""
    secret = new_key()
    checked = (
        f"# Opens the kvprep store {store_id}. Keep a copy in another place:\n"
        "# without this file nothing in the store can be read, by anybody.\n"
        f"KVPREP-KEY-1 {secret.hex()}\n"
    ).encode()
    with disk_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise StoreError(
                f"{path}: already there, and a key file is never overwritten", hint="Name another with KVPREP_KEY_FILE."
            ) from error
        with open(descriptor, "wb") as file:
            file.write(checked + b"check " + _check_digits(checked) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    return secret


def read_key_file(path: Path) -> bytes:
    """Read the secret (32 bytes) of a key file.

    Raises:
        WrongKey: missing, unreadable, damaged, or no key file at all.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_KEY_FILE_BYTES)
    except OSError as error:
        raise WrongKey(
            f"{path}: no readable key file", hint="Name the store's key file with KVPREP_KEY_FILE, or restore its copy."
        ) from error
    match = _KEY_FILE.fullmatch(data)
    if match and _check_digits(match["checked"]) == match["check"]:
        return bytes.fromhex(match["secret"].decode())
    raise WrongKey(f"{path}: the key file is damaged", hint="Restore it from the copy you keep.")


def create_master(layout: Layout, secret: bytes, *, label: str = "key file") -> bytes:
    """Draw the store's master key and wrap it in a slot that the file secret opens."""
    master, ident = new_key(), new_key()
    facts = {"store": layout.store_id, "master_key": master.hex(), "label": label, "created_at": time.time()}
    write_durably(layout, layout.file("keys", ident), [envelope.seal("m", derive_key(secret, "slot"), ident, facts)])
    return master


def open_master(layout: Layout, secret: bytes) -> bytes:
    """Unwrap the master key with a file secret.

    Raises:
        WrongKey: no slot opens. A damaged slot is named, since then the key may be the right one.
    """
    damaged = []
    for path in layout.all_files("keys"):
        subject = layout.relative(path)
        try:
            data = envelope.read_limited(path, subject=subject)
            if data[: len(envelope.MAGIC) + 1] == envelope.MAGIC + b"k":
                continue
            opened = envelope.unseal(data, "m", derive_key(secret, "slot"), bytes.fromhex(path.stem), subject=subject)
            if opened.facts["store"] == layout.store_id:
                return bytes.fromhex(opened.facts["master_key"])
        except WrongKey:
            continue
        except (IntegrityError, ValueError):
            damaged.append(subject)
    message = f"{layout.root}: no key slot opens with this key file"
    if damaged:
        raise WrongKey(
            f"{message}; damaged: {', '.join(damaged)}", hint="Restore the folder keys/ of the store from a backup."
        )
    raise WrongKey(message, hint="Name the store's own key file with KVPREP_KEY_FILE.")


def namespace_id(master: bytes, name: str) -> NamespaceId:
    """Name a namespace so that only who holds the master key can tell which it is."""
    return NamespaceId(keyed_id(derive_key(master, "namespace ids"), "namespace", name.encode()))


def create_namespace_keys(layout: Layout, master: bytes, name: str) -> NamespaceKeys:
    """Draw a namespace's keys and wrap them under the master key."""
    ident = namespace_id(master, name)
    keys = NamespaceKeys(name, ident, new_key(), new_key(), new_key())
    facts = {
        "name": name,
        "id_key": keys.id_key.hex(),
        "index_key": keys.index_key.hex(),
        "entry_key": keys.entry_key.hex(),
    }
    sealed = envelope.seal("k", derive_key(master, "namespace keys"), ident, facts)
    write_durably(layout, layout.file("keys", ident), [sealed])
    return keys


def open_namespace_keys(layout: Layout, master: bytes, ident: NamespaceId) -> NamespaceKeys | None:
    """Unwrap a namespace's keys; None if there is no such namespace.

    Raises:
        WrongKey: the file is damaged or wrapped under another master key.
    """
    path = layout.file("keys", ident)
    subject = layout.relative(path)
    try:
        data = envelope.read_limited(path, subject=subject)
        facts = envelope.unseal(data, "k", derive_key(master, "namespace keys"), ident, subject=subject).facts
        secrets = [bytes.fromhex(facts[name]) for name in ("id_key", "index_key", "entry_key")]
        return NamespaceKeys(str(facts["name"]), ident, *secrets)
    except FileNotFoundError:
        return None
    except (IntegrityError, KeyError, ValueError) as error:
        raise WrongKey(
            f"{subject}: the namespace's keys are damaged", hint="Restore the folder keys/ of the store from a backup."
        ) from error


def _check_digits(checked: bytes) -> bytes:
    return blake3(checked).digest()[:4].hex().encode()
