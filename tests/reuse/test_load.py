"""What is loaded is what was computed, bit for bit, and a model goes on from it as from its replay."""

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from desk import HEAD, Desk, greedy, kv, tokens_of
from model_fixtures import SMALL, save_tiny_model
from numpy.typing import NDArray

from kvprep.errors import IntegrityError
from kvprep.prefill.base import Engine, KVBuffer
from kvprep.reuse import Hit, load, look_up_tokens, replay
from kvprep.reuse.load import load_stretches
from kvprep.store.entry import EntryRecord
from kvprep.types import Piece, PrefillCost, TokenIds

DTYPES = ["bfloat16", "float16", "float32"]
_opened: list[str] = []
sys.addaudithook(lambda event, given: _opened.append(str(given[0])) if event == "open" else None)  # stays for good
QUESTION = tokens_of("\n\nWhat is due, and when?\n")


class Recording:
    """An engine that keeps the bytes of every piece that it computes, by the tokens up to its end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.identity, self.shape, self.max_positions = engine.identity, engine.shape, engine.max_positions
        self.pieces: dict[tuple[int, bytes], bytes] = {}

    def new_buffer(self, capacity: int) -> KVBuffer:
        return self._engine.new_buffer(capacity)

    def prefill(self, buffer: KVBuffer, token_ids: TokenIds, pieces: Sequence[Piece]) -> PrefillCost:
        cost = self._engine.prefill(buffer, token_ids, pieces)
        for piece in pieces:
            place = (piece.start, token_ids[: piece.end].tobytes())
            self.pieces[place] = kv(buffer, piece.end, self.shape, piece.start)
        return cost

    def generate(
        self, buffer: KVBuffer, token_ids: TokenIds, *, max_new_tokens: int, eos_token_ids: Collection[int]
    ) -> Iterator[int]:
        return self._engine.generate(buffer, token_ids, max_new_tokens=max_new_tokens, eos_token_ids=eos_token_ids)

    def logits(self, buffer: KVBuffer, token_ids: TokenIds) -> NDArray[np.float32]:
        return self._engine.logits(buffer, token_ids)


def _two_runs(desk: Desk, engine: Engine) -> list[EntryRecord]:
    """Ingest two documents that share a head, then two that leave the first in the middle of its passes."""
    desk.write("one.txt", HEAD + "Amount due: 1,250.00 pounds. " * 12)
    desk.write("two.txt", HEAD + "Nothing is due. " * 30)
    desk.ingest(engine=lambda files: engine)
    desk.write("three.txt", HEAD[:300] + "A third contract ends here.")
    desk.write("four.txt", HEAD + "Amount due: 1,250.00 pounds. " * 6 + "Paid in March." * 30)
    desk.ingest(engine=lambda files: engine)
    return [entry for _, entry in desk.namespace.all_entries()]


@pytest.mark.parametrize("dtype", DTYPES)
def test_loaded_keys_and_values_are_bit_equal_to_what_prefill_produced(
    make_desk: Callable[..., Desk], dtype: str
) -> None:
    desk = make_desk(dtype)
    engine = Recording(desk.engine)
    entries = _two_runs(desk, engine)
    compared = 0
    for entry in entries:
        buffer = load(desk.namespace, entry, engine, tokens=entry.num_tokens)
        for (start, prefix), computed in engine.pieces.items():
            end = len(prefix) // 4
            if entry.token_ids[:end].tobytes() == prefix:
                assert kv(buffer, end, entry.shape, start) == computed
                compared += end - start
    assert compared >= max(entry.num_tokens for entry in entries)


@pytest.mark.parametrize("dtype", DTYPES)
def test_loaded_keys_and_values_and_24_greedy_tokens_equal_the_replay(
    make_desk: Callable[..., Desk], dtype: str
) -> None:
    desk = make_desk(dtype)
    for entry in _two_runs(desk, desk.engine):
        loaded = load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens, room=64)
        replayed = replay(entry, desk.engine, room=64)
        assert loaded.length == replayed.length == entry.num_tokens
        assert kv(loaded, entry.num_tokens, entry.shape) == kv(replayed, entry.num_tokens, entry.shape)
        answer = greedy(desk.engine, loaded, QUESTION)
        assert answer == greedy(desk.engine, replayed, QUESTION)
        assert len(answer) == 24


def _single_pass(desk: Desk, entry: EntryRecord) -> list[int]:
    buffer = desk.engine.new_buffer(entry.num_tokens + 64)
    desk.engine.prefill(buffer, entry.token_ids, [Piece(0, entry.num_tokens)])
    return greedy(desk.engine, buffer, QUESTION)


def test_in_float32_the_answer_equals_the_one_after_a_single_pass(desk: Desk) -> None:
    for entry in _two_runs(desk, desk.engine):
        loaded = load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens, room=64)
        assert greedy(desk.engine, loaded, QUESTION) == _single_pass(desk, entry)


def test_an_entry_is_the_same_in_the_next_process(desk: Desk) -> None:
    path = desk.write("one.txt", HEAD)
    desk.ingest()
    before = kv(_load(desk, path), desk.hit(path).tokens, desk.files.shape)
    desk.reopen()
    assert kv(_load(desk, path), desk.hit(path).tokens, desk.files.shape) == before


def _load(desk: Desk, path: Path) -> KVBuffer:
    found = desk.hit(path)
    return load(desk.namespace, found.entry, desk.engine, tokens=found.tokens)


@pytest.fixture
def wide_desk(make_desk: Callable[..., Desk], tmp_path: Path) -> Desk:
    """A model whose chunks hold two blocks each."""
    settings = {"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 512, "max_position_embeddings": 2048}
    return make_desk(model=save_tiny_model(tmp_path / "wide", "llama", **{**SMALL, **settings}))


def test_a_partial_load_reads_only_the_chunks_that_it_needs(wide_desk: Desk) -> None:
    desk = wide_desk
    path = desk.write("one.txt", HEAD)
    desk.ingest()
    entry = desk.hit(path).entry
    whole = load_stretches(desk.namespace, entry, desk.engine.new_buffer(0), entry.num_tokens)
    part = load_stretches(desk.namespace, entry, desk.engine.new_buffer(0), 128)
    assert 128 * entry.shape.token_bytes <= part < 129 * entry.shape.token_bytes
    assert entry.num_tokens * entry.shape.token_bytes <= whole


def test_a_load_opens_each_segment_once_and_reads_its_bytes_once(desk: Desk) -> None:
    desk.write("one.txt", HEAD + "One. " * 20)
    path = desk.write("two.txt", HEAD + "Two. " * 20)
    desk.ingest()
    entry = desk.hit(path).entry
    _opened.clear()
    num_bytes = load_stretches(desk.namespace, entry, desk.engine.new_buffer(entry.num_tokens), entry.num_tokens)
    segments = [Path(name).name for name in _opened if "segments" in Path(name).parts]
    assert len(segments) == len(set(segments)) == len(entry.stretches) > 1
    assert num_bytes == entry.num_tokens * entry.shape.token_bytes


def test_damage_behind_a_partial_hit_does_not_concern_it(wide_desk: Desk) -> None:
    desk = wide_desk
    path = desk.write("one.txt", HEAD)
    desk.ingest()
    entry = desk.hit(path).entry
    (segment,) = desk.store.layout.all_files("segments")
    data = bytearray(segment.read_bytes())
    data[-5000] ^= 1
    segment.write_bytes(data)
    prompt = np.concatenate([entry.token_ids[:128], tokens_of("and so on")])
    found = look_up_tokens(desk.namespace, prompt, desk.files.identity, block_size=64)
    assert isinstance(found, Hit) and found.tokens == 128 and found.is_partial
    buffer = load(desk.namespace, found.entry, desk.engine, tokens=found.tokens)
    assert kv(buffer, 128, entry.shape) == kv(replay(entry, desk.engine), 128, entry.shape)
    with pytest.raises(IntegrityError):
        load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens)


def test_a_buffer_is_left_with_what_is_sound_before_the_damage(desk: Desk) -> None:
    desk.write("one.txt", HEAD + "One. " * 20)
    path = desk.write("two.txt", HEAD + "Two. " * 20)
    desk.ingest()
    entry = desk.hit(path).entry
    first, *others = entry.stretches
    assert others, "the two share their first stretch"
    segment = desk.store.layout.file("segments", others[-1].segment)
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    buffer = desk.engine.new_buffer(0)
    with pytest.raises(IntegrityError):
        load_stretches(desk.namespace, entry, buffer, entry.num_tokens)
    assert buffer.length == first.last_block * 64
    assert kv(buffer, buffer.length, entry.shape) == kv(replay(entry, desk.engine), buffer.length, entry.shape)


def test_a_buffer_that_held_something_else_is_loaded_bit_equal_and_in_place(desk: Desk) -> None:
    one, other, *_ = sorted(_two_runs(desk, desk.engine), key=lambda entry: -entry.num_tokens)
    buffer = load(desk.namespace, one, desk.engine, tokens=one.num_tokens)
    place = buffer.chunk_view(0, 0, 0, 0, 1)
    assert load(desk.namespace, other, desk.engine, tokens=other.num_tokens, buffer=buffer) is buffer
    assert kv(buffer, buffer.length, other.shape) == kv(replay(other, desk.engine), other.num_tokens, other.shape)
    assert bytes(place) == bytes(buffer.chunk_view(0, 0, 0, 0, 1)), "the same memory"
    assert replay(one, desk.engine, buffer=buffer) is buffer
    assert kv(buffer, buffer.length, one.shape) == kv(replay(one, desk.engine), one.num_tokens, one.shape)


def test_nothing_is_loaded_over_an_answer_that_is_being_given(desk: Desk) -> None:
    entry, *_ = _two_runs(desk, desk.engine)
    buffer = load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens, room=64)
    expected = greedy(desk.engine, buffer, QUESTION)
    answer = desk.engine.generate(buffer, QUESTION, max_new_tokens=24, eos_token_ids=())
    begun = [next(answer)]
    with pytest.raises(RuntimeError, match="in use"):
        load(desk.namespace, entry, desk.engine, tokens=entry.num_tokens, buffer=buffer)
    with pytest.raises(RuntimeError, match="in use"):
        replay(entry, desk.engine, buffer=buffer)
    assert begun + list(answer) == expected
