"""What of a segment is readable without a key: header, places of its chunks, digest table, signature.

Source: docs/format.md, "Segment" and "Signatures".
"""

import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from kvprep.errors import HashMismatch, IntegrityError, Truncated
from kvprep.store.crypto import TAG_BYTES
from kvprep.store.envelope import FOOTER, MAGIC, SIGNED, check_footer, check_version
from kvprep.store.signing import SEGMENT, SIGNATURE_BYTES, check_signed, untrusted
from kvprep.types import Buffer

SEGMENT_MAGIC = MAGIC + b"s"
HEADER = struct.Struct("<8sIIQII32s32sQQQQ")
DIGEST = struct.Struct("<Q32s")
"""A row of the digest table: how many bytes a sealed chunk has, and their hash."""
ALIGNMENT = 64
MAX_MANIFEST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The header of a segment."""

    is_signed: bool
    manifest_bytes: int
    num_chunks: int
    commitment: bytes
    digests_at: int

    @property
    def manifest_end(self) -> int:
        """Where the sealed manifest ends."""
        return HEADER.size + self.manifest_bytes

    @property
    def digests_end(self) -> int:
        """Where the digest table ends."""
        return self.digests_at + self.num_chunks * DIGEST.size


def align(offset: int) -> int:
    """Round up to where a chunk may begin."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def chunk_offsets(start: int, stored_bytes: Iterable[int]) -> list[int]:
    """Offset of each chunk, and at the end that of the digest table.

    Args:
        start: where the sealed manifest ends.
        stored_bytes: of each chunk, before it is sealed.
    """
    offsets = [align(start)]
    for size in stored_bytes:
        offsets.append(align(offsets[-1] + size + TAG_BYTES))
    return offsets


def check_segment_header(data: Buffer, num_bytes: int, path: Path, *, subject: str) -> SegmentHeader:
    """Check what can be checked without a key and content: magic, version, name, lengths.

    Args:
        data: the file's first bytes, at least as many as the header has.
        num_bytes: length of the file.
        path: its name is that of the segment.
        subject: its name in errors.

    Raises:
        Truncated, IntegrityError, UnsupportedFormat: by what is wrong.
    """
    if num_bytes < HEADER.size + TAG_BYTES + FOOTER.size:
        raise Truncated(f"{subject}: only {num_bytes} bytes")
    fields = HEADER.unpack(memoryview(data)[: HEADER.size])
    magic, version, flags, manifest_bytes, num_chunks, zero, ident, commitment = fields[:8]
    first, digests_at, total, zero_too = fields[8:]
    if magic != SEGMENT_MAGIC:
        raise IntegrityError(f"{subject}: not a segment")
    check_version(version, subject=subject)
    if total != num_bytes:
        raise Truncated(f"{subject}: {num_bytes} bytes where its header says {total}")
    header = SegmentHeader(bool(flags & SIGNED), manifest_bytes, num_chunks, commitment, digests_at)
    lengths_agree = (
        first == align(header.manifest_end) and first <= digests_at and header.digests_end + FOOTER.size == total
    )
    if flags & ~SIGNED or zero or zero_too or manifest_bytes > MAX_MANIFEST_BYTES + TAG_BYTES or not lengths_agree:
        raise IntegrityError(f"{subject}: header makes no sense")
    if ident.hex() != path.stem:
        raise IntegrityError(f"{subject}: holds another segment")
    return header


def signed_message(header: bytes, sealed_manifest: bytes, digests: bytes) -> bytes:
    """Give what the signature of a segment covers."""
    return SEGMENT + header + sealed_manifest + digests


def check_segment_signature(data: Buffer, public_keys: Collection[bytes], path: Path, *, subject: str) -> int:
    """Check, without a secret, who wrote a segment, and that no byte of it has changed since.

    Args:
        data: the whole file.
        public_keys: of the writers that may have written it, 32 bytes each.
        path: its name is that of the segment.
        subject: its name in errors.

    Returns:
        How many chunks were hashed.

    Raises:
        UntrustedWriter: none of the keys signed it.
        IntegrityError: anything differs.
    """
    with memoryview(data) as view:
        check_footer(view, subject=subject)
        header = check_segment_header(view, len(view), path, subject=subject)
        if not header.is_signed:
            raise untrusted(subject, "is not signed")
        digests = bytes(view[header.digests_at : header.digests_end])
        message = signed_message(bytes(view[: HEADER.size]), bytes(view[HEADER.size : header.manifest_end]), digests)
        signature = bytes(view[header.digests_end : header.digests_end + SIGNATURE_BYTES])
        check_signed(message, signature, public_keys, subject=subject)
        _check_chunks(view, header, digests, subject)
    return header.num_chunks


def _check_chunks(view: memoryview, header: SegmentHeader, digests: bytes, subject: str) -> None:
    """Compare every chunk with the digest table, and see that there is nothing between them."""
    end = header.manifest_end
    for index, (num_bytes, digest) in enumerate(DIGEST.iter_unpack(digests)):
        start = align(end)
        if any(view[end:start]) or start + num_bytes > header.digests_at:
            raise IntegrityError(f"{subject}: chunk {index} is not where the digest table says")
        end = start + num_bytes
        if blake3(view[start:end]).digest() != digest:
            raise HashMismatch(f"{subject}: digest of chunk {index} differs")
    if align(end) != header.digests_at or any(view[end : header.digests_at]):
        raise IntegrityError(f"{subject}: more than the chunks of the digest table")
