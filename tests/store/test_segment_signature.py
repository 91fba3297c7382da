"""What of a segment is checked by whoever knows its writer, and has no key: each refusal, and what it says."""

import struct
from dataclasses import dataclass
from pathlib import Path

import pytest
from blake3 import blake3
from store_makers import ID_KEY, SHAPE, TINY, Memory, flipped, manifest_of, with_new_footer, write

from kvprep.errors import HashMismatch, IntegrityError, StoreError, Truncated, UntrustedWriter
from kvprep.store.envelope import FOOTER, footer
from kvprep.store.sealing import seal_segment
from kvprep.store.segmentheader import (
    DIGEST,
    HEADER,
    MAX_MANIFEST_BYTES,
    SEGMENT_MAGIC,
    SegmentHeader,
    align,
    check_segment_header,
    check_segment_signature,
    signed_message,
)
from kvprep.store.signing import Signer
from kvprep.types import CacheShape

SIGNER = Signer(b"s" * 32)


@dataclass
class Signed:
    """A file, and what its header says."""

    path: Path
    data: bytes
    header: SegmentHeader

    @classmethod
    def of(cls, folder: Path, shape: CacheShape, count: int, signer: Signer | None = SIGNER) -> "Signed":
        sealed = seal_segment(manifest_of(count, shape), ID_KEY, Memory(shape, count, seed=1).place, signer=signer)
        path = write(folder, sealed)
        data = path.read_bytes()
        return cls(path, data, check_segment_header(data, len(data), path, subject="segment"))

    @property
    def sizes(self) -> list[int]:
        return [size for size, _ in DIGEST.iter_unpack(self.data[self.header.digests_at : self.header.digests_end])]

    def check(self, data: bytes, public: bytes = SIGNER.public) -> int:
        return check_segment_signature(data, [b"x" * 32, public], self.path, subject="segment")

    def refusal(self, error: type[StoreError], data: bytes, public: bytes = SIGNER.public) -> str:
        with pytest.raises(error) as caught:
            self.check(data, public)
        assert type(caught.value) is error
        return str(caught.value)

    def signed_again(self, data: bytes) -> bytes:
        """What the writer itself signs who means harm."""
        header = self.header
        digests = data[header.digests_at : header.digests_end]
        parts = data[: HEADER.size], data[HEADER.size : header.manifest_end], digests
        body = data[: -FOOTER.size]
        return body + footer([body], SIGNER.sign(signed_message(*parts)))


@pytest.fixture
def signed(tmp_path: Path) -> Signed:
    """Two chunks each of keys and values, with padding behind each."""
    return Signed.of(tmp_path, TINY, 70)


def test_whoever_has_no_key_is_told_what_is_wrong_with_which_chunk(signed: Signed) -> None:
    data, start = signed.data, -(-signed.header.manifest_end // 64) * 64
    assert signed.check(data) == 4
    assert all(size % 64 for size in signed.sizes)
    behind = start + signed.sizes[0]
    cases: list[tuple[type[StoreError], int, str]] = [
        (HashMismatch, start, "segment: digest of chunk 0 differs"),
        (HashMismatch, behind - 1, "segment: digest of chunk 0 differs"),
        (IntegrityError, start - 1, "segment: chunk 0 is not where the digest table says"),
        (IntegrityError, behind, "segment: chunk 1 is not where the digest table says"),
        (IntegrityError, signed.header.digests_at - 1, "segment: more than the chunks of the digest table"),
    ]
    for error, at, message in cases:
        assert signed.refusal(error, with_new_footer(flipped(data, at, 0))) == message


@pytest.mark.parametrize("size", [1 << 20, (1 << 64) - 1])
def test_a_writer_whose_digest_table_leads_out_of_the_chunks_is_refused(signed: Signed, size: int) -> None:
    at = signed.header.digests_at
    data = signed.data[:at] + struct.pack("<Q", size) + signed.data[at + 8 :]
    message = "segment: chunk 0 is not where the digest table says"
    assert signed.refusal(IntegrityError, signed.signed_again(data)) == message


def test_a_writer_whose_digest_table_ends_before_the_chunks_do_is_refused(signed: Signed) -> None:
    """One chunk fewer, and zeros where it lay."""
    last = signed.header.digests_end - DIGEST.size
    where = -(-signed.header.manifest_end // 64) * 64 + sum(-(-size // 64) * 64 for size in signed.sizes[:-1])
    blank = bytes(signed.header.digests_at - where)
    data = signed.data[:where] + blank + signed.data[signed.header.digests_at : last]
    data += DIGEST.pack(0, blake3(b"").digest()) + signed.data[signed.header.digests_end :]
    message = "segment: more than the chunks of the digest table"
    assert signed.refusal(IntegrityError, signed.signed_again(data)) == message


@pytest.mark.parametrize("count", [12, 76])
def test_chunks_that_end_where_the_next_begins_are_in_their_place(tmp_path: Path, count: int) -> None:
    made = Signed.of(tmp_path, TINY, count)
    assert made.sizes[-1] % 64 == 0
    assert made.check(made.data) == made.header.num_chunks


def test_every_refusal_of_a_segment_without_a_key_names_it(signed: Signed, tmp_path: Path) -> None:
    unsigned = Signed.of(tmp_path, SHAPE, 70, signer=None)
    assert unsigned.refusal(UntrustedWriter, unsigned.data) == "segment: is not signed"
    other = Signer(b"o" * 32).public
    foreign = "segment: was signed by none of the writers that may have"
    assert signed.refusal(UntrustedWriter, signed.data, other) == foreign
    assert signed.refusal(Truncated, signed.data[:50]) == "segment: only 50 bytes"
    for at, message in ((0, "segment: not a segment"), (40, "segment: holds another segment")):
        assert signed.refusal(IntegrityError, with_new_footer(flipped(signed.data, at, 0))) == message


def header_of(num_bytes: int | None = None, *, version: int = 1, flags: int = 0, manifest: int = 16) -> SegmentHeader:
    """The header of a segment without chunks, which checks need not refuse."""
    first = align(HEADER.size + manifest)
    total = first + FOOTER.size if num_bytes is None else num_bytes
    fields = (SEGMENT_MAGIC, version, flags, manifest, 0, 0, ID_KEY, ID_KEY, first, first, total, 0)
    return check_segment_header(HEADER.pack(*fields), total, Path(f"{ID_KEY.hex()}.kvs"), subject="segment")


def test_a_header_may_say_what_a_segment_can_hold() -> None:
    assert [header_of(flags=flags).is_signed for flags in (0, 1)] == [False, True]
    assert header_of(manifest=MAX_MANIFEST_BYTES + 16).manifest_bytes == MAX_MANIFEST_BYTES + 16
    smallest = HEADER.size + 16 + FOOTER.size
    cases = [
        ({"num_bytes": smallest}, "segment: header makes no sense"),
        ({"num_bytes": smallest - 1}, f"segment: only {smallest - 1} bytes"),
        ({"manifest": MAX_MANIFEST_BYTES + 17}, "segment: header makes no sense"),
        ({"flags": 2}, "segment: header makes no sense"),
        ({"version": 2}, "segment: format version 2; this kvprep knows 1"),
    ]
    for changes, message in cases:
        with pytest.raises(StoreError, match=f"^{message}$"):
            header_of(**changes)
