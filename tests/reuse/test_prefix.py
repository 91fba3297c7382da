"""What is stored of a prefix: whole blocks, short last blocks, and nothing that is not really there."""

import numpy as np
import pytest
from desk import HEAD, Desk, kv, tokens_of

from kvprep.reuse import Hit, Miss, load, look_up_tokens, replay
from kvprep.reuse.prefix import StoredPrefixes
from kvprep.store.entry import EntryRecord
from kvprep.types import TokenIds

BLOCK = 64


@pytest.fixture
def entry(desk: Desk) -> EntryRecord:
    path = desk.write("lease.txt", HEAD)
    desk.ingest()
    entry = desk.hit(path).entry
    assert entry.num_tokens % BLOCK not in (0, 1, BLOCK - 1)
    return entry


def _asked(desk: Desk, token_ids: TokenIds) -> Hit | Miss:
    return look_up_tokens(desk.namespace, token_ids, desk.files.identity, block_size=BLOCK)


def _reused(desk: Desk, token_ids: TokenIds) -> int:
    found = _asked(desk, token_ids)
    if isinstance(found, Miss):
        return 0
    buffer = load(desk.namespace, found.entry, desk.engine, tokens=found.tokens)
    assert np.array_equal(found.entry.token_ids[: found.tokens], token_ids[: found.tokens])
    assert found.requested == len(token_ids) > found.tokens
    expected = kv(replay(found.entry, desk.engine), found.tokens, found.entry.shape)
    assert kv(buffer, found.tokens, found.entry.shape) == expected
    return found.tokens


def test_a_prompt_that_goes_on_after_a_document_reuses_all_of_it(desk: Desk, entry: EntryRecord) -> None:
    for question in ("?", "What is due, and when? " * 20):
        assert _reused(desk, np.concatenate([entry.token_ids, tokens_of(question)])) == entry.num_tokens


@pytest.mark.parametrize("same", [0, 1, 63, 64, 65, 127, 128, 200])
def test_a_prompt_that_leaves_a_document_reuses_its_whole_blocks(desk: Desk, entry: EntryRecord, same: int) -> None:
    prompt = np.concatenate([entry.token_ids[:same], tokens_of("#" * 300)])
    assert _reused(desk, prompt) == same - same % BLOCK


def test_at_least_one_token_is_left_for_the_engine(desk: Desk, entry: EntryRecord) -> None:
    whole = entry.num_tokens - entry.num_tokens % BLOCK
    assert _reused(desk, entry.token_ids) == whole
    assert _reused(desk, entry.token_ids[:128]) == 64
    assert _reused(desk, entry.token_ids[:64]) == 0
    assert _reused(desk, entry.token_ids[:1]) == 0


def test_the_longest_of_several_documents_is_found(desk: Desk, entry: EntryRecord) -> None:
    desk.write("longer.txt", HEAD + "The rent is due on the first. " * 4)
    desk.ingest()
    longest = max((e for _, e in desk.namespace.all_entries()), key=lambda e: e.num_tokens)
    assert longest.num_tokens > entry.num_tokens
    assert _reused(desk, np.concatenate([longest.token_ids, tokens_of("?")])) == longest.num_tokens
    assert _reused(desk, np.concatenate([entry.token_ids, tokens_of("?")])) >= entry.num_tokens - BLOCK


def test_a_document_shorter_than_a_block_is_found_by_its_tail(desk: Desk) -> None:
    path = desk.write("short.txt", "The rent is 5.")
    desk.ingest()
    short = desk.hit(path).entry
    assert short.num_tokens < BLOCK
    assert _reused(desk, np.concatenate([short.token_ids, tokens_of(" And?")])) == short.num_tokens
    assert _reused(desk, np.concatenate([short.token_ids[:-1], tokens_of("6")])) == 0


def test_a_prefix_whose_segment_is_gone_is_not_counted_on(desk: Desk, entry: EntryRecord) -> None:
    for segment in desk.store.layout.all_files("segments"):
        segment.unlink()
    prefixes = StoredPrefixes(desk.namespace, desk.files.identity, BLOCK)
    assert prefixes.longest(entry.token_ids).num_tokens == 0
    assert isinstance(_asked(desk, np.concatenate([entry.token_ids, tokens_of("?")])), Miss)


def test_a_stored_prefix_is_whole_blocks_or_everything(desk: Desk, entry: EntryRecord) -> None:
    prefixes = StoredPrefixes(desk.namespace, desk.files.identity, BLOCK)
    assert prefixes.longest(entry.token_ids).num_tokens == entry.num_tokens
    longer = np.concatenate([entry.token_ids, tokens_of("and more")])
    assert prefixes.longest(longer).num_tokens == entry.num_tokens - entry.num_tokens % BLOCK
    assert prefixes.longest(tokens_of("Something else " * 20)).num_tokens == 0
