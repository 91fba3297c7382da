"""Bits in, bits out, and fewer bytes between."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvprep.codec import Lossless, Speeds, find_codec, measure_speeds, pays
from kvprep.errors import HashMismatch, UnsupportedFormat

DTYPES = ("bfloat16", "float16", "float32")
ITEMSIZE = {"bfloat16": 2, "float16": 2, "float32": 4}


def numbers(dtype: str, count: int = 4096, seed: int = 0) -> bytes:
    """Numbers spread as keys and values are."""
    drawn = np.random.default_rng(seed).normal(size=count).astype(np.float32)
    if dtype == "bfloat16":
        return (drawn.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    return drawn.astype(dtype).tobytes()


def decoded(encoded: bytes, dtype: str, num_bytes: int) -> bytes:
    target = bytearray(num_bytes)
    Lossless().decode(encoded, dtype, memoryview(target), subject="chunk 0")
    return bytes(target)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_encoded_is_smaller_and_comes_back_bit_for_bit(dtype: str) -> None:
    data = numbers(dtype)
    encoded = Lossless().encode(data, dtype)
    assert encoded is not None
    assert len(encoded) < 0.97 * len(data)
    assert decoded(encoded, dtype, len(data)) == data


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_bit_pattern_survives(dtype: str) -> None:
    """NaNs with a payload, both zeros, infinities, denormal numbers: in 16 bits all there are, in 32 the odd ones."""
    words = np.arange(1 << 16, dtype=np.uint16)
    if dtype == "float32":
        edges = (0, 1, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00001, 0x7FFFFFFF)
        words = np.array([bits | sign for bits in edges for sign in (0, 1 << 31)], dtype=np.uint32)
    data = np.concatenate([words, np.zeros(1 << 20, words.dtype)]).tobytes()  # so long that it is worth encoding
    encoded = Lossless().encode(data, dtype)
    assert encoded is not None
    assert decoded(encoded, dtype, len(data)) == data


@given(st.sampled_from(DTYPES), st.integers(1, 300), st.integers(0, 1 << 30), st.booleans())
def test_any_numbers_survive(dtype: str, count: int, seed: int, is_noise: bool) -> None:
    num_bytes = count * ITEMSIZE[dtype]
    data = np.random.default_rng(seed).bytes(num_bytes) if is_noise else numbers(dtype, count, seed)
    encoded = Lossless().encode(data, dtype)
    assert encoded is None or decoded(encoded, dtype, num_bytes) == data


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_gains_too_little_is_left_alone(dtype: str) -> None:
    assert Lossless().encode(np.random.default_rng(1).bytes(8192), dtype) is None


@pytest.mark.parametrize("cut", [0, 3, 4, 100, -1])
def test_a_chunk_that_is_cut_does_not_decode(cut: int) -> None:
    data = numbers("bfloat16")
    encoded = Lossless().encode(data, "bfloat16")
    assert encoded is not None
    with pytest.raises(HashMismatch, match="chunk 0: does not decode"):
        decoded(encoded[:cut], "bfloat16", len(data))


def test_a_frame_that_announces_more_than_is_due_is_refused_before_memory_is_taken() -> None:
    import zstandard

    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    with pytest.raises(HashMismatch):
        decoded(struct.pack("<I", len(bomb)) + bomb + bytes(4096), "bfloat16", 8192)


def test_an_unknown_codec_is_a_format_that_this_release_does_not_know() -> None:
    assert find_codec("planes-zstd").name == "planes-zstd"
    with pytest.raises(UnsupportedFormat, match="lzma"):
        find_codec("lzma")


def test_compressing_pays_on_slow_disks_only() -> None:
    assert pays(Speeds(disk=0.2e9, decode=2e9, ratio=0.67))
    assert not pays(Speeds(disk=3e9, decode=2e9, ratio=0.67))


def test_speeds_are_measured_and_nothing_is_left_behind(tmp_path: Path) -> None:
    speeds = measure_speeds(tmp_path)
    assert speeds.disk > 0
    assert speeds.decode > 0
    assert 0.6 < speeds.ratio < 0.7
    assert list(tmp_path.iterdir()) == []
