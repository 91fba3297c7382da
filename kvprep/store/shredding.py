"""Shredding: a namespace goes for ever, with its keys and all that was sealed under them.

Segments stay until gc removes them; what opened them went with the entries.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kvprep.errors import PolicyDenied
from kvprep.store import remembered
from kvprep.store.index import NamespaceIndex
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import disk_errors, sync_folder, unlink_durably
from kvprep.store.namespace import Namespace
from kvprep.store.store import Store


@dataclass(frozen=True, slots=True)
class Shredded:
    """What is gone."""

    entries: int
    documents: int


def shred(store: Store, name: str) -> Shredded:
    """Remove a namespace: its state, entries and documents, and last its keys.

    One that was cut short is finished by the next, since the keys tell what is to go. A namespace of the same name that
    is made afterwards has other keys and is another one.

    Raises:
        NotFound: none that the key opens.
        PolicyDenied: the key is no admin's.
    """
    keys = store.keyring.open_namespace(store.namespace_id(name)) or store.no_namespace(name)
    with store.noting_denial("shred", namespace=keys.ident):
        if not store.holder.admin_seed:
            raise PolicyDenied(
                f"namespace {name}: is shredded with an admin's key only",
                hint="`kvprep invalidate --all` removes its entries.",
            )
    return shred_all_of(store, keys)


def shred_all_of(store: Store, keys: NamespaceKeys) -> Shredded:
    """Remove what is sealed under a namespace's keys, and last the keys."""
    # First of all: a copy that somebody puts back is refused from here on.
    remembered.remember_shredded(store.layout.store_id, keys.incarnation)
    with store.commit_lock():
        unlink_durably(store.layout.file("namespaces", keys.ident))  # nothing can be put any more
    namespace = Namespace(store, keys)
    entries, documents = (_unlink(namespace.files(kind)) for kind in ("entries", "documents"))
    with NamespaceIndex(store.index, keys).rebuilding():
        pass  # of nothing
    unlink_durably(store.layout.file("keys", keys.ident))
    store.audit.record("shred", "done", namespace=keys.ident)
    return Shredded(entries, documents)


def _unlink(paths: Iterable[Path]) -> int:
    found = list(paths)
    for path in found:
        with disk_errors(path):
            path.unlink(missing_ok=True)
    for folder in {path.parent for path in found}:
        sync_folder(folder)
    return len(found)
