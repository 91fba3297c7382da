"""Key slots: what a holder's secret opens, sealed under that secret.

Source: docs/format.md, "Keys".
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from kvprep.errors import IntegrityError, WrongKey
from kvprep.hashing import derive_key
from kvprep.store import envelope
from kvprep.store.crypto import KEY_BYTES, new_key
from kvprep.store.findings import RESTORE_KEYS
from kvprep.store.holder import Holder
from kvprep.store.keys import NamespaceKeys, key_from_hex, keys_from_facts, keys_to_facts
from kvprep.store.layout import Layout, read_errors, write_durably
from kvprep.types import NamespaceId

FILE_SLOT, PASSPHRASE_SLOT = "m", "p"
"""Kinds of sealed file: opened by the secret of a key file, or by a passphrase."""
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 17, 8, 1
"""Fixed by the format, so that no file chooses how much memory and time opening it takes: 128 MiB."""
MAX_PASSPHRASE_SLOTS = 8
"""Each costs one scrypt to try."""


@dataclass(frozen=True, slots=True)
class MasterAccess:
    """Opens every namespace of a store, also those that are made later."""

    master: bytes = field(repr=False)
    """Wraps the keys of the namespaces (32 bytes)."""
    naming: bytes = field(repr=False)
    """Names namespaces (32 bytes); outlives a rotation of the master key."""
    former: tuple[bytes, ...] = field(default=(), repr=False)
    """Master keys that still wrap some, while a rotation is under way."""
    former_naming: bytes = field(default=b"", repr=False)
    """Names those namespaces that a rewrite under way has not come to yet; empty: none is under way."""


@dataclass(frozen=True, slots=True)
class NamespaceAccess:
    """Opens these namespaces and no other."""

    namespaces: tuple[NamespaceKeys, ...]


Access = MasterAccess | NamespaceAccess


@dataclass(frozen=True, slots=True)
class Slot:
    """What an opened slot says."""

    holder: Holder
    access: Access
    created_at: float
    """Seconds since 1970."""


def new_slot_name() -> bytes:
    """Draw the name of a slot (32 bytes)."""
    return new_key()


def seal_slot(layout: Layout, slot: Slot, secret: bytes) -> bytes:
    """Seal a slot so that the secret of a key file opens it."""
    return _seal(layout, slot, FILE_SLOT, secret, salt=new_key())


def seal_passphrase_slot(layout: Layout, slot: Slot, passphrase: str) -> bytes:
    """Seal a slot so that a passphrase opens it. Takes some tenths of a second and 128 MiB."""
    salt = new_key()
    return _seal(layout, slot, PASSPHRASE_SLOT, _stretched(passphrase, salt), salt=salt)


def write_slot(layout: Layout, slot: Slot, sealed: bytes) -> None:
    """Write a sealed slot. From then on its secret opens the store."""
    write_durably(layout, layout.file("keys", slot.holder.slot), [sealed])


def _seal(layout: Layout, slot: Slot, kind: str, secret: bytes, *, salt: bytes) -> bytes:
    return envelope.seal(kind, derive_key(secret, "slot"), slot.holder.slot, _to_facts(layout, slot), salt=salt)


def open_slot(layout: Layout, secret: bytes) -> Slot:
    """Open the slot of a key file.

    Raises:
        WrongKey: no slot opens. A damaged slot is named, since then the key may be the right one.
    """
    return _open_first(layout, FILE_SLOT, lambda salt: secret, "this key file", "Name the store's own key file.")


def open_passphrase_slot(layout: Layout, passphrase: str) -> Slot:
    """Open the slot of a passphrase. Takes some tenths of a second and 128 MiB for each such slot.

    Raises:
        WrongKey: no slot opens. A damaged slot is named, since then the passphrase may be the right one.
    """
    return _open_first(
        layout,
        PASSPHRASE_SLOT,
        lambda salt: _stretched(passphrase, salt),
        "this passphrase",
        "Type it again, or mend the file that KVPREP_PASSPHRASE_FILE names.",
    )


def kind_of(path: Path) -> str:
    """Tell the kind of a file in keys/ by its first bytes; empty if they are none of ours."""
    with read_errors(path), open(path, "rb") as file:
        start = file.read(len(envelope.MAGIC) + 1)
    return start[-1:].decode("ascii", "replace") if start.startswith(envelope.MAGIC) else ""


def slot_files(layout: Layout, kind: str) -> list[Path]:
    """List the slots of one kind, in the order of names."""
    return [path for path in layout.all_files("keys") if kind_of(path) == kind]


def _open_first(layout: Layout, kind: str, secret_of: Callable[[bytes], bytes], what: str, hint: str) -> Slot:
    paths = slot_files(layout, kind)
    damaged = []
    for path in paths[:MAX_PASSPHRASE_SLOTS] if kind == PASSPHRASE_SLOT else paths:
        subject = layout.relative(path)
        try:
            data = envelope.read_limited(path, subject=subject)
            envelope.check_footer(data, subject=subject)
            envelope.check_header(data, len(data), kind, subject=subject)
            key = derive_key(secret_of(envelope.salt_of(data)), "slot")
            opened = envelope.unseal(data, kind, key, bytes.fromhex(path.stem), subject=subject)
            if opened.facts["store"] == layout.store_id:
                return _from_facts(bytes.fromhex(path.stem), opened.facts)
        except (WrongKey, FileNotFoundError):
            continue
        except (IntegrityError, *envelope.MALFORMED):
            damaged.append(subject)
    message = f"{layout.root}: no key slot opens with {what}"
    if damaged:
        raise WrongKey(f"{message}; damaged: {', '.join(damaged)}", hint=RESTORE_KEYS)
    raise WrongKey(message, hint=hint)


def _stretched(passphrase: str, salt: bytes) -> bytes:
    # NFC: the same passphrase typed on another system may come as other code points.
    text = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
    return Scrypt(salt, KEY_BYTES, SCRYPT_N, SCRYPT_R, SCRYPT_P).derive(text)


def _to_facts(layout: Layout, slot: Slot) -> dict[str, Any]:
    holder = slot.holder
    return {
        "store": layout.store_id,
        "label": holder.label,
        "created_at": slot.created_at,
        "role": str(holder.role),
        "access": _access_to_facts(slot.access),
        "audit_key": holder.audit_key.hex(),
        "admin_public": holder.admin_public.hex(),
        "writer_seed": holder.writer_seed.hex(),
        "admin_seed": holder.admin_seed.hex(),
        "former_admin": holder.former_admin.hex(),
    }


def _access_to_facts(access: Access) -> dict[str, Any]:
    if isinstance(access, NamespaceAccess):
        return {"namespaces": [{"id": keys.ident.hex()} | keys_to_facts(keys) for keys in access.namespaces]}
    former = [key.hex() for key in access.former]
    naming, former_naming = access.naming.hex(), access.former_naming.hex()
    return {"master": access.master.hex(), "former": former, "naming": naming, "former_naming": former_naming}


def _from_facts(ident: bytes, facts: Mapping[str, Any]) -> Slot:
    holder = Holder(
        slot=ident,
        label=str(facts["label"]),
        admin_public=key_from_hex(facts["admin_public"]),
        audit_key=key_from_hex(facts["audit_key"]),
        writer_seed=_key_or_none(facts["writer_seed"]),
        admin_seed=_key_or_none(facts["admin_seed"]),
        former_admin=_key_or_none(facts.get("former_admin", "")),
    )
    if facts["role"] != holder.role:
        raise ValueError("role")
    return Slot(holder, _access_from_facts(facts["access"]), float(facts["created_at"]))


def _access_from_facts(facts: Mapping[str, Any]) -> Access:
    if "namespaces" in facts:
        return NamespaceAccess(
            tuple(keys_from_facts(NamespaceId(key_from_hex(each["id"])), each) for each in facts["namespaces"])
        )
    former = tuple(key_from_hex(key) for key in facts["former"])
    former_naming = _key_or_none(facts["former_naming"])
    return MasterAccess(key_from_hex(facts["master"]), key_from_hex(facts["naming"]), former, former_naming)


def _key_or_none(text: str) -> bytes:
    return key_from_hex(text) if text else b""
