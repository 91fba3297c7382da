"""A segment is made: keys and values out of the engine's memory, sealed piece by piece as they are written.

A sealed copy never exists whole in memory; with a codec, the encoded chunks do, since the manifest tells their sizes
before the first of them is written.

Source: docs/format.md, "Segment" and "Block order".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from blake3 import blake3

from kvprep.errors import IntegrityError
from kvprep.hashing import key_commitment, keyed_id
from kvprep.store.crypto import TAG_BYTES, Cipher, new_key
from kvprep.store.envelope import FOOTER, SIGNED, UNSIGNED, Ending
from kvprep.store.layout import FORMAT_VERSION
from kvprep.store.manifest import Chunk, Manifest, chunks_of, manifest_to_bytes
from kvprep.store.segment import ChunkPlace, Codec, associated_data
from kvprep.store.segmentheader import (
    DIGEST,
    HEADER,
    MAX_MANIFEST_BYTES,
    SEGMENT_MAGIC,
    chunk_offsets,
    signed_message,
)
from kvprep.store.signing import Signer
from kvprep.types import Buffer, SegmentId


@dataclass(slots=True)
class SealedSegment:
    """A segment on its way out of the engine's memory: named, and sealed while its parts are taken."""

    ident: SegmentId
    data_key: bytes = field(repr=False)
    manifest: Manifest
    num_bytes: int
    """Size of the file."""
    _parts: Iterator[Buffer] | None = field(repr=False)

    def take_parts(self) -> Iterator[Buffer]:
        """Seal, and give the file's bytes in order. Each part is valid until the next one is asked for.

        Raises:
            RuntimeError: they were taken before. The engine's memory may hold other numbers by now, and two texts under
                one key and nonce give both away.
        """
        parts, self._parts = self._parts, None
        if parts is None:
            raise RuntimeError("a segment can be sealed once only")
        return parts


def seal_segment(
    manifest: Manifest, id_key: bytes, place: ChunkPlace, codec: Codec | None = None, signer: Signer | None = None
) -> SealedSegment:
    """Prepare a stretch in the engine's memory to be encrypted under a fresh data key.

    Args:
        manifest: what it is.
        id_key: names it.
        place: its bytes, asked for chunk by chunk in file order, each once, while the parts are taken; with a codec
            before that. A run need not be valid any more when the next one is asked for.
        codec: makes chunks smaller.
        signer: signs it, and is named in the manifest.
    """
    manifest = replace(manifest, writer=signer.public if signer else b"")
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
    flags = SIGNED if signer else 0
    header, offsets, num_bytes = _header(ident, commitment, flags, len(body) + TAG_BYTES, chunks)
    root = blake3(header + body).digest()
    sealed_manifest = cipher.seal(0, body, header)
    padding = bytes(offsets[0] - len(header) - len(sealed_manifest))
    sealed_chunks = _seal_chunks(cipher, root, chunks, offsets, place)
    parts = _parts(header, sealed_manifest, padding, sealed_chunks, signer)
    return SealedSegment(ident, data_key, manifest, num_bytes, parts)


def _encoded(manifest: Manifest, place: ChunkPlace, codec: Codec) -> tuple[Manifest, ChunkPlace]:
    """Encode all chunks, whose sizes the manifest must tell before the first is sealed."""
    encoded: dict[tuple[int, ...], Buffer] = {}
    for chunk in chunks_of(manifest):
        data = place(*chunk.place)
        fewer = codec.encode(data, manifest.shape.dtype)
        encoded[chunk.place] = bytes(data) if fewer is None else fewer

    def placed(*where: int) -> memoryview:
        return memoryview(encoded.pop(where))

    sizes = tuple(len(data) for data in encoded.values())
    return replace(manifest, codec=codec.name, stored_bytes=sizes), placed


def _parts(
    header: bytes,
    sealed_manifest: bytes,
    padding: bytes,
    chunks: Iterator[tuple[Buffer, bytes]],
    signer: Signer | None,
) -> Iterator[Buffer]:
    """Give a file's parts, its chunks with their digests given; digest table, signature and footer come out of them."""
    ending, digests = Ending(), bytearray()
    yield from map(ending.after, (header, sealed_manifest, padding))
    for sealed, digest in chunks:
        digests += digest
        yield ending.after(sealed)
    yield ending.after(digests)
    message = signed_message(header, sealed_manifest, bytes(digests))
    yield ending.footer(signer.sign(message) if signer else UNSIGNED)


def _seal_chunks(
    cipher: Cipher, root: bytes, chunks: list[Chunk], offsets: list[int], place: ChunkPlace
) -> Iterator[tuple[Buffer, bytes]]:
    """Give each chunk, sealed and padded up to the next, and its row of the digest table; all in the same memory."""
    sizes = [end - start for start, end in pairwise(offsets)]
    area = memoryview(bytearray(max(sizes)))
    for index, (chunk, size) in enumerate(zip(chunks, sizes, strict=True)):
        end = chunk.stored_bytes + TAG_BYTES
        target = area[:end]
        cipher.seal_into(index + 1, place(*chunk.place), associated_data(root, index, len(chunks)), target)
        area[end:size] = bytes(size - end)
        yield area[:size], DIGEST.pack(end, blake3(target).digest())


def _header(
    ident: SegmentId, commitment: bytes, flags: int, manifest_bytes: int, chunks: list[Chunk]
) -> tuple[bytes, list[int], int]:
    """Give the header, the offsets of the chunks and their end, and the size of the file."""
    offsets = chunk_offsets(HEADER.size + manifest_bytes, (chunk.stored_bytes for chunk in chunks))
    total = offsets[-1] + DIGEST.size * len(chunks) + FOOTER.size
    numbers = (offsets[0], offsets[-1], total, 0)
    names = (SEGMENT_MAGIC, FORMAT_VERSION, flags, manifest_bytes, len(chunks), 0, ident, commitment)
    return HEADER.pack(*names, *numbers), offsets, total
