import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from store_makers import (
    BLOCK,
    ID_KEY,
    SHAPE,
    TINY,
    Memory,
    changed,
    flipped,
    manifest_of,
    tokens,
    with_new_footer,
    write,
)

from kvprep.codec import Lossless, find_codec
from kvprep.errors import (
    AuthenticationFailed,
    DanglingEntry,
    HashMismatch,
    IntegrityError,
    StoreError,
    UnsupportedFormat,
    UntrustedWriter,
)
from kvprep.hashing import key_commitment, keyed_id
from kvprep.store.crypto import Cipher
from kvprep.store.envelope import FOOTER
from kvprep.store.manifest import CHUNK_BYTES, chunk_tokens_for, chunks_of, manifest_to_bytes
from kvprep.store.sealing import SealedSegment, seal_segment
from kvprep.store.segment import SegmentReader
from kvprep.store.segmentheader import (
    DIGEST,
    HEADER,
    MAX_MANIFEST_BYTES,
    align,
    check_segment_header,
    check_segment_signature,
)
from kvprep.store.signing import SIGNATURE_BYTES, Signer
from kvprep.types import CacheShape, LayerShape


def reader(path: Path, sealed: SealedSegment) -> SegmentReader:
    return SegmentReader(path, sealed.data_key, subject="segment")


def load(path: Path, sealed: SealedSegment, end: int) -> list[bytes]:
    with reader(path, sealed) as opened:
        memory = Memory(opened.manifest.shape, opened.chunk_end(end))
        opened.load(end, memory.place, find_codec)
        return memory.first(end)


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[Path, SealedSegment, Memory]:
    """Two chunks each of keys and values, the last block short."""
    memory = Memory(TINY, 70, seed=1)
    sealed = seal_segment(manifest_of(70, TINY), ID_KEY, memory.place)
    return write(tmp_path, sealed), sealed, memory


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 200])
@pytest.mark.parametrize("chunk_tokens", [64, 128, 1024])
def test_what_is_sealed_is_what_loads_bit_for_bit(tmp_path: Path, dtype: str, count: int, chunk_tokens: int) -> None:
    shape = replace(SHAPE, dtype=dtype)
    memory = Memory(shape, count, seed=2)
    sealed = seal_segment(manifest_of(count, shape, chunk_tokens=chunk_tokens), ID_KEY, memory.place)
    path = write(tmp_path, sealed)
    assert path.stat().st_size == sealed.num_bytes
    assert load(path, sealed, count) == memory.first(count)
    with reader(path, sealed) as opened:
        assert opened.check() == 6 * -(-count // chunk_tokens)


def test_a_part_is_loaded_up_to_the_end_of_its_group(tmp_path: Path) -> None:
    memory = Memory(SHAPE, 200, seed=2)
    sealed = seal_segment(manifest_of(200, SHAPE), ID_KEY, memory.place)
    path = write(tmp_path, sealed)
    with reader(path, sealed) as opened:
        assert [opened.chunk_end(end) for end in (1, 64, 65, 193, 200)] == [64, 64, 128, 200, 200]
        for end, loaded in ((64, 64), (65, 128)):
            assert opened.load(end, Memory(SHAPE, 128).place, find_codec) == loaded * SHAPE.token_bytes
    assert load(path, sealed, 65) == memory.first(65)


def test_a_segment_inside_a_prefix_lands_at_its_own_tokens(tmp_path: Path) -> None:
    memory = Memory(SHAPE, 300, seed=3)
    sealed = seal_segment(manifest_of(172, SHAPE, first_block=2), ID_KEY, memory.place)
    path = write(tmp_path, sealed)
    target = Memory(SHAPE, 300)
    with reader(path, sealed) as opened:
        opened.load(300, target.place, find_codec)
    for key, run in target.runs.items():
        assert not run[:, :128].any()
        assert (run[:, 128:] == memory.runs[key][:, 128:]).all()


def test_every_flipped_bit_is_found_and_nothing_wrong_is_loaded(tiny: tuple[Path, SealedSegment, Memory]) -> None:
    path, sealed, memory = tiny
    data, right = path.read_bytes(), memory.first(70)
    for at in range(len(data)):
        for bit in range(8) if at < 128 else (at % 8,):
            path.write_bytes(flipped(data, at, bit))
            with pytest.raises(StoreError), reader(path, sealed) as opened:
                opened.check()
            try:
                assert load(path, sealed, 70) == right
            except StoreError:
                continue


def test_every_flipped_byte_is_found_though_the_checksum_is_mended(tiny: tuple[Path, SealedSegment, Memory]) -> None:
    path, sealed, _ = tiny
    data = path.read_bytes()
    for at in range(0, len(data) - FOOTER.size, 3):
        path.write_bytes(with_new_footer(flipped(data, at, at % 8)))
        with pytest.raises(StoreError), reader(path, sealed) as opened:
            opened.check()


def test_a_cut_anywhere_is_found(tiny: tuple[Path, SealedSegment, Memory]) -> None:
    path, sealed, _ = tiny
    data = path.read_bytes()
    ends = range(len(data) - FOOTER.size - 34, len(data))
    for length in (*range(130), *range(130, len(data), 13), *ends):
        path.write_bytes(data[:length])
        with pytest.raises(IntegrityError):
            reader(path, sealed)
    path.write_bytes(data + bytes(64))
    with pytest.raises(IntegrityError):
        reader(path, sealed)


def chunk_ranges(path: Path, sealed: SealedSegment) -> list[tuple[int, int]]:
    with reader(path, sealed) as opened:
        return [(at, at + chunk.stored_bytes + 16) for at, chunk in zip(opened._offsets, opened.chunks, strict=False)]


def with_piece(data: bytes, where: tuple[int, int], piece: bytes) -> bytes:
    return with_new_footer(data[: where[0]] + piece + data[where[1] :])


def test_no_chunk_opens_at_another_place_of_its_segment(tmp_path: Path) -> None:
    memory = Memory(SHAPE, 128, seed=4)
    sealed = seal_segment(manifest_of(128, SHAPE), ID_KEY, memory.place)
    path = write(tmp_path, sealed)
    data, ranges = path.read_bytes(), chunk_ranges(path, sealed)
    tried = 0
    for one in ranges:
        for other in ranges:
            if one != other and one[1] - one[0] == other[1] - other[0]:
                tried += 1
                with (
                    changed(path, with_piece(data, one, data[other[0] : other[1]])),
                    pytest.raises(AuthenticationFailed),
                ):
                    load(path, sealed, 128)
    assert tried > 50


def test_no_chunk_opens_in_another_segment(tmp_path: Path) -> None:
    memory = Memory(SHAPE, 128, seed=4)
    one, two = (seal_segment(manifest_of(128, SHAPE), ID_KEY, memory.place) for _ in range(2))
    first, second = write(tmp_path, one), write(tmp_path, two)
    theirs = second.read_bytes()
    for where in chunk_ranges(first, one):
        with changed(first, with_piece(first.read_bytes(), where, theirs[where[0] : where[1]])):
            with pytest.raises(AuthenticationFailed):
                load(first, one, 128)


def test_two_sealings_share_neither_key_nor_name() -> None:
    memory = Memory(TINY, 64, seed=4)
    one, two = (seal_segment(manifest_of(64, TINY), ID_KEY, memory.place) for _ in range(2))
    assert one.data_key != two.data_key
    assert one.ident != two.ident


def test_a_manifest_that_no_reader_would_take_is_not_sealed() -> None:
    large = replace(manifest_of(70, TINY), codec="p" * MAX_MANIFEST_BYTES, stored_bytes=(1,) * 4)
    with pytest.raises(IntegrityError, match="^segment: manifest too large$"):
        seal_segment(large, ID_KEY, Memory(TINY, 70).place)


def test_a_segment_is_named_by_where_it_stands_what_it_ends_in_and_its_key() -> None:
    """Under a key of its namespace: a name that could be computed without would tell of a text that can be guessed."""
    manifest = manifest_of(70, TINY, first_block=1)
    sealed = seal_segment(manifest, ID_KEY, Memory(TINY, 134, seed=4).place)
    parts = manifest.parent, manifest.block_hashes[-1], key_commitment(sealed.data_key)
    assert sealed.ident == keyed_id(ID_KEY, "segment", *parts)
    assert sealed.ident != keyed_id(b"j" * 32, "segment", *parts)


def test_a_swapped_segment_is_refused(tiny: tuple[Path, SealedSegment, Memory], tmp_path: Path) -> None:
    path, sealed, memory = tiny
    other = seal_segment(manifest_of(70, TINY), ID_KEY, memory.place)
    renamed = path.with_name(f"{'0' * 64}.kvs")
    renamed.write_bytes(path.read_bytes())
    write(tmp_path, other).replace(path)
    with pytest.raises(IntegrityError):
        reader(path, sealed)
    with pytest.raises(IntegrityError, match="^segment: holds another segment$"):
        reader(renamed, sealed)


def test_another_data_key_is_refused(tiny: tuple[Path, SealedSegment, Memory]) -> None:
    path, sealed, _ = tiny
    with pytest.raises(AuthenticationFailed, match="^segment: "):
        SegmentReader(path, b"x" * 32, subject="segment")


def test_a_missing_file_dangles(tiny: tuple[Path, SealedSegment, Memory]) -> None:
    path, sealed, _ = tiny
    path.unlink()
    with pytest.raises(DanglingEntry, match="^segment: missing$") as caught:
        reader(path, sealed)
    assert caught.value.hint == "Ingest the document again."


def test_a_manifest_whose_hashes_are_not_those_of_its_tokens_is_found(tmp_path: Path) -> None:
    manifest = manifest_of(70, TINY)
    lying = replace(manifest, token_ids=tokens(70, seed=9))
    sealed = seal_segment(lying, ID_KEY, Memory(TINY, 70, seed=1).place)
    with reader(write(tmp_path, sealed), sealed) as opened, pytest.raises(HashMismatch):
        opened.check()


@pytest.mark.parametrize(("dim", "expected"), [(64, 2048), (128, 1024), (576, 192), (4096, 64)])
def test_a_chunk_is_at_most_256_kib_of_whole_blocks(dim: int, expected: int) -> None:
    shape = CacheShape((LayerShape(8, dim, 64),), "bfloat16")
    chosen = chunk_tokens_for(shape, BLOCK)
    assert chosen == expected
    assert chosen == BLOCK or chosen * dim * 2 <= CHUNK_BYTES


def test_a_segment_is_sealed_once() -> None:
    sealed = seal_segment(manifest_of(70, TINY), ID_KEY, Memory(TINY, 70, seed=1).place)
    assert sum(len(part) for part in sealed.take_parts()) == sealed.num_bytes
    with pytest.raises(RuntimeError, match="^a segment can be sealed once only$"):
        sealed.take_parts()


@pytest.mark.parametrize("codec", [None, Lossless()])
def test_each_run_is_asked_for_once_in_file_order_and_only_one_is_held(tmp_path: Path, codec: Lossless | None) -> None:
    memory, asked, shown = with_few_exponents(Memory(SHAPE, 200, seed=2)), [], memoryview(bytearray(64 * 64))

    def place(*where: int) -> memoryview:
        asked.append(where)
        run = memory.place(*where)
        shown[: len(run)] = run
        return shown[: len(run)]

    manifest = manifest_of(200, SHAPE)
    sealed = seal_segment(manifest, ID_KEY, place, codec)
    path = write(tmp_path, sealed)
    assert asked == [chunk.place for chunk in chunks_of(manifest)]
    assert load(path, sealed, 200) == memory.first(200)


def test_sealing_takes_memory_for_one_chunk_not_for_the_segment(tmp_path: Path) -> None:
    shape = CacheShape((LayerShape(2, 64, 64),) * 16, "bfloat16")
    memory = Memory(shape, 512, seed=1)
    sealed = seal_segment(manifest_of(512, shape, chunk_tokens=512), ID_KEY, memory.place)
    tracemalloc.start()
    write(tmp_path, sealed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sealed.num_bytes > 4 << 20
    assert peak < 2 * 512 * 64 * 2


class Odd(Lossless):
    """Encodes every second chunk, as if the others gained too little."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0

    def encode(self, data: object, dtype: str) -> bytes | None:
        self.turn += 1
        return super().encode(data, dtype) if self.turn % 2 else None


def with_few_exponents(memory: Memory, itemsize: int = 2) -> Memory:
    """Make numbers that a codec can make smaller, as those of a model are: their high bytes take four values."""
    for run in memory.runs.values():
        run[..., itemsize - 1 :: itemsize] &= 3
    return memory


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("count", [1, 64, 65, 200])
@pytest.mark.parametrize("codec", [Lossless, Odd])
def test_what_a_codec_made_smaller_loads_bit_for_bit(
    tmp_path: Path, dtype: str, count: int, codec: type[Lossless]
) -> None:
    shape = replace(SHAPE, dtype=dtype)
    memory = with_few_exponents(Memory(shape, count, seed=2), shape.itemsize)
    plain = seal_segment(manifest_of(count, shape), ID_KEY, memory.place)
    sealed = seal_segment(manifest_of(count, shape), ID_KEY, memory.place, codec())
    path = write(tmp_path, sealed)
    assert load(path, sealed, count) == memory.first(count)
    with reader(path, sealed) as opened:
        assert opened.check() == 6 * -(-count // BLOCK)
        assert any(chunk.is_encoded for chunk in opened.chunks) or count == 1
    assert count < 64 or sealed.num_bytes < plain.num_bytes


def test_an_encoded_segment_is_found_damaged_by_any_flipped_byte(tmp_path: Path) -> None:
    memory = with_few_exponents(Memory(TINY, 70, seed=1))
    sealed = seal_segment(manifest_of(70, TINY), ID_KEY, memory.place, Lossless())
    path = write(tmp_path, sealed)
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(flipped(data, at, at % 8))
        with pytest.raises(StoreError), reader(path, sealed) as opened:
            opened.check()


def test_a_codec_of_a_later_release_is_an_unsupported_format(tmp_path: Path) -> None:
    memory = with_few_exponents(Memory(TINY, 70, seed=1))
    later = Lossless()
    later.name = "planes-next"
    sealed = seal_segment(manifest_of(70, TINY), ID_KEY, memory.place, later)
    path = write(tmp_path, sealed)
    with pytest.raises(UnsupportedFormat, match="planes-next"):
        load(path, sealed, 70)


class Stubborn(Lossless):
    """Decodes nothing."""

    def decode(self, data: object, dtype: str, target: memoryview, *, subject: str) -> None:
        raise IntegrityError(f"{subject}: cannot be decoded")


def test_a_chunk_that_its_codec_cannot_decode_is_named(tmp_path: Path) -> None:
    memory = with_few_exponents(Memory(TINY, 70, seed=1))
    sealed = seal_segment(manifest_of(70, TINY), ID_KEY, memory.place, Odd())
    with reader(write(tmp_path, sealed), sealed) as opened:
        with pytest.raises(IntegrityError, match="^segment: chunk 0: cannot be decoded$"):
            opened.load(70, memory.place, lambda name: Stubborn())


@pytest.mark.parametrize("sizes", [(), (1,), (0,) * 8, (1 << 40,) * 8])
def test_chunk_sizes_that_make_no_sense_are_refused(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """Sealed by us all the same: whoever holds the key may still write nonsense."""
    manifest = replace(manifest_of(70, TINY), codec="planes-zstd", stored_bytes=sizes)
    with pytest.raises((ValueError, AuthenticationFailed)):
        seal_segment(manifest, ID_KEY, Memory(TINY, 70).place)


def test_a_signed_segment_with_a_codec_loads_and_is_checked_without_a_key(tmp_path: Path) -> None:
    signer, memory = Signer(b"s" * 32), Memory(SHAPE, 200)
    sealed = seal_segment(manifest_of(200, SHAPE), ID_KEY, memory.place, Lossless(), signer)
    assert sealed.manifest.writer == signer.public and sealed.manifest.stored_bytes
    path, loaded = write(tmp_path, sealed), Memory(SHAPE, 4096)
    with SegmentReader(path, sealed.data_key, subject="segment", trusted=[signer.public]) as opened:
        opened.load(200, loaded.place, find_codec)
        assert opened.check() == len(opened.chunks)
    assert loaded.first(200) == memory.first(200)
    assert check_segment_signature(path.read_bytes(), [signer.public], path, subject="segment") == len(opened.chunks)
    with pytest.raises(UntrustedWriter):
        SegmentReader(path, sealed.data_key, subject="segment", trusted=[])


def test_a_segment_that_begins_within_a_prefix_rounds_up_from_its_own_first_token(tmp_path: Path) -> None:
    memory = Memory(TINY, 3 * BLOCK, seed=1)
    sealed = seal_segment(manifest_of(70, TINY, first_block=1), ID_KEY, memory.place)
    with reader(write(tmp_path, sealed), sealed) as opened:
        ends = [BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1, 2 * BLOCK + 6]
        assert [opened.chunk_end(end) for end in ends] == [2 * BLOCK, 2 * BLOCK, BLOCK + 70, BLOCK + 70]


def test_nothing_hides_in_the_padding(tiny: tuple[Path, SealedSegment, Memory]) -> None:
    path, sealed, _ = tiny
    data = path.read_bytes()
    with reader(path, sealed) as opened:
        header = check_segment_header(data, len(data), path, subject="segment")
        ends = [header.manifest_end]
        for chunk, (size, _) in zip(
            opened.chunks, DIGEST.iter_unpack(data[header.digests_at : header.digests_end]), strict=True
        ):
            assert size == chunk.stored_bytes + 16
            ends.append(align(ends[-1]) + size)
    places = [at for end in ends for at in (end, align(end) - 1) if end % 64]
    assert len(places) > 6
    for at in places:
        with changed(path, with_new_footer(flipped(data, at, 0))), reader(path, sealed) as opened:
            with pytest.raises(IntegrityError, match="^segment: padding is not zero$"):
                opened.check()


@pytest.mark.parametrize("signer", [None, Signer(b"s" * 32)], ids=("unsigned", "signed"))
def test_a_changed_signature_is_found_even_where_nobody_asks_who_signed(tmp_path: Path, signer: Signer | None) -> None:
    memory = Memory(TINY, 70)
    sealed = seal_segment(manifest_of(70, TINY), ID_KEY, memory.place, signer=signer)
    path = write(tmp_path, sealed)
    data = path.read_bytes()
    for at in range(len(data) - FOOTER.size, len(data) - FOOTER.size + SIGNATURE_BYTES):
        with changed(path, with_new_footer(flipped(data, at, 3))), reader(path, sealed) as opened:
            with pytest.raises(IntegrityError, match=r"^segment: (was signed by none|its header and its signature)"):
                opened.check()


def test_block_hashes_that_are_not_those_of_the_tokens_are_found(tmp_path: Path) -> None:
    memory, right = Memory(TINY, 70, seed=1), manifest_of(70, TINY)
    wrong = replace(right, block_hashes=(right.block_hashes[1], right.block_hashes[1]))
    sealed = seal_segment(wrong, ID_KEY, memory.place)
    with reader(write(tmp_path, sealed), sealed) as opened:
        with pytest.raises(HashMismatch, match="^segment: block hash differs$"):
            opened.check()


def test_a_changed_digest_is_named_by_its_chunk(tiny: tuple[Path, SealedSegment, Memory]) -> None:
    path, sealed, _ = tiny
    data = path.read_bytes()
    at = check_segment_header(data, len(data), path, subject="segment").digests_at + DIGEST.size
    with changed(path, with_new_footer(flipped(data, at + 9, 0))), reader(path, sealed) as opened:
        with pytest.raises(HashMismatch, match="^segment: digest of chunk 1 differs$"):
            opened.check()


def test_heads_beyond_number_take_no_memory(tmp_path: Path) -> None:
    memory, one_head = Memory(TINY, 70, seed=1), manifest_of(70, TINY)
    sealed = seal_segment(one_head, ID_KEY, memory.place)
    path = write(tmp_path, sealed)
    data = path.read_bytes()
    hostile = replace(one_head, shape=CacheShape((LayerShape(1 << 40, 2, 2),), "bfloat16"))
    body = manifest_to_bytes(hostile)
    fields = list(HEADER.unpack(data[: HEADER.size]))
    moved = align(HEADER.size + len(body) + 16) - fields[8]
    fields[3] = len(body) + 16
    fields[8:11] = [fields[8] + moved, fields[9] + moved, len(data) + moved]
    header = HEADER.pack(*fields)
    start = header + Cipher(sealed.data_key).seal(0, body, header)
    padded = start + bytes(fields[8] - len(start)) + data[fields[8] - moved :]
    path.write_bytes(with_new_footer(padded))
    with pytest.raises(AuthenticationFailed, match="^segment: number of chunks differs from the header$"):
        reader(path, sealed)
