"""What an opened slot opens: namespaces, by name or id.

A namespace that the slot does not open and one that does not exist look the same from here.

Source: docs/format.md, "Keys".
"""

import time

from kvprep.errors import PolicyDenied, StoreLocked
from kvprep.hashing import keyed_id
from kvprep.store import signing
from kvprep.store.crypto import new_key
from kvprep.store.holder import Holder
from kvprep.store.keys import NamespaceKeys, new_namespace_keys, open_namespace_keys, wrap_namespace_keys
from kvprep.store.layout import Layout
from kvprep.store.slots import MasterAccess, NamespaceAccess, Slot, kind_of, new_slot_name
from kvprep.types import NamespaceId


def first_slot() -> Slot:
    """Draw everything that a new store's first slot holds: it opens all, writes, and is admin."""
    admin_seed = new_key()
    holder = Holder(new_slot_name(), "first key", signing.public_key(admin_seed), new_key(), new_key(), admin_seed)
    return Slot(holder, MasterAccess(new_key(), new_key()), time.time())


class Keyring:
    """The keys that a holder's slot gives."""

    def __init__(self, layout: Layout, slot: Slot) -> None:
        """Use what an opened slot says."""
        self._layout, self.slot = layout, slot

    @property
    def holder(self) -> Holder:
        """Whose slot it is."""
        return self.slot.holder

    @property
    def opens_everything(self) -> bool:
        """Whether it opens every namespace, also those that are made later."""
        return isinstance(self.slot.access, MasterAccess)

    @property
    def is_rewriting(self) -> bool:
        """Whether a rewrite of everything under new keys is under way, or was cut short."""
        return isinstance(self.slot.access, MasterAccess) and bool(self.slot.access.former_naming)

    def namespace_id(self, name: str) -> NamespaceId:
        """Name a namespace; a holder of a few gets an id that is nobody's for any other name."""
        access = self.slot.access
        if isinstance(access, MasterAccess) and access.former_naming:
            former = _named(access.former_naming, name)
            if self._layout.file("namespaces", former).exists():
                return former  # the rewrite has not come to it
        return self.current_id(name)

    def current_id(self, name: str) -> NamespaceId:
        """Name a namespace as it is called once a rewrite that may be under way has come to its end."""
        access = self.slot.access
        if isinstance(access, NamespaceAccess):
            known = {keys.name: keys.ident for keys in access.namespaces}
            return known.get(name, _named(self.holder.audit_key, name))
        return _named(access.naming, name)

    def open_namespace(self, ident: NamespaceId) -> NamespaceKeys | None:
        """Give the keys of a namespace; None where there is none that this slot opens.

        Raises:
            WrongKey: its keys are damaged, or were rotated since the store was opened.
        """
        access = self.slot.access
        if isinstance(access, MasterAccess):
            return open_namespace_keys(self._layout, (access.master, *access.former), ident)
        if not self._layout.file("keys", ident).exists():
            return None  # shredded, or never there
        return next((keys for keys in access.namespaces if keys.ident == ident), None)

    def idents(self) -> list[NamespaceId]:
        """List the namespaces whose keys are here, sorted."""
        if isinstance(self.slot.access, NamespaceAccess):
            return sorted(keys.ident for keys in self.slot.access.namespaces)
        idents = sorted(_wrapped_idents(self._layout))
        if self.is_rewriting:  # without a state: rewritten, and only to be cleared away
            return [ident for ident in idents if self._layout.file("namespaces", ident).exists()]
        return idents

    def superseded(self) -> list[NamespaceKeys]:
        """List the namespaces that a rewrite is to replace, or has replaced and not cleared away.

        Raises:
            WrongKey: the keys of one are damaged.
        """
        opened = (self.open_namespace(ident) for ident in sorted(_wrapped_idents(self._layout)))
        return [keys for keys in opened if keys is not None and keys.ident != self.current_id(keys.name)]

    def create(self, name: str) -> NamespaceKeys:
        """Draw the keys of a new namespace. The caller holds the commit lock.

        Raises:
            PolicyDenied: the slot opens namespaces of its own only.
            StoreLocked: the slot has been removed or rotated since the store was opened.
        """
        access = self.slot.access
        if not isinstance(access, MasterAccess):
            raise PolicyDenied(
                f"namespace {name}: none that this key opens, and it makes none",
                hint="Use a key that opens the whole store.",
            )
        self.check_current()
        keys = new_namespace_keys(name, self.current_id(name))
        wrap_namespace_keys(self._layout, access.master, keys)
        return keys

    def check_current(self) -> None:
        """Refuse to go on with a slot that is no more: what it would seal, nobody else could open.

        Raises:
            StoreLocked: the slot has been removed or rotated since the store was opened.
        """
        if not self._layout.file("keys", self.holder.slot).exists():
            raise StoreLocked(
                f"{self._layout.root}: its key was rotated or removed since the store was opened",
                hint="Run the command again.",
            )


def _named(naming: bytes, name: str) -> NamespaceId:
    return NamespaceId(keyed_id(naming, "namespace", name.encode()))


def _wrapped_idents(layout: Layout) -> set[NamespaceId]:
    found = set()
    for path in layout.all_files("keys"):
        try:
            if kind_of(path) == "k":
                found.add(NamespaceId(bytes.fromhex(path.stem)))
        except (FileNotFoundError, ValueError):
            continue  # removed since it was listed, or under a wrong name, which verify tells
    return found
