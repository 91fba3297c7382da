"""A segment is made: keys and values out of the engine's memory, sealed and ready to be written.

Source: docs/format.md, "Segment" and "Block order".
"""

from dataclasses import dataclass, field, replace

from blake3 import blake3

from kvprep.errors import IntegrityError
from kvprep.hashing import key_commitment, keyed_id
from kvprep.store.crypto import TAG_BYTES, Cipher, new_key
from kvprep.store.envelope import FOOTER, footer
from kvprep.store.layout import FORMAT_VERSION
from kvprep.store.manifest import Chunk, Manifest, chunks_of, manifest_to_bytes
from kvprep.store.segment import (
    DIGEST_BYTES,
    HEADER,
    MAX_MANIFEST_BYTES,
    SEGMENT_MAGIC,
    ChunkPlace,
    Codec,
    associated_data,
    chunk_offsets,
)
from kvprep.types import Buffer, SegmentId


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """A segment ready to be written."""

    ident: SegmentId
    data_key: bytes = field(repr=False)
    manifest: Manifest
    parts: tuple[Buffer, ...] = field(repr=False)

    @property
    def num_bytes(self) -> int:
        """Size of the file."""
        return sum(len(part) for part in self.parts)


def seal_segment(manifest: Manifest, id_key: bytes, place: ChunkPlace, codec: Codec | None = None) -> SealedSegment:
    """Encrypt a stretch out of the engine's memory under a fresh data key, first made smaller by a codec if given.

    Reads `place` chunk by chunk and keeps no view of it.
    """
    if codec is not None:
        manifest, place = _encoded(manifest, place, codec)
    data_key = new_key()
    cipher, commitment = Cipher(data_key), key_commitment(data_key)
    last = manifest.block_hashes[-1]
    ident = SegmentId(keyed_id(id_key, "segment", manifest.parent, last, commitment))
    chunks = chunks_of(manifest)
    body = manifest_to_bytes(manifest)
    if len(body) > MAX_MANIFEST_BYTES:
        raise IntegrityError("segment: manifest too large")
    header, offsets = _header(ident, commitment, len(body) + TAG_BYTES, chunks)
    root = blake3(header + body).digest()
    sealed_manifest = cipher.seal(0, body, header)
    padding = offsets[0] - len(header) - len(sealed_manifest) if chunks else 0
    area, digests = _seal_chunks(cipher, root, chunks, offsets, place)
    parts: list[Buffer] = [header, sealed_manifest, bytes(padding), area, digests]
    return SealedSegment(ident, data_key, manifest, (*parts, footer(parts)))


def _encoded(manifest: Manifest, place: ChunkPlace, codec: Codec) -> tuple[Manifest, ChunkPlace]:
    """Encode all chunks, whose sizes the manifest must tell before the first is sealed."""
    encoded: dict[tuple[int, int, int, int, int], Buffer] = {}
    sizes = []
    for chunk in chunks_of(manifest):
        data = place(*chunk.place)
        fewer = codec.encode(data, manifest.shape.dtype)
        if fewer is not None:
            encoded[chunk.place] = fewer
        sizes.append(chunk.num_bytes if fewer is None else len(fewer))

    def placed(*where: int) -> memoryview:
        return memoryview(encoded.pop(where)) if where in encoded else place(*where)

    return replace(manifest, codec=codec.name, stored_bytes=tuple(sizes)), placed


def _seal_chunks(
    cipher: Cipher, root: bytes, chunks: list[Chunk], offsets: list[int], place: ChunkPlace
) -> tuple[bytearray, bytes]:
    first = offsets[0]
    area = bytearray(offsets[-1] - first)
    view, digests = memoryview(area), bytearray()
    for index, chunk in enumerate(chunks):
        start = offsets[index] - first
        target = view[start : start + chunk.stored_bytes + TAG_BYTES]
        cipher.seal_into(index + 1, place(*chunk.place), associated_data(root, index, len(chunks)), target)
        digests += blake3(target).digest()
    return area, bytes(digests)


def _header(ident: SegmentId, commitment: bytes, manifest_bytes: int, chunks: list[Chunk]) -> tuple[bytes, list[int]]:
    offsets = chunk_offsets(HEADER.size + manifest_bytes, chunks)
    total = offsets[-1] + DIGEST_BYTES * len(chunks) + FOOTER.size
    numbers = (offsets[0], offsets[-1], total, 0)
    header = HEADER.pack(SEGMENT_MAGIC, FORMAT_VERSION, 0, manifest_bytes, len(chunks), 0, ident, commitment, *numbers)
    return header, offsets
