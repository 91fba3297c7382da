"""The list of a store's keys: labels, roles and what they open, for who opens the whole store.

A slot can be opened by its holder only, so what others may know of it stands in a sealed list beside the slots. The
list gives no access. A slot is entered before it is written, so one that is not in the list was put there by a hand.

Source: docs/format.md, "Keys".
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kvprep.errors import IntegrityError, WrongKey
from kvprep.hashing import derive_key, keyed_id
from kvprep.store import envelope, signing
from kvprep.store.findings import RESTORE_KEYS
from kvprep.store.keyring import Keyring
from kvprep.store.layout import Layout, write_durably
from kvprep.store.slots import FILE_SLOT, PASSPHRASE_SLOT, MasterAccess, Slot, kind_of

KIND = "l"
KINDS = {FILE_SLOT: "key file", PASSPHRASE_SLOT: "passphrase"}


@dataclass(frozen=True, slots=True)
class ListedKey:
    """What is known of a key without its secret."""

    slot: bytes
    """Name of its slot (32 bytes)."""
    kind: str
    """`m` or `p`, as the slot's file."""
    label: str = ""
    role: str = ""
    """Empty: the slot stands in no list."""
    opens: tuple[str, ...] | None = None
    """Names of namespaces; None: everything."""
    created_at: float = 0.0
    """Seconds since 1970."""
    writer: bytes = b""
    """Ed25519 public key (32 bytes) of a writer; empty: it signs nothing."""


def listed(slot: Slot, kind: str) -> ListedKey:
    """Say of a slot what others may know."""
    holder = slot.holder
    opens = None if isinstance(slot.access, MasterAccess) else tuple(keys.name for keys in slot.access.namespaces)
    writer = signing.public_key(holder.writer_seed) if holder.writer_seed else b""
    return ListedKey(holder.slot, kind, holder.label, str(holder.role), opens, slot.created_at, writer)


def list_keys(layout: Layout, keyring: Keyring) -> list[ListedKey]:
    """List the keys of a store, the oldest first; those that stand in no list last.

    A holder of some namespaces only learns of no key but its own.

    Raises:
        WrongKey: the list is damaged.
    """
    present = {}
    for path in layout.all_files("keys"):
        if (kind := kind_of(path)) in KINDS:
            present[bytes.fromhex(path.stem)] = kind
    own = listed(keyring.slot, present.get(keyring.holder.slot, FILE_SLOT))
    if not isinstance(keyring.slot.access, MasterAccess):
        return [own]
    known = {key.slot: key for key in (*read_list(layout, keyring.slot.access), own)}
    found = [known.get(slot, ListedKey(slot, kind)) for slot, kind in present.items()]
    return sorted(found, key=lambda key: (not key.role, key.created_at))


def read_list(layout: Layout, access: MasterAccess) -> list[ListedKey]:
    """Read the list; empty where there is none yet.

    Raises:
        WrongKey: it is damaged.
    """
    ident = _ident(access)
    subject = layout.relative(layout.file("keys", ident))
    try:
        data = envelope.read_limited(layout.file("keys", ident), subject=subject)
        for master in (access.master, *access.former):
            with suppress(WrongKey):
                opened = envelope.unseal(data, KIND, _sealing_key(master), ident, subject=subject)
                return [_from_facts(facts) for facts in opened.facts["keys"]]
    except FileNotFoundError:
        return []
    except (IntegrityError, *envelope.MALFORMED) as error:
        raise WrongKey(f"{subject}: the list of keys is damaged", hint=RESTORE_KEYS) from error
    raise WrongKey(f"{subject}: the list of keys is sealed under another master key", hint=RESTORE_KEYS)


def write_list(layout: Layout, access: MasterAccess, keys: Iterable[ListedKey]) -> None:
    """Write the list in place of the former one. The caller holds the commit lock."""
    ident = _ident(access)
    facts = {"keys": [_to_facts(key) for key in keys]}
    write_durably(layout, layout.file("keys", ident), [envelope.seal(KIND, _sealing_key(access.master), ident, facts)])


def _ident(access: MasterAccess) -> bytes:
    return keyed_id(access.naming, "key list")


def _sealing_key(master: bytes) -> bytes:
    return derive_key(master, "key list")


def _to_facts(key: ListedKey) -> dict[str, Any]:
    return {
        "slot": key.slot.hex(),
        "kind": key.kind,
        "label": key.label,
        "role": key.role,
        "opens": None if key.opens is None else list(key.opens),
        "created_at": key.created_at,
        "writer": key.writer.hex(),
    }


def _from_facts(facts: Mapping[str, Any]) -> ListedKey:
    return ListedKey(
        slot=bytes.fromhex(facts["slot"]),
        kind=str(facts["kind"]),
        label=str(facts["label"]),
        role=str(facts["role"]),
        opens=None if facts["opens"] is None else tuple(map(str, facts["opens"])),
        created_at=float(facts["created_at"]),
        writer=bytes.fromhex(facts["writer"]),
    )
