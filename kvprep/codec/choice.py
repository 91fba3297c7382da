"""Whether compressing pays on this machine: fewer bytes to read, more work for each."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kvprep.codec.lossless import Lossless

_FILE_BYTES = 32 << 20
_READ_BYTES = 1 << 20
_CHUNK_NUMBERS = 1 << 17
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Speeds:
    """What was measured here."""

    disk: float
    """Bytes per second from the disk itself, not from the system's memory of it; infinite where that cannot be told."""
    decode: float
    """Bytes of keys and values per second that come out of the decoder, one thread."""
    ratio: float
    """Encoded bytes to bytes."""


def pays(speeds: Speeds) -> bool:
    """Tell whether reading fewer bytes and decoding them takes less time than reading all.

    For each byte, ratio ÷ disk + 1 ÷ decode against 1 ÷ disk: it pays on disks slower than (1 - ratio) × decode.
    """
    return speeds.disk < (1 - speeds.ratio) * speeds.decode


def measure_speeds(folder: Path) -> Speeds:
    """Measure the disk that holds a folder, and this processor on numbers spread as keys and values are.

    Writes a file of 32 MiB there, and removes it.

    Raises:
        OSError: the disk is full, or does not let us.
    """
    codec = Lossless()
    # The exponents of a normal distribution carry 2.5 bits each, those of SmolLM2's keys and values 2.7.
    numbers = np.random.default_rng(0).normal(size=_CHUNK_NUMBERS).astype(np.float32)
    data = (numbers.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    encoded, target = codec.encode(data, "bfloat16") or data, memoryview(bytearray(len(data)))
    decode_s = _fastest(lambda: codec.decode(encoded, "bfloat16", target, subject="sample"))
    return Speeds(disk_speed(folder), len(data) / decode_s, len(encoded) / len(data))


def disk_speed(folder: Path) -> float:
    """Measure how fast the disk of a folder reads what the system's memory does not hold.

    Writes a file of 32 MiB there, and removes it.

    Returns:
        Bytes per second; infinite where that cannot be told.

    Raises:
        OSError: the disk is full, or does not let us.
    """
    if not hasattr(os, "posix_fadvise"):
        return float("inf")
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(os.urandom(_FILE_BYTES))
        file.flush()
        os.fsync(file.fileno())
        return _FILE_BYTES / _fastest(lambda: _read_cold(file.fileno()))


def _read_cold(descriptor: int) -> None:
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    for offset in range(0, _FILE_BYTES, _READ_BYTES):
        os.pread(descriptor, _READ_BYTES, offset)


def _fastest(task: Callable[[], object]) -> float:
    """Give the seconds of the fastest of a few rounds: what disturbs a measurement only makes it longer."""
    seconds = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
