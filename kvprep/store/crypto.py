"""AES-256-GCM with the nonces and associated data of docs/format.md; the only place that sees InvalidTag."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kvprep.errors import AuthenticationFailed
from kvprep.types import Buffer

KEY_BYTES = 32
TAG_BYTES = 16


def new_key() -> bytes:
    """Draw a random key of 32 bytes."""
    return secrets.token_bytes(KEY_BYTES)


class Cipher:
    """Seals and opens pieces under one key that is used for one file only; `number` is the piece's nonce."""

    def __init__(self, key: bytes) -> None:
        """Hold the key schedule of `key` (32 bytes)."""
        self._aes = AESGCM(key)

    def seal(self, number: int, plaintext: Buffer, associated: bytes) -> bytes:
        """Encrypt; the result is 16 bytes longer."""
        return self._aes.encrypt(_nonce(number), plaintext, associated)

    def seal_into(self, number: int, plaintext: Buffer, associated: bytes, target: Buffer) -> None:
        """Encrypt into `target`, which is 16 bytes longer than `plaintext`."""
        self._aes.encrypt_into(_nonce(number), plaintext, associated, target)

    def open(self, number: int, sealed: Buffer, associated: bytes, *, subject: str) -> bytes:
        """Authenticate and decrypt.

        Raises:
            AuthenticationFailed: not what was sealed under this key, number and associated data.
        """
        try:
            return self._aes.decrypt(_nonce(number), sealed, associated)
        except InvalidTag as error:
            raise _failed(subject) from error

    def open_into(self, number: int, sealed: Buffer, associated: bytes, target: Buffer, *, subject: str) -> None:
        """Authenticate and decrypt into `target`, 16 bytes shorter than `sealed`.

        On failure `target` holds rubbish; the caller must not use it.
        """
        try:
            self._aes.decrypt_into(_nonce(number), sealed, associated, target)
        except InvalidTag as error:
            raise _failed(subject) from error


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "little")


def _failed(subject: str) -> AuthenticationFailed:
    return AuthenticationFailed(
        f"{subject}: does not authenticate", hint="Run `kvprep verify`; ingest the document again to replace it."
    )
