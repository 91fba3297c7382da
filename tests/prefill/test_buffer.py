from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from kvprep.prefill.base import KEYS, VALUES
from kvprep.prefill.buffer import TorchBuffer
from kvprep.prefill.models import BLOCK_SIZE
from kvprep.types import CacheShape, LayerShape

SHAPE = CacheShape((LayerShape(2, 8, 4), LayerShape(3, 4, 4)), "bfloat16")
"""Two layers that differ in everything that may differ."""


def _states(layer: LayerShape, num_tokens: int, dtype: str = "bfloat16") -> tuple[torch.Tensor, torch.Tensor]:
    make = torch.Generator().manual_seed(num_tokens)
    sizes = [(1, layer.num_kv_heads, num_tokens, dim) for dim in (layer.key_dim, layer.value_dim)]
    keys, values = (torch.randn(size, generator=make).to(getattr(torch, dtype)) for size in sizes)
    return keys, values


def _append(buffer: TorchBuffer, num_tokens: int) -> None:
    for number, layer in enumerate(buffer.shape.layers):
        buffer.cache.update(*_states(layer, num_tokens, buffer.shape.dtype), number)


def _chunks(shape: CacheShape) -> Iterator[tuple[int, int, int]]:
    for number, layer in enumerate(shape.layers):
        for part in (KEYS, VALUES):
            for head in range(layer.num_kv_heads):
                yield number, part, head


def _all_bytes(buffer: TorchBuffer, end: int) -> list[bytes]:
    return [bytes(buffer.chunk_view(*chunk, 0, end)) for chunk in _chunks(buffer.shape)]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("staged", [False, True])
def test_bytes_taken_out_and_filled_into_another_buffer_are_the_same_numbers(dtype: str, staged: bool) -> None:
    shape = CacheShape(SHAPE.layers, dtype)
    source, target = TorchBuffer(shape, 10, staged=staged), TorchBuffer(shape, 200, staged=staged)
    _append(source, 100)
    with target.filling() as chunk:
        for place in _chunks(shape):
            for start, end in ((64, 100), (0, 64)):
                chunk(*place, start, end)[:] = source.chunk_view(*place, start, end)
    target.set_length(100)
    for before, after in zip(source.layers, target.layers, strict=True):
        assert torch.equal(before.keys, after.keys)
        assert torch.equal(before.values, after.values)


def test_a_chunk_is_one_heads_tokens_in_order_in_the_machines_bytes() -> None:
    buffer = TorchBuffer(SHAPE, 10)
    _append(buffer, 7)
    keys, _ = _states(SHAPE.layers[1], 7)
    expected = keys[0, 2, 3:6].contiguous().view(torch.uint16).numpy()
    assert np.array_equal(np.frombuffer(buffer.chunk_view(1, KEYS, 2, 3, 6), np.uint16).reshape(3, 4), expected)


def test_on_a_cpu_a_chunk_view_is_the_buffers_own_memory() -> None:
    buffer = TorchBuffer(SHAPE, 10)
    _append(buffer, 7)
    buffer.chunk_view(0, VALUES, 1, 2, 3)[:] = bytes(8)
    assert torch.count_nonzero(buffer.layers[0].values[0, 1, 2]) == 0


def test_elsewhere_an_interrupted_fill_changes_nothing() -> None:
    buffer = TorchBuffer(SHAPE, 10, staged=True)
    _append(buffer, 7)
    before = _all_bytes(buffer, 7)
    with pytest.raises(KeyboardInterrupt), buffer.filling() as chunk:
        chunk(0, KEYS, 0, 0, 7)[:] = bytes(7 * 16)
        raise KeyboardInterrupt
    assert _all_bytes(buffer, 7) == before


def test_appending_writes_in_place_and_what_attention_reads_is_a_view() -> None:
    buffer = TorchBuffer(SHAPE, 10)
    memory = buffer.layers[0].memory[KEYS].data_ptr()
    _append(buffer, 7)
    keys, _ = buffer.cache.update(*_states(SHAPE.layers[0], 5), 0)
    assert keys.shape == (1, 2, 12, 8)
    assert keys.data_ptr() == memory
    assert torch.equal(keys[:, :, 7:], _states(SHAPE.layers[0], 5)[0])


def test_memory_grows_by_doubling_in_whole_blocks_and_keeps_its_tokens() -> None:
    buffer = TorchBuffer(SHAPE, 1)
    assert buffer.capacity == BLOCK_SIZE
    _append(buffer, 50)
    before = _all_bytes(buffer, 50)
    _append(buffer, 50)
    assert (buffer.length, buffer.capacity) == (100, 2 * BLOCK_SIZE)
    buffer.reserve(10 * BLOCK_SIZE + 1)
    assert (buffer.length, buffer.capacity) == (100, 11 * BLOCK_SIZE)
    assert _all_bytes(buffer, 50) == before


def test_a_view_taken_before_the_memory_grew_stays_readable() -> None:
    buffer = TorchBuffer(SHAPE, 64)
    _append(buffer, 64)
    view = buffer.chunk_view(0, KEYS, 0, 0, 64)
    before = bytes(view)
    buffer.reserve(1000)
    assert bytes(view) == before


def test_truncating_forgets_the_end_and_keeps_the_start() -> None:
    buffer = TorchBuffer(SHAPE, 64)
    _append(buffer, 40)
    before = _all_bytes(buffer, 10)
    buffer.truncate(10)
    assert (buffer.length, buffer.cache.get_seq_length()) == (10, 10)
    _append(buffer, 3)
    assert buffer.length == 13
    assert _all_bytes(buffer, 10) == before


def test_transformers_ways_to_shorten_a_cache_work_on_a_buffer() -> None:
    buffer = TorchBuffer(SHAPE, 64)
    _append(buffer, 40)
    buffer.cache.crop(-10)
    assert buffer.length == 30
    buffer.cache.reset()
    assert buffer.length == 0


@pytest.mark.parametrize(
    "misuse",
    [
        lambda buffer: buffer.truncate(8),
        lambda buffer: buffer.truncate(-1),
        lambda buffer: buffer.set_length(65),
        lambda buffer: buffer.chunk_view(0, KEYS, 0, 0, 65),
        lambda buffer: buffer.chunk_view(0, KEYS, 0, -1, 5),
        lambda buffer: buffer.chunk_view(0, KEYS, 0, 6, 5),
        lambda buffer: buffer.chunk_view(0, 2, 0, 0, 5),
        lambda buffer: buffer.cache.update(torch.zeros(2, 2, 1, 8), torch.zeros(2, 2, 1, 4), 0),
    ],
)
def test_what_lies_outside_a_buffer_is_refused(misuse: Callable[[TorchBuffer], object]) -> None:
    buffer = TorchBuffer(SHAPE, 64)
    _append(buffer, 7)
    with pytest.raises(ValueError, match=r"capacity|truncate|part|sequence"):
        misuse(buffer)
    assert buffer.length == 7


def test_memory_that_grew_in_inference_mode_can_be_written_to_outside_it() -> None:
    buffer = TorchBuffer(SHAPE, 1, staged=True)
    with torch.inference_mode():
        _append(buffer, 100)
    with buffer.filling() as chunk:
        chunk(0, KEYS, 0, 0, 100)[:] = bytes(1600)
    assert torch.count_nonzero(buffer.layers[0].keys[0, 0]) == 0
