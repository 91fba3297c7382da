"""What a namespace file holds: charter, generation and tombstones.

Source: docs/format.md, "Order of writes".
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kvprep.errors import AuthenticationFailed, IntegrityError, WrongKey
from kvprep.store import envelope
from kvprep.store.charter import Charter, read_charter
from kvprep.store.holder import Holder
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import Layout, write_durably
from kvprep.store.signing import signer_of
from kvprep.types import EntryId

_TOMBSTONE_BYTES = 40


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """Facts about a namespace that outlive its entries."""

    name: str
    charter: Charter
    generation: int = 1
    created_at: float = 0.0
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the last ingest used: model, device, dtype, adapter, preamble."""
    tombstones: Mapping[EntryId, int] = field(default_factory=dict)
    """Entries that were removed, and the generation that ended with it."""

    @property
    def source_check(self) -> str:
        """Whether sources are looked at before their entries are used; as the charter says."""
        return self.charter.source_check

    def is_older_than(self, other: "NamespaceState") -> bool:
        """Tell whether this is a state of the same namespace from before."""
        return self.generation < other.generation or self.charter.version < other.charter.version

    def buried(self, entry: EntryId, generation: int) -> bool:
        """Tell whether an entry of that generation was removed."""
        return generation <= self.tombstones.get(entry, 0)

    def bury(self, entries: Iterable[EntryId]) -> "NamespaceState":
        """Remove entries for ever: whatever carries this generation or an older one is refused from now on."""
        tombstones = dict(self.tombstones) | dict.fromkeys(entries, self.generation)
        return replace(self, tombstones=tombstones, generation=self.generation + 1)


def new_state(name: str, charter: Charter) -> NamespaceState:
    """Begin a namespace."""
    return NamespaceState(name, charter, created_at=time.time())


def write_state(layout: Layout, keys: NamespaceKeys, holder: Holder, state: NamespaceState) -> None:
    """Seal a namespace's state in place of the former one. The caller holds the commit lock.

    An admin who is not among the trusted writers signs it as the admin, so that he need not be one to change a charter.
    """
    facts = {
        "name": state.name,
        "charter": state.charter.text,
        "charter_signature": state.charter.signature.hex(),
        "generation": state.generation,
        "created_at": state.created_at,
        "settings": dict(state.settings),
    }
    tail = b"".join(e + g.to_bytes(8, "little") for e, g in sorted(state.tombstones.items()))
    signer = signer_of(holder.writer_seed)
    is_named = signer is not None and any(writer.key == signer.public for writer in state.charter.writers)
    if holder.admin_seed and not is_named:
        signer = signer_of(holder.admin_seed)
    sealed = envelope.seal("n", keys.entry_key, keys.ident, facts, tail, signer=signer)
    write_durably(layout, layout.file("namespaces", keys.ident), [sealed])


def read_state(layout: Layout, keys: NamespaceKeys, admin: bytes, former_admin: bytes = b"") -> NamespaceState:
    """Open a namespace's state.

    Args:
        layout, keys: where and what.
        admin: the key that must have signed the charter, as the holder's slot pins it.
        former_admin: or this one, unless it is empty.

    Raises:
        UntrustedWriter: the charter is not the admin's, or wants signatures, and nobody trusted signed the state.
        IntegrityError: missing, damaged, or another namespace's.
    """
    path = layout.file("namespaces", keys.ident)
    subject = layout.relative(path)
    try:
        data = envelope.read_limited(path, subject=subject)
    except FileNotFoundError as error:
        raise IntegrityError(f"{subject}: missing", hint="Restore namespaces/ from a backup.") from error
    try:
        opened = envelope.unseal(data, "n", keys.entry_key, keys.ident, subject=subject)
    except WrongKey as error:
        # The namespace's keys are open, so this is another namespace's state put here.
        raise AuthenticationFailed(f"{subject}: sealed in another namespace or store") from error
    state = _from_sealed(opened, keys, admin, former_admin, subject)
    if state.charter.trusted is not None:
        trusted = state.charter.trusted | ({admin, former_admin} - {b""})
        envelope.check_writer(data, opened, keys.ident, trusted, subject=subject)
    return state


def older_copy(what: str) -> IntegrityError:
    """Build the error for a namespace file that is older than one already seen."""
    return IntegrityError(
        f"{what}: an older copy was put back",
        hint="Put the newest copy back; after a restore on purpose, `kvprep doctor --accept-restore`.",
    )


def _from_sealed(
    opened: envelope.Sealed, keys: NamespaceKeys, admin: bytes, former_admin: bytes, subject: str
) -> NamespaceState:
    facts, tail = opened.facts, opened.tail
    try:
        if len(tail) % _TOMBSTONE_BYTES:
            raise ValueError("tail")
        text, signature = str(facts["charter"]), bytes.fromhex(facts["charter_signature"])
        return NamespaceState(
            str(facts["name"]),
            read_charter(text, signature, admin, keys.ident, subject=subject, former_admin=former_admin),
            int(facts["generation"]),
            float(facts["created_at"]),
            {str(k): str(v) for k, v in facts["settings"].items()},
            dict(_tombstone(tail, at) for at in range(0, len(tail), _TOMBSTONE_BYTES)),
        )
    except envelope.MALFORMED as error:
        raise AuthenticationFailed(f"{subject}: is no namespace") from error


def _tombstone(tail: bytes, at: int) -> tuple[EntryId, int]:
    return EntryId(tail[at : at + 32]), int.from_bytes(tail[at + 32 : at + _TOMBSTONE_BYTES], "little")
