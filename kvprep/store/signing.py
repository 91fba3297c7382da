"""Ed25519: who wrote a file.

Source: docs/format.md, "Signatures".
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def public_key(seed: bytes) -> bytes:
    """Give the public key (32 bytes) of a private one (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
