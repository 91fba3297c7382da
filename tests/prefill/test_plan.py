from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kvprep.hashing import block_hashes
from kvprep.prefill.plan import PIECE_TOKENS, PlannedDocument, cut, plan
from kvprep.types import BlockHash, Piece, TokenIds

BLOCK = 4
ROOT = BlockHash(b"root")

# Few different tokens and short runs of them, so that documents share prefixes, are equal, and end inside blocks.
runs = st.lists(st.sampled_from([1, 2, 70_000]), min_size=1, max_size=5).map(
    lambda picks: [token for pick in picks for token in [pick] * (BLOCK + pick % 3)]
)
documents = st.tuples(runs, st.integers(0, 3)).map(lambda pair: np.array(pair[0][: len(pair[0]) - pair[1]], np.uint32))
batches = st.lists(documents, max_size=8)


def _blocks(tokens: TokenIds) -> list[BlockHash]:
    return block_hashes(ROOT, tokens, BLOCK)


def _store_of(known: list[TokenIds]) -> Callable[[TokenIds], int]:
    """Answer as a store that holds the blocks of `known` would."""
    stored = {block for tokens in known for block in _blocks(tokens)}

    def has(tokens: TokenIds) -> int:
        found = 0
        for block in _blocks(tokens):
            if block not in stored:
                break
            found += 1
        return min(found * BLOCK, len(tokens))

    return has


def _nothing(tokens: TokenIds) -> int:
    return 0


def _block_of(tokens: TokenIds, position: int) -> BlockHash:
    return _blocks(tokens)[position // BLOCK]


@given(batches, batches)
def test_every_distinct_block_that_the_store_lacks_is_computed_once_and_no_other(
    batch: list[TokenIds], known: list[TokenIds]
) -> None:
    has = _store_of(known)
    stored = {block for tokens in known for block in _blocks(tokens)}
    wanted = {block: end - start for tokens in batch for block, start, end in _ranges(tokens) if block not in stored}
    computed = [s for planned in plan(batch, BLOCK, has) for s in planned.stretches]
    assert sum(stretch.end - stretch.start for stretch in computed) == sum(wanted.values())
    found = [block for s in computed for block, start, _ in _ranges(batch[s.document]) if s.start <= start < s.end]
    assert len(found) == len(set(found))
    assert set(found) == set(wanted)


def _ranges(tokens: TokenIds) -> list[tuple[BlockHash, int, int]]:
    return [
        (block, number * BLOCK, min((number + 1) * BLOCK, len(tokens))) for number, block in enumerate(_blocks(tokens))
    ]


@given(batches, batches)
def test_each_document_is_covered_by_what_the_store_has_and_whole_stretches_in_order(
    batch: list[TokenIds], known: list[TokenIds]
) -> None:
    planned = plan(batch, BLOCK, _store_of(known))
    assert sorted(document.index for document in planned) == list(range(len(batch)))
    for document in planned:
        tokens = batch[document.index]
        reached = document.stored
        for stretch in document.cover:
            assert stretch.start == reached
            assert np.array_equal(batch[stretch.document][: stretch.end], tokens[: stretch.end])
            reached = stretch.end
        assert reached == len(tokens)
        assert document.cover[len(document.cover) - len(document.stretches) :] == document.stretches


@given(batches)
def test_stretches_are_cut_at_every_branch_point_and_nowhere_else(batch: list[TokenIds]) -> None:
    for document in plan(batch, BLOCK, _nothing):
        tokens = batch[document.index]
        branches = {_shared_blocks(tokens, other) for other in batch} - {0, len(tokens)}
        assert {stretch.end for stretch in document.cover} - {len(tokens)} == branches


def _shared_blocks(left: TokenIds, right: TokenIds) -> int:
    shared = [end for (block, _, end), other in zip(_ranges(left), _blocks(right), strict=False) if block == other]
    return max(shared, default=0)


@given(batches, batches)
def test_what_the_buffer_holds_is_never_loaded_again_and_what_it_lacks_was_stored_before(
    batch: list[TokenIds], known: list[TokenIds]
) -> None:
    buffer = np.zeros(0, np.uint32)
    for document in plan(batch, BLOCK, _store_of(known)):
        tokens = batch[document.index]
        assert document.held == _shared_blocks(tokens, buffer)
        assert document.start == max(document.shared, document.stored)
        assert document.held == document.start or document.start == document.stored
        if document.stretches:
            buffer = tokens


@given(batches, st.lists(st.integers(0, 6), min_size=8, max_size=8))
def test_a_store_that_changes_its_mind_between_documents_leaves_no_gap(
    batch: list[TokenIds], answers: list[int]
) -> None:
    """An entry may be invalidated, or expire, while the plan is made."""
    remaining = iter(answers)
    for document in plan(batch, BLOCK, lambda tokens: min(next(remaining) * BLOCK, len(tokens))):
        edges = [document.stored, *(stretch.end for stretch in document.cover)]
        assert [stretch.start for stretch in document.cover] == edges[:-1]
        assert edges[-1] == len(batch[document.index])


def test_equal_documents_are_computed_once_down_to_their_short_last_block() -> None:
    first, second = plan([np.arange(10, dtype=np.uint32)] * 2, BLOCK, _nothing)
    assert (first.start, second.start) == (0, 10)
    assert second.stretches == ()
    assert second.cover == first.stretches


def test_a_document_that_starts_with_another_shares_its_whole_blocks_only() -> None:
    shorter, longer = plan([np.arange(20, dtype=np.uint32), np.arange(10, dtype=np.uint32)], BLOCK, _nothing)
    assert (shorter.index, longer.index) == (1, 0)
    assert longer.shared == longer.held == longer.start == 8
    assert [stretch.end for stretch in longer.cover] == [8, 20]


def test_a_document_that_is_stored_whole_leaves_the_buffer_to_its_neighbours() -> None:
    head = list(range(8))
    batch = [np.array([*head, *tail], np.uint32) for tail in ([1] * 8, [2] * 8, [3] * 8)]
    first, second, third = plan(batch, BLOCK, _store_of([batch[1]]))
    assert (second.stretches, second.stored) == ((), 16)
    assert (first.stored, third.held, third.start) == (8, 8, 8)


def test_a_document_with_nothing_to_compute_asks_for_nothing() -> None:
    assert plan([], BLOCK, _nothing) == []
    (empty,) = plan([np.zeros(0, np.uint32)], BLOCK, _nothing)
    assert empty == PlannedDocument(index=0, shared=0, stored=0, held=0, start=0, stretches=(), cover=())


@given(st.integers(0, 3000), st.integers(1, 3000))
def test_pieces_follow_one_another_and_end_at_multiples_of_their_length(start: int, num_tokens: int) -> None:
    end = start + num_tokens
    pieces = cut(start, end)
    assert pieces[0].start == start
    assert pieces[-1].end == end
    assert all(before.end == after.start for before, after in zip(pieces, pieces[1:], strict=False))
    assert all(piece.end % PIECE_TOKENS == 0 for piece in pieces[:-1])
    assert all(0 < piece.end - piece.start <= PIECE_TOKENS for piece in pieces)


def test_pieces_do_not_depend_on_where_a_document_was_taken_up() -> None:
    assert cut(0, 1200) == (Piece(0, 512), Piece(512, 1024), Piece(1024, 1200))
    assert cut(640, 1200) == (Piece(640, 1024), Piece(1024, 1200))
    assert cut(7, 7) == ()
