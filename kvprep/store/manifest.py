"""What a segment says of itself, and where its chunks lie.

Source: docs/format.md, "Segment" and "Block order".
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from kvprep.errors import AuthenticationFailed
from kvprep.hashing import block_ranges
from kvprep.store.entry import tokens_from_bytes, tokens_to_bytes
from kvprep.store.envelope import MALFORMED, parse_body
from kvprep.store.facts import shape_from_facts, shape_to_facts
from kvprep.types import BlockHash, CacheShape, Fingerprint, NamespaceId, Piece, PrefillCost, TokenIds

CHUNK_BYTES = 256 << 10
NO_CODEC = "none"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a segment says of itself, sealed."""

    namespace: NamespaceId
    fingerprint: Fingerprint
    parent: BlockHash
    """Hash of the block before the first one, or the block root."""
    first_token: int
    """Position of the first token in its prefix; a multiple of the block size."""
    block_size: int
    chunk_tokens: int
    shape: CacheShape
    pieces: tuple[Piece, ...]
    cost: PrefillCost
    created_at: float
    block_hashes: tuple[BlockHash, ...]
    token_ids: TokenIds = field(repr=False)
    codec: str = NO_CODEC
    stored_bytes: tuple[int, ...] = ()
    """With a codec: bytes of each chunk before sealing; as many as `num_bytes` where the codec declined."""
    writer: bytes = b""
    """Public key that signed it; empty: unsigned."""

    @property
    def num_tokens(self) -> int:
        """Tokens in the segment."""
        return len(self.token_ids)


class Chunk(NamedTuple):
    """One sealed run: tokens [start, end) of the prefix, of one layer, part and head. A load makes hundreds."""

    layer: int
    part: int
    head: int
    start: int
    end: int
    num_bytes: int
    """In the engine's memory."""
    stored_bytes: int
    """In the file, before sealing."""

    @property
    def place(self) -> tuple[int, int, int, int, int]:
        """Layer, part, head, start and end."""
        return self.layer, self.part, self.head, self.start, self.end

    @property
    def is_encoded(self) -> bool:
        """Whether the codec made it smaller."""
        return self.stored_bytes < self.num_bytes


def chunk_tokens_for(shape: CacheShape, block_size: int) -> int:
    """Choose how many tokens a chunk holds: as many whole blocks as fit 256 KiB, at least one."""
    row_bytes = max(max(s.key_dim, s.value_dim) for s in shape.layers) * shape.itemsize
    return max(1, CHUNK_BYTES // (row_bytes * block_size)) * block_size


def count_chunks(manifest: Manifest) -> int:
    """Tell how many chunks `chunks_of` would list: a manifest of few bytes may speak of any number of heads."""
    groups = -(-manifest.num_tokens // manifest.chunk_tokens)
    return groups * 2 * sum(shape.num_kv_heads for shape in manifest.shape.layers)


def chunks_of(manifest: Manifest) -> list[Chunk]:
    """List the chunks in file order.

    Raises:
        ValueError: the sizes that the manifest tells are not those of its chunks.
    """
    plain = list(_plain_chunks(manifest))
    if manifest.codec == NO_CODEC:
        return plain
    if len(manifest.stored_bytes) != len(plain):
        raise ValueError("chunk sizes")
    chunks = [c._replace(stored_bytes=size) for c, size in zip(plain, manifest.stored_bytes, strict=True)]
    if any(not 0 < chunk.stored_bytes <= chunk.num_bytes for chunk in chunks):
        raise ValueError("chunk sizes")
    return chunks


def _plain_chunks(manifest: Manifest) -> Iterator[Chunk]:
    itemsize = manifest.shape.itemsize
    for start, end in block_ranges(manifest.num_tokens, manifest.chunk_tokens):
        for layer, shape in enumerate(manifest.shape.layers):
            for part, dim in enumerate((shape.key_dim, shape.value_dim)):
                for head in range(shape.num_kv_heads):
                    place = (manifest.first_token + start, manifest.first_token + end)
                    num_bytes = (end - start) * dim * itemsize
                    yield Chunk(layer, part, head, *place, num_bytes, num_bytes)


def manifest_to_bytes(manifest: Manifest) -> bytes:
    """Write a manifest as a sealed file's body: JSON, then block hashes and token ids."""
    facts: dict[str, Any] = {
        "namespace": manifest.namespace.hex(),
        "fingerprint": manifest.fingerprint.hex(),
        "parent": manifest.parent.hex(),
        "block_size": manifest.block_size,
        "first_token": manifest.first_token,
        "num_tokens": manifest.num_tokens,
        "chunk_tokens": manifest.chunk_tokens,
        "shape": shape_to_facts(manifest.shape),
        "codec": manifest.codec,
        "pieces": [[p.start, p.end] for p in manifest.pieces],
        "cost": asdict(manifest.cost),
        "created_at": manifest.created_at,
        "writer": manifest.writer.hex(),
    }
    if manifest.codec != NO_CODEC:
        facts["stored_bytes"] = manifest.stored_bytes
    text = json.dumps(facts, separators=(",", ":"), allow_nan=False).encode()
    tail = b"".join(manifest.block_hashes) + tokens_to_bytes(manifest.token_ids)
    return struct.pack("<I", len(text)) + text + tail


def manifest_from_bytes(body: bytes, *, subject: str) -> Manifest:
    """Read a manifest back.

    Raises:
        AuthenticationFailed: sealed by us, yet no manifest.
    """
    opened = parse_body(body, subject=subject)
    facts, tail = opened.facts, opened.tail
    try:
        num_tokens, block_size = int(facts["num_tokens"]), int(facts["block_size"])
        chunk_tokens, first_token = int(facts["chunk_tokens"]), int(facts["first_token"])
        if min(num_tokens, block_size, chunk_tokens) < 1 or chunk_tokens % block_size or first_token % block_size:
            raise ValueError("sizes")
        hash_bytes = 32 * -(-num_tokens // block_size)
        if len(tail) != hash_bytes + 4 * num_tokens:
            raise ValueError("tail")
        return Manifest(
            namespace=NamespaceId(bytes.fromhex(facts["namespace"])),
            fingerprint=Fingerprint(bytes.fromhex(facts["fingerprint"])),
            parent=BlockHash(bytes.fromhex(facts["parent"])),
            first_token=first_token,
            block_size=block_size,
            chunk_tokens=chunk_tokens,
            shape=shape_from_facts(facts["shape"]),
            pieces=tuple(Piece(int(a), int(b)) for a, b in facts["pieces"]),
            cost=PrefillCost(**facts["cost"]),
            created_at=float(facts["created_at"]),
            block_hashes=tuple(BlockHash(tail[i : i + 32]) for i in range(0, hash_bytes, 32)),
            token_ids=tokens_from_bytes(tail[hash_bytes:]),
            codec=str(facts["codec"]),
            stored_bytes=tuple(int(size) for size in facts.get("stored_bytes", ())),
            writer=bytes.fromhex(facts["writer"]),
        )
    except MALFORMED as error:
        raise AuthenticationFailed(f"{subject}: manifest makes no sense") from error
