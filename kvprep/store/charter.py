"""The charter of a namespace: its policy and the writers that it trusts. Only the store's admin key changes it.

It lies in the namespace's file, beside what every writer may change.

Source: docs/format.md, "Charter".
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from kvprep.errors import AuthenticationFailed, PolicyDenied, UntrustedWriter
from kvprep.store.envelope import MALFORMED
from kvprep.store.holder import Holder
from kvprep.store.signing import CHARTER, PUBLIC_BYTES, Signer, check_signed, public_key
from kvprep.types import NamespaceId

_CACHED = 256


class Trust(StrEnum):
    """Whose files are used."""

    AEAD = "aead"
    """Of whoever has the namespace's keys."""
    SIGNED = "signed"
    """Of the writers that the charter trusts."""


class SourceCheck(StrEnum):
    """What is done before an entry is used."""

    STAT = "stat"
    """Its source is looked at."""
    TTL_ONLY = "ttl-only"
    """Nothing: sources cannot be seen from where entries are used."""


@dataclass(frozen=True, slots=True)
class TrustedWriter:
    """Somebody whose signature counts."""

    label: str
    key: bytes
    """Ed25519 public key (32 bytes)."""


@dataclass(frozen=True, slots=True)
class Charter:
    """What only the admin may change."""

    namespace: NamespaceId
    version: int
    """Grows with every change; an older one than was seen here is refused."""
    trust: Trust
    source_check: SourceCheck
    writers: tuple[TrustedWriter, ...]
    signature: bytes = field(default=b"", repr=False)
    """The admin's, over `text`."""

    @property
    def trusted(self) -> frozenset[bytes] | None:
        """Public keys whose signatures count; None where none is looked at."""
        return frozenset(writer.key for writer in self.writers) if self.trust == Trust.SIGNED else None

    @property
    def text(self) -> str:
        """What is signed; the same charter gives the same text."""
        facts = {
            "namespace": self.namespace.hex(),
            "version": self.version,
            "policy": {"trust": self.trust, "source_check": self.source_check},
            "writers": [{"label": writer.label, "key": writer.key.hex()} for writer in self.writers],
        }
        return json.dumps(facts, sort_keys=True, separators=(",", ":"))

    def trusting(self, writers: Iterable[TrustedWriter]) -> "Charter":
        """Trust more writers; one that is trusted already takes the new label."""
        named = {writer.key: writer for writer in (*self.writers, *writers)}
        return replace(self, writers=tuple(named.values()))

    def without(self, keys: Iterable[bytes]) -> "Charter":
        """Trust these writers no more."""
        dropped = set(keys)
        return replace(self, writers=tuple(writer for writer in self.writers if writer.key not in dropped))

    def check_may_write(self, holder: Holder, *, name: str) -> None:
        """Refuse to write what no reader would take.

        Raises:
            PolicyDenied: signatures are wanted, and the holder's would not count.
        """
        if self.trusted is None:
            return
        if not holder.writer_seed:
            raise PolicyDenied(
                f"namespace {name}: takes only what a trusted writer signs, and this key signs nothing",
                hint="Use the key of a writer.",
            )
        public = public_key(holder.writer_seed)
        if public not in self.trusted:
            raise PolicyDenied(
                f"namespace {name}: does not trust the writer of this key",
                hint=f"An admin trusts it with `kvprep namespace trust {name} {public.hex()}`.",
            )


def first_charter(
    holder: Holder, namespace: NamespaceId, *, name: str, trust: Trust, source_check: SourceCheck
) -> Charter:
    """Begin a namespace's charter; it trusts its maker.

    Raises:
        PolicyDenied: the holder is no admin.
    """
    if not holder.admin_seed:
        raise PolicyDenied(
            f"namespace {name}: none that this key opens, and it makes none",
            hint="Use an admin's key, which opens the whole store.",
        )
    makers = (TrustedWriter(holder.label, public_key(holder.writer_seed)),) if holder.writer_seed else ()
    return sign_charter(holder, Charter(namespace, 1, trust, source_check, makers), name=name)


def sign_charter(holder: Holder, charter: Charter, *, name: str) -> Charter:
    """Sign a charter as the store's admin.

    Raises:
        PolicyDenied: the holder is no admin.
    """
    if not holder.admin_seed:
        raise PolicyDenied(
            f"namespace {name}: its charter is changed with an admin's key only",
            hint="`kvprep key list` shows the role of the key that is in use.",
        )
    signature = Signer(holder.admin_seed).sign(CHARTER + charter.text.encode())
    return replace(charter, signature=signature)


def read_charter(
    text: str, signature: bytes, admin: bytes, namespace: NamespaceId, *, subject: str, former_admin: bytes = b""
) -> Charter:
    """Check and read a charter. One that was checked before is not checked again.

    Raises:
        UntrustedWriter: neither admin signed it.
        AuthenticationFailed: another namespace's, or none at all.
    """
    charter = _read(text, signature, (admin, former_admin) if former_admin else (admin,), subject)
    if charter.namespace != namespace:
        raise AuthenticationFailed(f"{subject}: has another namespace's charter")
    return charter


@lru_cache(_CACHED)
def _read(text: str, signature: bytes, admins: tuple[bytes, ...], subject: str) -> Charter:
    try:
        check_signed(CHARTER + text.encode(), signature, admins, subject=subject)
    except UntrustedWriter as error:
        raise UntrustedWriter(
            f"{subject}: its charter is not signed by the store's admin", hint="Restore namespaces/ from a backup."
        ) from error
    try:
        charter = replace(_from_facts(json.loads(text)), signature=signature)
    except (*MALFORMED, RecursionError) as error:
        raise AuthenticationFailed(f"{subject}: its charter makes no sense") from error
    if charter.text != text:
        raise AuthenticationFailed(f"{subject}: its charter makes no sense")
    return charter


def _from_facts(facts: dict[str, Any]) -> Charter:
    policy = facts["policy"]
    writers = tuple(TrustedWriter(str(w["label"]), bytes.fromhex(w["key"])) for w in facts["writers"])
    if any(len(writer.key) != PUBLIC_BYTES for writer in writers):
        raise ValueError("key")
    namespace = NamespaceId(bytes.fromhex(facts["namespace"]))
    trust, source_check = Trust(policy["trust"]), SourceCheck(policy["source_check"])
    return Charter(namespace, int(facts["version"]), trust, source_check, writers)
