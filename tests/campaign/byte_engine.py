"""An engine that computes nothing: keys and values are bytes drawn from the tokens."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np

from kvprep.prefill.lending import Loan
from kvprep.prefill.models import ModelFiles
from kvprep.types import CacheShape, Piece, PrefillCost, TokenIds


class ByteBuffer:
    """A head-major buffer in numpy's memory."""

    def __init__(self, shape: CacheShape, capacity: int) -> None:
        self.capacity, self.length = capacity, 0
        self.runs = {
            (layer, part): np.zeros((heads.num_kv_heads, capacity, dim * shape.itemsize), np.uint8)
            for layer, heads in enumerate(shape.layers)
            for part, dim in enumerate((heads.key_dim, heads.value_dim))
        }
        layer, part = max(self.runs)
        self.last = (layer, part, len(self.runs[layer, part]) - 1)

    def truncate(self, length: int) -> None:
        self.length = length

    set_length = truncate

    def chunk_view(self, layer: int, part: int, head: int, start: int, end: int) -> memoryview:
        return memoryview(self.runs[layer, part][head, start:end].reshape(-1))

    def lend(self, start: int, end: int) -> Loan:
        return Loan(self.chunk_view, start, end, self.last)

    @contextmanager
    def filling(self) -> Iterator[Callable[[int, int, int, int, int], memoryview]]:
        yield self.chunk_view


class ByteEngine:
    """Notes every prefill in a file before it does it."""

    def __init__(self, files: ModelFiles, notes: Path, during: Callable[[], None]) -> None:
        self.shape, self.during = files.shape, during
        self.notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def new_buffer(self, capacity: int) -> ByteBuffer:
        return ByteBuffer(self.shape, capacity)

    def prefill(self, buffer: ByteBuffer, token_ids: TokenIds, pieces: Sequence[Piece]) -> PrefillCost:
        for piece in pieces:
            prefix = sha256(token_ids[: piece.end].tobytes()).hexdigest()
            os.write(self.notes, f"{prefix} {piece.start} {piece.end}\n".encode())
            self.during()
            for run in buffer.runs.values():
                run[:, piece.start : piece.end] = token_ids[piece.start : piece.end, None].astype(np.uint8)
            buffer.truncate(piece.end)
        return PrefillCost(pieces[-1].end - pieces[0].start, 0.01, 1.0)
