"""Identities: what a document, a prefix, a model and a file on disk are called. Pure functions.

BLAKE3 carries everything that is keyed or chained; SHA-256 names canonical text, so that anyone
can recompute a document's identity with the tools at hand.

Source: docs/format.md, "Identities".
"""

import hashlib
import json
from collections.abc import Iterator, Mapping

import numpy as np
from blake3 import blake3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kvprep.types import BlockHash, ContentHash, DriftHash, Fingerprint, TokenIds


def content_hash(text: str) -> ContentHash:
    """Name a canonical text: SHA-256 of its UTF-8 bytes."""
    return ContentHash(hashlib.sha256(text.encode()).digest())


def drift_hash(text: str) -> DriftHash:
    """Name a canonical text without its white space, so that it survives another extractor's spacing."""
    return DriftHash(hashlib.sha256("".join(text.split()).encode()).digest())


def source_digest(data: bytes) -> bytes:
    """Name the bytes of a source: SHA-256. Whoever writes a source may choose its bytes, so no faster hash will do."""
    return hashlib.sha256(data).digest()


def fingerprint(fields: Mapping[str, str]) -> Fingerprint:
    """Hash everything that shapes a model's keys and values, whatever the order of the fields."""
    canonical = json.dumps(dict(fields), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return Fingerprint(hashlib.sha256(canonical.encode()).digest())


def keyed_id(id_key: bytes, kind: str, *parts: bytes) -> bytes:
    """Name something so that the name tells nothing to who lacks `id_key` (32 bytes).

    Every part's length is hashed with it, so that no two lists of parts collide by concatenation.
    """
    hasher = blake3(b"kvprep " + kind.encode() + b"\0", key=id_key)
    for part in parts:
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    return hasher.digest()


def block_root(id_key: bytes, model: Fingerprint) -> BlockHash:
    """Start the chain of block hashes of one model in one namespace."""
    return BlockHash(keyed_id(id_key, "block root", model))


def block_hash(parent: BlockHash, token_ids: TokenIds) -> BlockHash:
    """Name the prefix that ends with these tokens: H(parent, token ids as little-endian uint32)."""
    hasher = blake3(b"kvprep block\0" + parent)
    hasher.update(np.ascontiguousarray(token_ids, dtype="<u4").tobytes())
    return BlockHash(hasher.digest())


def block_hashes(root: BlockHash, token_ids: TokenIds, block_size: int) -> list[BlockHash]:
    """Hash every block of a prefix in order; the last block may be short."""
    hashes_so_far = []
    parent = root
    for start, end in block_ranges(len(token_ids), block_size):
        parent = block_hash(parent, token_ids[start:end])
        hashes_so_far.append(parent)
    return hashes_so_far


def block_ranges(num_tokens: int, block_size: int) -> Iterator[tuple[int, int]]:
    """Cut [0, num_tokens) into blocks [start, end)."""
    for start in range(0, num_tokens, block_size):
        yield start, min(start + block_size, num_tokens)


def derive_key(key: bytes, purpose: str, *, salt: bytes = b"") -> bytes:
    """Derive a 32-byte key for one purpose: HKDF-SHA256."""
    return HKDF(hashes.SHA256(), 32, salt or None, b"kvprep " + purpose.encode()).derive(key)


def key_commitment(key: bytes) -> bytes:
    """Commit to a key (32 bytes), so that a wrong key is told from damage before anything is decrypted."""
    return keyed_id(key, "commitment")
