"""What to compute, in which order, so that no token of a batch goes through the model twice. Pure Python.

Sorted by tokens, the documents of a batch come in the order of a depth-first walk of their prefix tree, and the
longest prefix that one shares with any before it is what it shares with its neighbour.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kvprep.types import Piece, TokenIds

PIECE_TOKENS = 512
"""Pieces are cut at multiples of this position: long enough to fill the processor, short enough for its memory."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens [start, end) of the prefix tree between two branch points: what becomes one segment."""

    document: int
    """Index of the document that computes it, in the caller's list."""
    start: int
    end: int
    pieces: tuple[Piece, ...]
    """Cut [start, end) into forward passes."""


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """One document's turn. The steps: truncate the buffer to `held`, load [held, start), compute `stretches`.

    A document with nothing to compute leaves the buffer alone.
    """

    index: int
    """In the caller's list."""
    shared: int
    """Tokens of the blocks in common with the document before it in this order."""
    stored: int
    """Tokens that the store had before this batch."""
    held: int
    """Tokens of this document that the buffer holds when its turn comes."""
    start: int
    """First token to compute; all before it are stored, or computed by an earlier document of the batch."""
    stretches: tuple[Stretch, ...]
    """To compute, in order: [start, number of tokens)."""
    cover: tuple[Stretch, ...]
    """Computed in this batch, by this document or earlier ones, in order: [stored, number of tokens)."""


def plan(token_lists: Sequence[TokenIds], block_size: int, has: Callable[[TokenIds], int]) -> list[PlannedDocument]:
    """Order documents, and say what each must compute.

    Args:
        token_lists: the documents' tokens, each of shape (num_tokens,).
        block_size: tokens of a block; only whole blocks are shared, and the last block of equal documents.
        has: how many tokens of a document's prefix the store has, a multiple of `block_size` or all of them.

    Returns:
        One for each document, in the order of computing. The tokens of their stretches are the tokens of the
        batch's distinct blocks that the store lacks, each once.
    """
    order = sorted(range(len(token_lists)), key=lambda index: _sort_key(token_lists[index]))
    ordered = [token_lists[index] for index in order]
    shared = [0, *(_common(left, right, block_size) for left, right in pairwise(ordered))][: len(order)]
    stored = _agreed([has(tokens) for tokens in ordered], shared)
    return list(_walk(order, [len(tokens) for tokens in ordered], shared, stored))


def cut(start: int, end: int) -> tuple[Piece, ...]:
    """Cut tokens [start, end) into pieces."""
    edges = [start, *range((start // PIECE_TOKENS + 1) * PIECE_TOKENS, end, PIECE_TOKENS), end]
    return tuple(Piece(left, right) for left, right in pairwise(edges) if left < right)


def _sort_key(tokens: TokenIds) -> bytes:
    """Big-endian bytes compare as the numbers do."""
    return np.ascontiguousarray(tokens, dtype=">u4").tobytes()


def _common(left: TokenIds, right: TokenIds, block_size: int) -> int:
    """Count the tokens of the blocks that two documents share."""
    shorter = min(len(left), len(right))
    differing = np.flatnonzero(left[:shorter] != right[:shorter])
    common = int(differing[0]) if len(differing) else shorter
    is_same = common == len(left) == len(right)
    return common if is_same else common - common % block_size


def _agreed(stored: list[int], shared: Sequence[int]) -> list[int]:
    """Let every document know what the store said of its prefix when it was asked for another one."""
    agreed = list(stored)
    for i in range(1, len(agreed)):
        agreed[i] = max(agreed[i], min(agreed[i - 1], shared[i]))
    for i in reversed(range(1, len(agreed))):
        agreed[i - 1] = max(agreed[i - 1], min(agreed[i], shared[i]))
    return agreed


def _walk(
    order: Sequence[int], lengths: Sequence[int], shared: Sequence[int], stored: Sequence[int]
) -> Iterator[PlannedDocument]:
    held = 0
    cover: tuple[Stretch, ...] = ()
    for i, index in enumerate(order):
        held = min(held, shared[i])
        start = max(stored[i], shared[i])
        edges = _branch_points(i, start, lengths[i], shared)
        stretches = tuple(Stretch(index, left, right, cut(left, right)) for left, right in pairwise(edges))
        inherited = (stretch for stretch in cover if stored[i] <= stretch.start and stretch.end <= shared[i])
        cover = (*inherited, *stretches)
        yield PlannedDocument(index, shared[i], stored[i], held, start, stretches, cover)
        if stretches:
            held = lengths[i]


def _branch_points(i: int, start: int, end: int, shared: Sequence[int]) -> list[int]:
    """List, between `start` and `end`, where later documents leave the path of document `i`; both ends included."""
    points = {start, end}
    nearest = end
    for later in range(i + 1, len(shared)):
        nearest = min(nearest, shared[later])
        if nearest <= start:
            break
        points.add(nearest)
    return sorted(points)
