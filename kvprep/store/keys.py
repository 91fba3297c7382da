"""The keys of a namespace, and how they lie wrapped in the store.

Source: docs/format.md, "Keys".
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kvprep.errors import IntegrityError, WrongKey
from kvprep.hashing import derive_key, keyed_id
from kvprep.store import envelope
from kvprep.store.crypto import KEY_BYTES, new_key
from kvprep.store.findings import RESTORE_KEYS
from kvprep.store.layout import Layout, write_durably
from kvprep.types import NamespaceId

_SECRETS = ("id_key", "index_key", "entry_key")


@dataclass(frozen=True, slots=True)
class NamespaceKeys:
    """The three keys of a namespace, 32 bytes each; never printed."""

    name: str
    ident: NamespaceId
    id_key: bytes = field(repr=False)
    index_key: bytes = field(repr=False)
    entry_key: bytes = field(repr=False)

    @property
    def incarnation(self) -> bytes:
        """Tell this namespace from another of the same name that was made after it was shredded (32 bytes)."""
        return keyed_id(self.entry_key, "incarnation", self.ident)


def new_namespace_keys(name: str, ident: NamespaceId) -> NamespaceKeys:
    """Draw the keys of a namespace."""
    return NamespaceKeys(name, ident, new_key(), new_key(), new_key())


def keys_to_facts(keys: NamespaceKeys) -> dict[str, str]:
    """Write a namespace's name and keys as JSON facts."""
    return {"name": keys.name} | {secret: getattr(keys, secret).hex() for secret in _SECRETS}


def keys_from_facts(ident: NamespaceId, facts: Mapping[str, Any]) -> NamespaceKeys:
    """Read them back.

    Raises:
        KeyError, TypeError, ValueError: the facts are none of a namespace.
    """
    return NamespaceKeys(str(facts["name"]), ident, *(key_from_hex(facts[secret]) for secret in _SECRETS))


def key_from_hex(text: str) -> bytes:
    """Read a key of 32 bytes.

    Raises:
        TypeError, ValueError: it is none.
    """
    key = bytes.fromhex(text)
    if len(key) != KEY_BYTES:
        raise ValueError("no key")
    return key


def wrap_namespace_keys(layout: Layout, master: bytes, keys: NamespaceKeys) -> None:
    """Write a namespace's keys, sealed under a master key, in place of a former copy."""
    sealed = envelope.seal("k", _wrapping_key(master), keys.ident, keys_to_facts(keys))
    write_durably(layout, layout.file("keys", keys.ident), [sealed])


def open_namespace_keys(layout: Layout, masters: Sequence[bytes], ident: NamespaceId) -> NamespaceKeys | None:
    """Unwrap a namespace's keys with the first of the master keys that opens them; None if there are none.

    Raises:
        WrongKey: the file is damaged, or wrapped under another master key.
    """
    path = layout.file("keys", ident)
    subject = layout.relative(path)
    try:
        data = envelope.read_limited(path, subject=subject)
        for master in masters:
            with suppress(WrongKey):
                opened = envelope.unseal(data, "k", _wrapping_key(master), ident, subject=subject)
                return keys_from_facts(ident, opened.facts)
    except FileNotFoundError:
        return None
    except (IntegrityError, *envelope.MALFORMED) as error:
        raise WrongKey(f"{subject}: the namespace's keys are damaged", hint=RESTORE_KEYS) from error
    raise WrongKey(
        f"{subject}: wrapped under another master key",
        hint="Where the store's key was rotated meanwhile, open the store again; else restore keys/ from a backup.",
    )


def _wrapping_key(master: bytes) -> bytes:
    return derive_key(master, "namespace keys")
