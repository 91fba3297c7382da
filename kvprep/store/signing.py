"""Ed25519: who wrote a file. The only place that sees InvalidSignature.

Source: docs/format.md, "Signatures".
"""

from collections.abc import Collection

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kvprep.errors import UntrustedWriter

SIGNATURE_BYTES = 64
PUBLIC_BYTES = 32
FILE, SEGMENT, CHARTER = b"kvprep file\0", b"kvprep segment\0", b"kvprep charter\0"
"""What a signed message begins with, so that no signature of one kind is one of another."""


def public_key(seed: bytes) -> bytes:
    """Give the public key (32 bytes) of a private one (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


class Signer:
    """A private key at work; `public` is the key (32 bytes) that checks its signatures."""

    def __init__(self, seed: bytes) -> None:
        """Hold the private key `seed` (32 bytes)."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Give the signature (64 bytes) of a message."""
        return self._key.sign(message)


def signer_of(seed: bytes) -> Signer | None:
    """Give the signer of a private key; None for none."""
    return Signer(seed) if seed else None


def check_signed(message: bytes, signature: bytes, public_keys: Collection[bytes], *, subject: str) -> bytes:
    """Find the public key under which a signature is good.

    Args:
        message: what was signed.
        signature: 64 bytes.
        public_keys: of 32 bytes each; tried one after the other.
        subject: names the file in errors.

    Raises:
        UntrustedWriter: none of them signed it.
    """
    for public in public_keys:
        if _is_good(message, signature, public):
            return public
    raise untrusted(subject, "was signed by none of the writers that may have")


def check_writer(writer: bytes, message: bytes, signature: bytes, trusted: Collection[bytes], *, subject: str) -> None:
    """Check that a file was signed by the writer that it names, and that this is one of the trusted ones.

    Args:
        writer: the public key that it names; empty where it names none.
        message, signature: as in `check_signed`.
        trusted: public keys, 32 bytes each.
        subject: names the file in errors.

    Raises:
        UntrustedWriter: it was not.
    """
    if not writer:
        raise untrusted(subject, "is not signed")
    if writer not in trusted:
        raise untrusted(subject, "names a writer that the namespace does not trust")
    check_signed(message, signature, (writer,), subject=subject)


def untrusted(subject: str, problem: str) -> UntrustedWriter:
    """Build the error for a file that nobody vouches for who may."""
    return UntrustedWriter(
        f"{subject}: {problem}",
        hint="Ingest the document again with a key that the namespace trusts; `kvprep namespace list` names those.",
    )


def _is_good(message: bytes, signature: bytes, public: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):  # ValueError: no point of the curve
        return False
    return True
