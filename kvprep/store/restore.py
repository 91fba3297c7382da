"""After a restore on purpose: what of a store is older than what was seen here, and how it is let count.

An older copy may hold entries that were invalidated since, and trust who is trusted no more. So it is refused until
somebody says that it is meant.

Source: docs/format.md, "Order of writes".
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kvprep.errors import IntegrityError, PolicyDenied
from kvprep.store import remembered
from kvprep.store.keys import NamespaceKeys
from kvprep.store.state import NamespaceState, read_state, write_state
from kvprep.store.store import Store


@dataclass(frozen=True, slots=True)
class OlderNamespace:
    """A namespace of which a newer state was seen on this machine."""

    keys: NamespaceKeys
    state: NamespaceState
    """As it lies in the store now."""
    seen_generation: int
    seen_charter: int


def older_namespaces(store: Store) -> list[OlderNamespace]:
    """List the namespaces whose state is older than one seen here; neither damaged nor shredded ones.

    Raises:
        WrongKey: the keys of one are damaged.
    """
    return list(_older(store))


def _older(store: Store) -> Iterator[OlderNamespace]:
    store_id = store.layout.store_id
    for ident in store.keyring.idents():
        keys = store.keyring.open_namespace(ident)
        if keys is None:
            continue
        seen = remembered.recall(store_id, keys.incarnation)
        try:
            seen.refuse_shredded(keys.name)
            state = read_state(store.layout, keys, *store.holder.admins)
        except IntegrityError:
            continue
        if state.generation < seen.generation or state.charter.version < seen.charter:
            yield OlderNamespace(keys, state, seen.generation, seen.charter)


def has_older_audit(store: Store) -> bool:
    """Tell whether the audit log lacks the record that was its last when it was seen here before."""
    return not store.audit.holds(remembered.last_audit(store.layout.store_id))


def accept_restore(store: Store) -> list[OlderNamespace]:
    """Let what is older than what was seen here count as the newest, and note it in the audit log.

    Where the key may write, a namespace goes on with a generation above all that were ever seen: else an entry of the
    time that was undone could outlive an invalidation that comes after it.

    Returns:
        The namespaces that were older.

    Raises:
        WrongKey: the keys of one are damaged.
    """
    with store.commit_lock():
        accepted = older_namespaces(store)
        for older in accepted:
            _accept(store, older)
    store.audit.record("accept restore", "done")
    remembered.remember_audit(store.layout.store_id, store.audit.flush(), instead=True)
    return accepted


def _accept(store: Store, older: OlderNamespace) -> None:
    state, keys = older.state, older.keys
    try:
        state.charter.check_may_write(store.holder, name=keys.name)
    except PolicyDenied:
        pass  # who only reads goes on with the state as it is
    else:
        state = replace(state, generation=max(state.generation, older.seen_generation) + 1)
        write_state(store.layout, keys, store.holder, state)
    remembered.accept_state(
        store.layout.store_id, keys.incarnation, generation=state.generation, charter=state.charter.version
    )
    store.audit.record("accept restore", "done", namespace=keys.ident)
