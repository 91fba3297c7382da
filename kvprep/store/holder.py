"""Who opened a store: what the slot of its key says of it.

Source: docs/format.md, "Keys".
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a key is good for, beside opening."""

    READER = "reader"
    """Signs nothing."""
    WRITER = "writer"
    """Signs what it writes; a namespace that wants signatures must trust it."""
    ADMIN = "admin"
    """Also signs charters, and adds, removes and rotates keys."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a key; its secrets are never printed."""

    slot: bytes
    """Name of the slot that its key opened (32 bytes)."""
    label: str
    """What its owner called the key."""
    admin_public: bytes
    """Ed25519 public key that signs the charters of this store's namespaces. The slot pins it: whoever lacks the
    holder's secret cannot put another in its place."""
    audit_key: bytes = field(repr=False)
    """Chains the audit log (32 bytes)."""
    writer_seed: bytes = field(default=b"", repr=False)
    """Ed25519 private key that signs what the holder writes; empty: it writes nothing that must be signed."""
    admin_seed: bytes = field(default=b"", repr=False)
    """Ed25519 private key behind `admin_public`; empty: it changes no charter."""
    former_admin: bytes = b""
    """While a rewrite is under way: the public key that signed the charters before it; empty: none counts."""

    @property
    def admins(self) -> tuple[bytes, ...]:
        """The public keys whose signatures of charters count."""
        return (self.admin_public, self.former_admin) if self.former_admin else (self.admin_public,)

    @property
    def role(self) -> Role:
        """What its seeds make of it."""
        if self.admin_seed:
            return Role.ADMIN
        return Role.WRITER if self.writer_seed else Role.READER
