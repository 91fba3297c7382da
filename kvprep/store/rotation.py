"""A new master key under a new key file, without a change to any entry, segment or name.

At every instant the key file on disk opens everything. A rotation that was cut short is finished by the next one: until
it is done, the slot of the new key also holds the former master key.

Source: docs/format.md, "Keys".
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from kvprep.errors import StoreError, WrongKey
from kvprep.store.crypto import new_key
from kvprep.store.keychanges import admin_access
from kvprep.store.keyfile import read_key_file, write_key_file
from kvprep.store.keylist import ListedKey, list_keys, listed, write_list
from kvprep.store.keyring import Keyring
from kvprep.store.keys import wrap_namespace_keys
from kvprep.store.layout import Layout, disk_errors, sync_folder, unlink_durably
from kvprep.store.slots import FILE_SLOT, MasterAccess, Slot, new_slot_name, open_slot, seal_slot, write_slot
from kvprep.store.store import Store


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did."""

    namespaces: int
    """Whose keys were wrapped, or which were sealed, anew."""
    removed: tuple[ListedKey, ...]
    """Other keys, which open nothing any more: they held the former master key, or former keys of namespaces."""


def rotate(store: Store, key_file: Path) -> Rotated:
    """Replace the master key, and the key file that opens it.

    Args:
        store: opened with an admin's key; to be opened anew afterwards.
        key_file: of an admin. Replaced; until then its successor lies beside it, as `<name>.new`.

    Raises:
        PolicyDenied: the key file is no admin's.
        WrongKey: the key file does not open the store, or is not there.
    """
    layout, key_file = store.layout, key_file.resolve()
    with store.commit_lock():
        secret = read_key_file(key_file)
        slot = open_slot(layout, secret)
        before = slot.holder.slot  # of the key that is replaced; may stand in no list yet
        with store.noting_denial("key rotate"):
            access = admin_access(slot)
        if not access.former:
            secret, slot = _begin(layout, slot, key_file)
        done = _finish(layout, slot, secret)
    store.audit.record("key rotate", "done", subject=slot.holder.slot)
    return replace(done, removed=tuple(key for key in done.removed if key.slot != before))


def _begin(layout: Layout, slot: Slot, key_file: Path) -> tuple[bytes, Slot]:
    """Put a new key file in place, whose slot holds the new master key and the former."""
    beside = key_file.with_name(f"{key_file.name}.new")
    secret = _successor(beside, layout.store_id)
    access = admin_access(slot)
    try:
        fresh = open_slot(layout, secret)
    except WrongKey:
        fresh = _with_access(slot, replace(access, master=new_key(), former=(access.master,)))
        write_slot(layout, fresh, seal_slot(layout, fresh, secret))
    if admin_access(fresh).former != (access.master,):
        raise StoreError(f"{beside}: opens this store already, as another key", hint="Move it away.")
    with disk_errors(key_file):
        os.replace(beside, key_file)
        sync_folder(key_file.parent)
    return secret, fresh


def _successor(beside: Path, store_id: str) -> bytes:
    """Read the key file that an earlier rotation began with, or make one."""
    try:
        return read_key_file(beside)
    except WrongKey:
        with disk_errors(beside):
            beside.unlink(missing_ok=True)  # cut short while it was written: no slot knows its secret
        return write_key_file(beside, store_id)


def _finish(layout: Layout, slot: Slot, secret: bytes) -> Rotated:
    """Wrap everything under the new master key, then forget the former, and whoever held it."""
    access, keyring = admin_access(slot), Keyring(layout, slot)
    idents = keyring.idents()
    for ident in idents:
        keys = keyring.open_namespace(ident)
        if keys is not None:
            wrap_namespace_keys(layout, access.master, keys)
    keys_now = list_keys(layout, keyring)
    kept = [key for key in keys_now if key.opens is not None or key.slot == slot.holder.slot]
    dropped = [key for key in keys_now if key not in kept]
    write_list(layout, access, kept)
    for key in dropped:
        unlink_durably(layout.file("keys", key.slot))
    write_slot(layout, slot, seal_slot(layout, replace(slot, access=replace(access, former=())), secret))
    own = listed(slot, FILE_SLOT)
    return Rotated(len(idents), tuple(key for key in dropped if (key.label, key.role) != (own.label, own.role)))


def _with_access(slot: Slot, access: MasterAccess) -> Slot:
    return replace(slot, holder=replace(slot.holder, slot=new_slot_name()), access=access)
