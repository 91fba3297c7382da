"""What a namespace file holds: policy, generation and tombstones.

Source: docs/format.md, "Order of writes".
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kvprep.errors import AuthenticationFailed, IntegrityError, WrongKey
from kvprep.store import envelope
from kvprep.store.keys import NamespaceKeys
from kvprep.store.layout import Layout, write_durably
from kvprep.types import EntryId

_TOMBSTONE_BYTES = 40
SOURCE_CHECKS = ("stat", "ttl-only")


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """Facts about a namespace that outlive its entries."""

    name: str
    source_check: str = "stat"
    """`stat`: a source is looked at before its entry is used. `ttl-only`: it cannot be seen from here."""
    generation: int = 1
    created_at: float = 0.0
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the last ingest used: model, device, dtype, adapter, preamble."""
    tombstones: Mapping[EntryId, int] = field(default_factory=dict)
    """Entries that were removed, and the generation that ended with it."""

    def buried(self, entry: EntryId, generation: int) -> bool:
        """Tell whether an entry of that generation was removed."""
        return generation <= self.tombstones.get(entry, 0)

    def bury(self, entries: Iterable[EntryId]) -> "NamespaceState":
        """Remove entries for ever: whatever carries this generation or an older one is refused from now on."""
        tombstones = dict(self.tombstones) | dict.fromkeys(entries, self.generation)
        return replace(self, tombstones=tombstones, generation=self.generation + 1)


def new_state(name: str) -> NamespaceState:
    """Begin a namespace."""
    return NamespaceState(name, created_at=time.time())


def write_state(layout: Layout, keys: NamespaceKeys, state: NamespaceState) -> None:
    """Seal a namespace's state in place of the former one. The caller holds the commit lock."""
    facts = {
        "name": state.name,
        "policy": {"trust": "aead", "source_check": state.source_check},
        "generation": state.generation,
        "created_at": state.created_at,
        "settings": dict(state.settings),
    }
    tail = b"".join(e + g.to_bytes(8, "little") for e, g in sorted(state.tombstones.items()))
    sealed = envelope.seal("n", keys.entry_key, keys.ident, facts, tail)
    write_durably(layout, layout.file("namespaces", keys.ident), [sealed])


def read_state(layout: Layout, keys: NamespaceKeys) -> NamespaceState:
    """Open a namespace's state.

    Raises:
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
    try:
        policy = opened.facts["policy"]
        if policy["source_check"] not in SOURCE_CHECKS or len(opened.tail) % _TOMBSTONE_BYTES:
            raise ValueError("policy or tail")
        return NamespaceState(
            str(opened.facts["name"]),
            str(policy["source_check"]),
            int(opened.facts["generation"]),
            float(opened.facts["created_at"]),
            {str(k): str(v) for k, v in opened.facts["settings"].items()},
            dict(_tombstone(opened.tail, at) for at in range(0, len(opened.tail), _TOMBSTONE_BYTES)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AuthenticationFailed(f"{subject}: is no namespace") from error


def _tombstone(tail: bytes, at: int) -> tuple[EntryId, int]:
    return EntryId(tail[at : at + 32]), int.from_bytes(tail[at + 32 : at + _TOMBSTONE_BYTES], "little")
