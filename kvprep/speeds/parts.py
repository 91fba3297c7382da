"""The speeds below a load and a store: cipher, hashes, memory, disk."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import xxhash
from blake3 import blake3

from kvprep.codec import disk_speed
from kvprep.store.crypto import TAG_BYTES, Cipher, new_key
from kvprep.store.layout import disk_errors

SAMPLE_BYTES = 32 << 20
_CHUNK_BYTES = 256 << 10
"""As large as a segment's chunks are at most."""


@dataclass(frozen=True, slots=True)
class PartSpeeds:
    """Bytes a second, each the median of its rounds; one thread each."""

    encrypt: float
    decrypt: float
    """Authenticating included, into memory that has been touched: what a load does."""
    blake3: float
    xxh3: float
    memcpy: float
    """What no load can beat."""
    disk_write: float
    """Until the disk says that it has it."""
    disk_read: float | None
    """Past the system's memory; None where that cannot be told. The fastest round: what disturbs makes it slower."""


def measure_parts(folder: Path, *, rounds: int) -> PartSpeeds:
    """Measure on 32 MiB of random bytes.

    Args:
        folder: on the disk that is meant; a file of 32 MiB is written there, and removed.
        rounds: of each.

    Raises:
        StoreFull: the disk has no room.
        StoreError: it does not let us.
    """
    data = memoryview(os.urandom(SAMPLE_BYTES))
    cipher, target = Cipher(new_key()), memoryview(bytearray(SAMPLE_BYTES))
    chunks = [data[at : at + _CHUNK_BYTES] for at in range(0, SAMPLE_BYTES, _CHUNK_BYTES)]
    sealed = [memoryview(bytearray(_CHUNK_BYTES + TAG_BYTES)) for _ in chunks]
    with disk_errors(folder):
        read, write = disk_speed(folder), _speed(lambda: _write(data, folder), rounds)
    return PartSpeeds(
        encrypt=_speed(lambda: _seal(cipher, chunks, sealed), rounds),
        decrypt=_speed(lambda: _open(cipher, sealed, target), rounds),
        blake3=_speed(lambda: blake3(data).digest(), rounds),
        xxh3=_speed(lambda: xxhash.xxh3_128(data).digest(), rounds),
        memcpy=_speed(lambda: _copy(data, target), rounds),
        disk_write=write,
        disk_read=None if read == float("inf") else read,
    )


def _speed(task: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - began)
    return SAMPLE_BYTES / median(seconds)


def _seal(cipher: Cipher, chunks: list[memoryview], sealed: list[memoryview]) -> None:
    # The same nonces in every round: these bytes are random and go nowhere.
    for number, (chunk, target) in enumerate(zip(chunks, sealed, strict=True)):
        cipher.seal_into(number, chunk, b"", target)


def _open(cipher: Cipher, sealed: list[memoryview], target: memoryview) -> None:
    for number, chunk in enumerate(sealed):
        at = number * _CHUNK_BYTES
        cipher.open_into(number, chunk, b"", target[at : at + _CHUNK_BYTES], subject="sample")


def _copy(data: memoryview, target: memoryview) -> None:
    target[:] = data


def _write(data: memoryview, folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        rest = data
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
