"""Changes of who opens a store: keys are added and removed, and key files copied.

Every step leaves a key that opens everything: nobody removes the key that he uses.

Source: docs/format.md, "Keys".
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvprep.errors import ConfigError, IntegrityError, NotFound, PolicyDenied, StoreError, WrongKey
from kvprep.store.crypto import new_key
from kvprep.store.holder import Holder, Role
from kvprep.store.keyfile import read_key_file, write_key_file, write_secret
from kvprep.store.keylist import ListedKey, list_keys, listed, write_list
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import Layout, unlink_durably
from kvprep.store.slots import (
    FILE_SLOT,
    MAX_PASSPHRASE_SLOTS,
    PASSPHRASE_SLOT,
    Access,
    MasterAccess,
    NamespaceAccess,
    Slot,
    new_slot_name,
    open_slot,
    seal_passphrase_slot,
    seal_slot,
    slot_files,
    write_slot,
)
from kvprep.store.store import Store

MIN_PASSPHRASE_CHARACTERS = 12
MAX_LABEL_CHARACTERS = 64
_MIN_ID_DIGITS = 4


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key that is to be added shall be."""

    label: str
    role: Role
    only: tuple[str, ...] = ()
    """Names of the namespaces that it opens; empty: everything."""


def add_key_file(store: Store, key: NewKey, path: Path) -> ListedKey:
    """Let one more key file open the store; it is made where it is missing.

    A key file that is there and opens nothing here yet is taken as it is: one of another store, or what a kill left.

    Raises:
        PolicyDenied: the store was opened with a key that is no admin's.
        StoreError: the key file opens the store already; or the label is taken.
        NotFound: no such namespace.
    """
    slot = _new_slot(store, key)
    if path.exists():
        secret = read_key_file(path)
        _refuse_known(store.layout, secret, path)
    else:
        _refuse_inside(store.layout, path)
        secret = write_key_file(path, store.layout.store_id)
    return _add(store, slot, FILE_SLOT, seal_slot(store.layout, slot, secret))


def add_passphrase(store: Store, key: NewKey, passphrase: str) -> ListedKey:
    """Let a passphrase open the store.

    Raises:
        ConfigError: it is short.
        PolicyDenied, StoreError, NotFound: as for a key file; or there are too many passphrases.
    """
    slot = _new_slot(store, key)
    if len(passphrase) < MIN_PASSPHRASE_CHARACTERS:
        raise ConfigError(
            f"passphrase: fewer than {MIN_PASSPHRASE_CHARACTERS} characters",
            hint="Take several random words: whoever has a copy of the store can guess without end.",
        )
    return _add(store, slot, PASSPHRASE_SLOT, seal_passphrase_slot(store.layout, slot, passphrase))


def remove_key(store: Store, which: str) -> ListedKey:
    """Remove a key, named by its label or the beginning of its id: it opens nothing in this store from now on.

    Raises:
        PolicyDenied: the store was opened with a key that is no admin's, or with the very key.
        NotFound: no such key.
    """
    access = _settled_access(store, "key remove")
    with store.commit_lock():
        store.keyring.check_current()
        keys = list_keys(store.layout, store.keyring)
        key = _chosen(keys, which)
        if key.slot == store.holder.slot:
            raise PolicyDenied(
                f"{which}: the key that the store was opened with is not removed",
                hint="Open the store with another key to remove this one.",
            )
        unlink_durably(store.layout.file("keys", key.slot))
        write_list(store.layout, access, [k for k in keys if k.role and k.slot != key.slot])
    store.audit.record("key remove", "done", subject=key.slot)
    return key


def back_up_key_file(store: Store, key_file: Path, target: Path) -> None:
    """Copy the key file that opened the store, with a word on what it is, and prove that the copy opens it.

    Raises:
        ConfigError: the copy would lie inside of the store.
        StoreError: the target is there already.
        IntegrityError: the copy does not open the store.
    """
    _refuse_inside(store.layout, target)
    secret = read_key_file(key_file)
    made = time.strftime("%Y-%m-%d", time.gmtime())
    comments = (
        f"Copy of {made} of the key {store.holder.label!a} of the kvprep store {store.layout.store_id},",
        f"which lay at {str(store.path)!a}. Keep it apart from the store.",
        "To use it: KVPREP_KEY_FILE=THIS-FILE kvprep ls --store STORE",
    )
    write_secret(target, secret, comments)
    if open_slot(store.layout, read_key_file(target)).holder.slot != store.holder.slot:
        raise IntegrityError(f"{target}: does not open the store as {key_file} does", hint="Copy it by hand.")
    store.audit.record("key backup", "done", subject=store.holder.slot)


def admin_access(slot: Slot) -> MasterAccess:
    """Give what an admin's slot opens.

    Raises:
        PolicyDenied: the slot is no admin's.
    """
    if not isinstance(slot.access, MasterAccess) or slot.holder.role is not Role.ADMIN:
        raise PolicyDenied(
            "keys are changed only with an admin's key, which opens the whole store",
            hint="`kvprep key list` shows the role of the key that is in use.",
        )
    return slot.access


def _settled_access(store: Store, verb: str) -> MasterAccess:
    with store.noting_denial(verb):
        access = admin_access(store.keyring.slot)
    if access.former:
        raise StoreError("a rotation of the key was cut short", hint="Finish it with `kvprep key rotate`.")
    if access.former_naming:
        raise StoreError("a rewrite was cut short", hint="Finish it with `kvprep key rotate --rewrite`.")
    return access


def _new_slot(store: Store, key: NewKey) -> Slot:
    own = _settled_access(store, "key add")
    if not 0 < len(key.label) <= MAX_LABEL_CHARACTERS or not key.label.isprintable():
        raise ConfigError(f"label: not 1 to {MAX_LABEL_CHARACTERS} printable characters", hint="Set --label.")
    if key.only and key.role is Role.ADMIN:
        raise ConfigError("an admin's key opens everything", hint="Leave out --only, or choose another --role.")
    access: Access = own
    if key.only:
        access = NamespaceAccess(tuple(_namespace_keys(store, name) for name in dict.fromkeys(key.only)))
    holder = Holder(
        slot=new_slot_name(),
        label=key.label,
        admin_public=store.holder.admin_public,
        audit_key=store.holder.audit_key,
        writer_seed=b"" if key.role is Role.READER else new_key(),
        admin_seed=store.holder.admin_seed if key.role is Role.ADMIN else b"",
    )
    return Slot(holder, access, time.time())


def _namespace_keys(store: Store, name: str) -> NamespaceKeys:
    store.namespace(name)  # whose making was not cut short
    keys = store.keyring.open_namespace(store.keyring.namespace_id(name))
    if keys is None:
        raise NotFound(f"namespace {name}: gone meanwhile", hint="See `kvprep namespace list`.")
    return keys


def _add(store: Store, slot: Slot, kind: str, sealed: bytes) -> ListedKey:
    """Enter the slot into the list, then write it."""
    access, key = _settled_access(store, "key add"), listed(slot, kind)
    with store.commit_lock():
        store.keyring.check_current()
        keys = list_keys(store.layout, store.keyring)
        if any(k.label == key.label for k in keys):
            raise StoreError(f"{key.label}: a key has this label already", hint="Choose another with --label.")
        if kind == PASSPHRASE_SLOT and len(slot_files(store.layout, kind)) >= MAX_PASSPHRASE_SLOTS:
            raise StoreError(
                f"more than {MAX_PASSPHRASE_SLOTS} passphrases: each makes every opening slower",
                hint="Remove one, or add a key file.",
            )
        write_list(store.layout, access, [*(k for k in keys if k.role), key])
        write_slot(store.layout, slot, sealed)
    store.audit.record("key add", "done", subject=key.slot)
    return key


def _chosen(keys: Sequence[ListedKey], which: str) -> ListedKey:
    found = [key for key in keys if key.label == which]
    if not found and len(which) >= _MIN_ID_DIGITS:
        found = [key for key in keys if key.slot.hex().startswith(which.lower())]
    if len(found) != 1:
        raise NotFound(
            f"{which}: {'several keys' if found else 'no key'} of this label or id", hint="See `kvprep key list`."
        )
    return found[0]


def _refuse_known(layout: Layout, secret: bytes, path: Path) -> None:
    try:
        label = open_slot(layout, secret).holder.label
    except WrongKey:
        return
    raise StoreError(f"{path}: opens this store already, as {label}", hint="Name another file with --file.")


def _refuse_inside(layout: Layout, path: Path) -> None:
    if path.expanduser().resolve().is_relative_to(layout.root.resolve()):
        raise ConfigError(f"{path}: inside of the store", hint="A key belongs in another place than what it opens.")
