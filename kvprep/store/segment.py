"""The segment: sealed keys and values of one stretch of a prefix, and how it is read.

A hostile file is expected: every size is checked before memory is taken, nothing in a file chooses code, and no byte
leaves without having been authenticated at its place.

Source: docs/format.md, "Segment" and "Block order".
"""

import mmap
import struct
from collections.abc import Callable, Collection
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from blake3 import blake3

from kvprep.errors import AuthenticationFailed, DanglingEntry, HashMismatch, IntegrityError, Truncated
from kvprep.hashing import block_hash, block_ranges, key_commitment
from kvprep.store.crypto import TAG_BYTES, Cipher
from kvprep.store.envelope import check_footer
from kvprep.store.layout import read_errors
from kvprep.store.manifest import NO_CODEC, Chunk, chunks_of, count_chunks, manifest_from_bytes
from kvprep.store.parallel import share_out
from kvprep.store.segmentheader import (
    DIGEST,
    HEADER,
    check_segment_header,
    chunk_offsets,
    signed_message,
)
from kvprep.store.signing import SIGNATURE_BYTES, check_writer
from kvprep.types import Buffer

ChunkPlace = Callable[[int, int, int, int, int], memoryview]
"""(layer, part, head, start, end) → the bytes of tokens [start, end) of one head's keys (part 0) or values (part 1)."""


class Codec(Protocol):
    """Makes the bytes of a chunk fewer, before they are sealed."""

    name: str

    def encode(self, data: Buffer, dtype: str) -> Buffer | None:
        """Give fewer bytes, or None where it is not worth it."""

    def decode(self, data: Buffer, dtype: str, target: memoryview, *, subject: str) -> None:
        """Fill `target` with what was encoded.

        Raises:
            IntegrityError: it cannot have been encoded here.
        """


FindCodec = Callable[[str], Codec]
"""Gives the codec that a manifest names; raises UnsupportedFormat."""


def associated_data(root: bytes, index: int, count: int) -> bytes:
    """Bind chunk `index` of `count` to the header and manifest whose hash is `root`."""
    return root + struct.pack("<II", index, count)


class SegmentReader:
    """An open segment, mapped into memory; a context manager.

    `manifest` and `chunks` are authenticated when the reader is made. Bytes of a chunk leave only after its own check.
    """

    def __init__(self, path: Path, data_key: bytes, *, subject: str, trusted: Collection[bytes] | None = None) -> None:
        """Map and check header and manifest.

        Args:
            path: the file.
            data_key: opens it.
            subject: its name in errors.
            trusted: public keys of the writers one of whom must have signed it, and each chunk before it leaves; None
                looks at no signature.

        Raises:
            DanglingEntry: no such file.
            UntrustedWriter: none of those writers signed it.
            IntegrityError: cut, damaged, or another segment under this name.
        """
        self.subject = subject
        self._signed_digests: list[tuple[int, bytes]] | None = None
        self._map = _map_file(path, subject)
        self._view = memoryview(self._map)
        try:
            self._open(data_key, path, trusted)
        except BaseException:
            self.close()
            raise

    def _open(self, data_key: bytes, path: Path, trusted: Collection[bytes] | None) -> None:
        header = check_segment_header(self._view, len(self._view), path, subject=self.subject)
        if header.commitment != key_commitment(data_key):
            raise AuthenticationFailed(f"{self.subject}: not the segment that the entry names")
        self._header, self._cipher = header, Cipher(data_key)
        raw, sealed = bytes(self._view[: HEADER.size]), bytes(self._view[HEADER.size : header.manifest_end])
        body = self._cipher.open(0, sealed, raw, subject=self.subject)
        self.manifest = manifest_from_bytes(body, subject=self.subject)
        if count_chunks(self.manifest) != header.num_chunks:
            raise AuthenticationFailed(f"{self.subject}: number of chunks differs from the header")
        try:
            self.chunks = chunks_of(self.manifest)
        except ValueError as error:
            raise AuthenticationFailed(f"{self.subject}: manifest makes no sense") from error
        self._root = blake3(raw + body).digest()
        self._offsets = chunk_offsets(header.manifest_end, (chunk.stored_bytes for chunk in self.chunks))
        if self._offsets[-1] != header.digests_at:
            raise AuthenticationFailed(f"{self.subject}: chunk places differ from the header")
        if trusted is not None:
            self._check_writer(trusted)

    def _check_writer(self, trusted: Collection[bytes]) -> None:
        """Check that one of the trusted signed it; from here on, each chunk is held to what was signed."""
        header = self._header
        raw, sealed = bytes(self._view[: HEADER.size]), bytes(self._view[HEADER.size : header.manifest_end])
        digests = bytes(self._view[header.digests_at : header.digests_end])
        message = signed_message(raw, sealed, digests)
        signature = bytes(self._view[header.digests_end :][:SIGNATURE_BYTES])
        check_writer(self.manifest.writer, message, signature, trusted, subject=self.subject)
        self._signed_digests = list(DIGEST.iter_unpack(digests))

    def load(self, end: int, place: ChunkPlace, find_codec: FindCodec) -> int:
        """Decrypt every chunk that holds tokens below `end` straight into `place`, or through the codec.

        All cores take part.

        Args:
            end: position in the prefix; chunks reach to `chunk_end(end)`, so the caller's memory must too.
            place: writable bytes of each run; asked in this thread.
            find_codec: asked only where the segment has a codec.

        Returns:
            Bytes read.

        Raises:
            IntegrityError: a chunk is not what was sealed here. What `place` holds is then rubbish.
            UnsupportedFormat: a codec that `find_codec` does not know.
        """
        wanted = list(takewhile(lambda chunk: chunk.start < end, self.chunks))
        targets = [place(*chunk.place) for chunk in wanted]
        num_bytes = sum(chunk.stored_bytes for chunk in wanted)

        def read(indices: range) -> None:
            codec, scratch = self._decoder(find_codec)
            for index in indices:
                self._read_chunk(index, targets[index], codec, scratch)

        share_out(len(wanted), num_bytes, read)
        return num_bytes

    def place(self, find_codec: FindCodec) -> ChunkPlace:
        """Give its bytes as an engine's memory does: each run is decrypted when it is asked for, over the one before.

        A run begins where a chunk begins, and ends within it.
        """
        codec, scratch = self._decoder(find_codec)
        plain = memoryview(bytearray(max(c.num_bytes for c in self.chunks)))
        numbers = {(c.layer, c.part, c.head, c.start): index for index, c in enumerate(self.chunks)}

        def placed(layer: int, part: int, head: int, start: int, end: int) -> memoryview:
            index = numbers[layer, part, head, start]
            chunk = self.chunks[index]
            self._read_chunk(index, plain[: chunk.num_bytes], codec, scratch)
            return plain[: chunk.num_bytes * (end - start) // (chunk.end - chunk.start)]

        return placed

    def _decoder(self, find_codec: FindCodec) -> tuple[Codec | None, memoryview]:
        """Find the codec, and memory for what it is to decode."""
        if self.manifest.codec == NO_CODEC:
            return None, memoryview(b"")
        return find_codec(self.manifest.codec), memoryview(bytearray(max(c.stored_bytes for c in self.chunks)))

    def _read_chunk(self, index: int, target: memoryview, codec: Codec | None, scratch: memoryview) -> None:
        chunk = self.chunks[index]
        if codec is None or not chunk.is_encoded:
            self._open_chunk(index, target)
            return
        encoded = scratch[: chunk.stored_bytes]
        self._open_chunk(index, encoded)
        codec.decode(encoded, self.manifest.shape.dtype, target, subject=self._name(index))

    def chunk_end(self, end: int) -> int:
        """Round a position up to the end of the chunk that holds it."""
        first, size = self.manifest.first_token, self.manifest.chunk_tokens
        groups = -(-(end - first) // size)
        return first + min(self.manifest.num_tokens, groups * size)

    def check(self) -> int:
        """Check every byte of the file; return the number of chunks.

        Raises:
            IntegrityError: anything differs.
        """
        check_footer(self._view, subject=self.subject)
        scratch = bytearray(max(c.stored_bytes for c in self.chunks))
        for index, chunk in enumerate(self.chunks):
            self._open_chunk(index, memoryview(scratch)[: chunk.stored_bytes])
            self._check_digest(index, chunk)
        self._check_padding()
        self._check_hashes()
        self._check_signature()
        return len(self.chunks)

    def _check_signature(self) -> None:
        """Hold it to the writer that is named, whether or not anybody asks who that is."""
        if self.manifest.writer:
            self._check_writer((self.manifest.writer,))

    def _open_chunk(self, index: int, target: memoryview) -> None:
        start = self._offsets[index]
        sealed: Buffer = self._view[start : start + self.chunks[index].stored_bytes + TAG_BYTES]
        if self._signed_digests is not None:
            sealed = bytes(sealed)  # what is hashed and what is opened must be the same, whoever writes to the file
            self._compare_digest(index, sealed, self._signed_digests[index])
        associated = associated_data(self._root, index, len(self.chunks))
        self._cipher.open_into(index + 1, sealed, associated, target, subject=self._name(index))

    def _name(self, index: int) -> str:
        return f"{self.subject}: chunk {index}"

    def _check_digest(self, index: int, chunk: Chunk) -> None:
        start = self._offsets[index]
        sealed = self._view[start : start + chunk.stored_bytes + TAG_BYTES]
        self._compare_digest(
            index, sealed, DIGEST.unpack_from(self._view, self._header.digests_at + index * DIGEST.size)
        )

    def _compare_digest(self, index: int, sealed: Buffer, row: tuple[int, bytes]) -> None:
        if row != (len(sealed), blake3(sealed).digest()):
            raise HashMismatch(f"{self.subject}: digest of chunk {index} differs")

    def _check_padding(self) -> None:
        ends = [self._header.manifest_end]
        ends += [o + c.stored_bytes + TAG_BYTES for o, c in zip(self._offsets, self.chunks, strict=False)]
        for end, start in zip(ends, self._offsets, strict=True):
            if any(self._view[end:start]):
                raise IntegrityError(f"{self.subject}: padding is not zero")

    def _check_hashes(self) -> None:
        parent, manifest = self.manifest.parent, self.manifest
        ranges = block_ranges(manifest.num_tokens, manifest.block_size)
        for (start, end), expected in zip(ranges, manifest.block_hashes, strict=True):
            parent = block_hash(parent, manifest.token_ids[start:end])
            if parent != expected:
                raise HashMismatch(f"{self.subject}: block hash differs")

    def close(self) -> None:
        """Unmap the file."""
        self._view.release()
        # The traceback of a failed check may still hold a slice of the map, which then goes with it.
        with suppress(BufferError):
            self._map.close()

    def __enter__(self) -> "SegmentReader":
        """Use as a context."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Unmap the file."""
        self.close()


def _map_file(path: Path, subject: str) -> mmap.mmap:
    try:
        with read_errors(path), open(path, "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise DanglingEntry(f"{subject}: missing", hint="Ingest the document again.") from error
    except ValueError as error:
        raise Truncated(f"{subject}: empty file") from error
