"""The sealed file: header, body, signature place, checksum. Entries, documents, namespaces and keys are kept in it.

Source: docs/format.md, "Sealed file".
"""

import json
import os
import secrets
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from kvprep.errors import AuthenticationFailed, HashMismatch, IntegrityError, Truncated, UnsupportedFormat, WrongKey
from kvprep.hashing import derive_key, key_commitment
from kvprep.store import signing
from kvprep.store.crypto import TAG_BYTES, Cipher
from kvprep.store.layout import FORMAT_VERSION, read_errors
from kvprep.store.signing import FILE, SIGNATURE_BYTES, Signer, check_signed, untrusted
from kvprep.types import Buffer

HEADER = struct.Struct("<8sIIQQ32s32s")
FOOTER = struct.Struct("<64s16sQ")
MAGIC = b"kvprep\0"
MAX_BODY_BYTES = 64 << 20
SIGNED = 1
"""The flag of a file that somebody signed."""
UNSIGNED = bytes(SIGNATURE_BYTES)
_FLAGS_AT = 12
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What reading facts ends in that are not such as kvprep writes; `1e999` is a number of JSON, but no whole one."""
_UNSIGNED_KINDS = "kmpl"
"""Keys are vouched for by the secrets that open them."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a sealed file holds once open."""

    facts: dict[str, Any]
    tail: bytes

    @property
    def writer(self) -> bytes:
        """Public key of the writer that it names; empty where it names none."""
        try:
            return bytes.fromhex(str(self.facts.get("writer", "")))
        except ValueError:
            return b""


def seal(
    kind: str,
    key: bytes,
    ident: bytes,
    facts: dict[str, Any],
    tail: bytes = b"",
    *,
    salt: bytes | None = None,
    signer: Signer | None = None,
) -> bytes:
    """Seal facts and tail under `key` for the file named `ident` (32 bytes).

    Args:
        kind, key, ident, facts, tail: what, under which key, and where.
        salt: 32 random bytes that no other file has, where `key` was made with them; None draws them.
        signer: signs it, and is named in the facts as `writer`.
    """
    if signer is not None:
        facts = facts | {"writer": signer.public.hex()}
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    body = struct.pack("<I", len(text)) + text + tail
    salt = salt or secrets.token_bytes(32)
    file_key = derive_key(key, f"file {kind}", salt=salt)
    magic = MAGIC + kind.encode()
    flags = 0 if signer is None else SIGNED
    header = HEADER.pack(magic, FORMAT_VERSION, flags, len(body) + TAG_BYTES, 0, salt, key_commitment(file_key))
    sealed = header + Cipher(file_key).seal(0, body, header + ident)
    signature = UNSIGNED if signer is None else signer.sign(signed_message(sealed, ident))
    return sealed + footer([sealed], signature)


def signed_message(sealed: Buffer, ident: bytes) -> bytes:
    """Give what the signature of a sealed file covers.

    Args:
        sealed: header and body.
        ident: the file's name: a signed file is nowhere else one.
    """
    header = bytes(memoryview(sealed)[: HEADER.size])
    return FILE + header + ident + memoryview(sealed)[HEADER.size :]


class Ending:
    """Follows a file while it is made, and ends it: signature place, checksum and total length over all before."""

    def __init__(self) -> None:
        """Begin at the file's first byte."""
        self._hasher = xxhash.xxh3_128()
        self._num_bytes = 0

    def after(self, part: Buffer) -> Buffer:
        """Take in the next part; gives it back."""
        self._hasher.update(part)
        self._num_bytes += len(part)
        return part

    def footer(self, signature: bytes = UNSIGNED) -> bytes:
        """Give the file's last bytes; asked once."""
        self.after(signature)
        return FOOTER.pack(signature, self._hasher.digest(), self._num_bytes + FOOTER.size - SIGNATURE_BYTES)


def footer(parts: list[Buffer], signature: bytes = UNSIGNED) -> bytes:
    """End a file that consists of `parts`."""
    ending = Ending()
    for part in parts:
        ending.after(part)
    return ending.footer(signature)


def check_footer(data: Buffer, *, subject: str) -> None:
    """Check length, signature place and checksum of a whole file.

    Raises:
        Truncated: shorter or longer than it says.
        HashMismatch: a byte has changed.
    """
    # Released on the way out, also by an exception whose traceback keeps this frame: the caller may unmap `data`.
    with memoryview(data) as view:
        if len(view) < FOOTER.size:
            raise Truncated(f"{subject}: only {len(view)} bytes")
        signature, checksum, length = FOOTER.unpack_from(view, len(view) - FOOTER.size)
        if length != len(view):
            raise Truncated(f"{subject}: {len(view)} bytes where it says {length}")
        with view[: -FOOTER.size + SIGNATURE_BYTES] as checked:
            if xxhash.xxh3_128_digest(checked) != checksum:
                raise HashMismatch(f"{subject}: checksum differs")
        if is_signed(view) != (signature != UNSIGNED):
            raise IntegrityError(f"{subject}: its header and its signature disagree")


def is_signed(data: Buffer) -> bool:
    """Tell from the header of a sealed file or segment whether somebody signed it."""
    return bool(memoryview(data)[_FLAGS_AT] & SIGNED)


def check_header(header: Buffer, num_bytes: int, kind: str, *, subject: str) -> None:
    """Check what can be checked without a key and content: magic, version, lengths.

    Args:
        header: the file's first bytes, at least as many as the header has.
        num_bytes: length of the file.
        kind: its letter.
        subject: its name in errors.
    """
    view = memoryview(header)
    if num_bytes < HEADER.size + TAG_BYTES + FOOTER.size:
        raise Truncated(f"{subject}: only {num_bytes} bytes")
    magic, version, flags, body_bytes, zero, _, _ = HEADER.unpack(view[: HEADER.size])
    if magic != MAGIC + kind.encode():
        raise IntegrityError(f"{subject}: not a file of this kind")
    check_version(version, subject=subject)
    known_flags = 0 if kind in _UNSIGNED_KINDS else SIGNED
    if flags & ~known_flags or zero or body_bytes > MAX_BODY_BYTES:
        raise IntegrityError(f"{subject}: header makes no sense")
    if HEADER.size + body_bytes + FOOTER.size != num_bytes:
        raise Truncated(f"{subject}: {num_bytes} bytes where its header says {HEADER.size + body_bytes + FOOTER.size}")


def check_version(version: int, *, subject: str) -> None:
    """Refuse a format version that this kvprep does not know."""
    if version != FORMAT_VERSION:
        raise UnsupportedFormat(
            f"{subject}: format version {version}; this kvprep knows {FORMAT_VERSION}",
            hint="Use the kvprep that wrote it.",
        )


def salt_of(data: Buffer) -> bytes:
    """Give the salt (32 bytes) in the header of a sealed file."""
    return bytes(HEADER.unpack(memoryview(data)[: HEADER.size])[5])


def is_for(data: Buffer, kind: str, key: bytes) -> bool:
    """Tell from its key commitment whether a file was sealed under `key`."""
    _, _, _, _, _, salt, commitment = HEADER.unpack(memoryview(data)[: HEADER.size])
    return key_commitment(derive_key(key, f"file {kind}", salt=salt)) == bytes(commitment)


def unseal(data: Buffer, kind: str, key: bytes, ident: bytes, *, subject: str) -> Sealed:
    """Check and open a sealed file.

    Raises:
        IntegrityError: damaged, cut, or moved from another name.
        WrongKey: whole, but sealed under another key.
        UnsupportedFormat: of another version.
    """
    view = memoryview(data)
    check_footer(view, subject=subject)
    check_header(view, len(view), kind, subject=subject)
    if not is_for(view, kind, key):
        raise WrongKey(f"{subject}: sealed under another key", hint="Name the right key file with KVPREP_KEY_FILE.")
    header = bytes(view[: HEADER.size])
    file_key = derive_key(key, f"file {kind}", salt=header[32:64])
    body = Cipher(file_key).open(0, view[HEADER.size : -FOOTER.size], header + ident, subject=subject)
    return parse_body(body, subject=subject)


def check_signature(data: Buffer, public_keys: Collection[bytes], ident: bytes, *, subject: str) -> bytes:
    """Check, without a secret, who wrote a whole sealed file; return the public key that signed it.

    Args:
        data: the file, of any kind that is signed.
        public_keys: of the writers that may have written it, 32 bytes each.
        ident: its name (32 bytes).
        subject: its name in errors.

    Raises:
        UntrustedWriter: none of them signed it under this name.
        IntegrityError: damaged or cut.
    """
    with memoryview(data) as view:
        check_footer(view, subject=subject)
        if not is_signed(view):
            raise untrusted(subject, "is not signed")
        signature = bytes(FOOTER.unpack_from(view, len(view) - FOOTER.size)[0])
        with view[: -FOOTER.size] as sealed:
            return check_signed(signed_message(sealed, ident), signature, public_keys, subject=subject)


def check_writer(data: Buffer, opened: Sealed, ident: bytes, trusted: Collection[bytes], *, subject: str) -> None:
    """Check that a whole file was signed by the writer that it names, and that this is one of the trusted ones.

    Raises:
        UntrustedWriter: it was not.
    """
    view = memoryview(data)
    message = signed_message(view[: -FOOTER.size], ident)
    signature = bytes(view[-FOOTER.size :][:SIGNATURE_BYTES])
    signing.check_writer(opened.writer, message, signature, trusted, subject=subject)


def parse_body(body: bytes, *, subject: str) -> Sealed:
    """Split an opened body into its JSON and its tail."""
    if len(body) < 4 or (end := 4 + int.from_bytes(body[:4], "little")) > len(body):
        raise AuthenticationFailed(f"{subject}: body makes no sense")
    try:
        facts = json.loads(body[4:end])
    except (ValueError, RecursionError) as error:
        raise AuthenticationFailed(f"{subject}: body makes no sense") from error
    if not isinstance(facts, dict):
        raise AuthenticationFailed(f"{subject}: body makes no sense")
    return Sealed(facts, body[end:])


def read_limited(path: Path, *, subject: str, limit: int = MAX_BODY_BYTES + 4096) -> bytes:
    """Read a small file whole, after a look at its size."""
    with read_errors(path), open(path, "rb") as file:
        # Python takes as much memory as is asked for, before it reads.
        data = file.read(min(os.fstat(file.fileno()).st_size, limit) + 1)
    if len(data) > limit:
        raise IntegrityError(f"{subject}: larger than any file of its kind may be")
    return data
