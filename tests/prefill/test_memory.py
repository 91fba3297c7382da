import mmap
import sys

import numpy as np
import pytest
import torch

from kvprep.prefill.buffer import TorchBuffer
from kvprep.prefill.memory import HostMemory
from kvprep.types import CacheShape, LayerShape

SHAPE = CacheShape((LayerShape(2, 64, 32), LayerShape(3, 32, 32)), "bfloat16")
CAPACITY = 6400

linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc what is in memory")


def _resident(memory: HostMemory) -> int:
    """Bytes of the pages that the system has handed out."""
    page = mmap.PAGESIZE
    with open("/proc/self/pagemap", "rb") as file:
        file.seek(memory.tensor().data_ptr() // page * 8)
        pages = np.frombuffer(file.read(memory.num_bytes // page * 8), dtype=np.uint64)
    return int((pages >> 63).sum()) * page


@linux
def test_memory_is_taken_from_the_system_by_touching_it_and_not_before() -> None:
    memory = HostMemory(SHAPE, CAPACITY)
    assert _resident(memory) == 0
    assert _resident(memory.touch()) == memory.num_bytes


def test_it_holds_whole_blocks_and_says_how_many_tokens_that_are() -> None:
    memory = HostMemory(SHAPE, 65)
    assert memory.capacity == 128
    assert memory.num_bytes == len(memory.tensor()) == 128 * SHAPE.token_bytes


def test_a_buffer_lies_in_the_memory_that_it_is_given() -> None:
    memory = HostMemory(SHAPE, CAPACITY)
    buffer = TorchBuffer(SHAPE, 100, memory=memory)
    assert buffer.capacity == memory.capacity
    starts = [part.data_ptr() for layer in buffer.layers for part in layer.memory]
    ends = [part.data_ptr() + part.nbytes for layer in buffer.layers for part in layer.memory]
    assert starts[0] == memory.tensor().data_ptr() and ends[-1] == starts[0] + memory.num_bytes
    assert starts[1:] == ends[:-1], "its parts lie beside one another"
    assert all(start % 64 == 0 for start in starts), "as kernels like it"


def test_memory_that_is_too_small_is_left_alone() -> None:
    memory = HostMemory(SHAPE, 100)
    buffer = TorchBuffer(SHAPE, 129, memory=memory)
    assert buffer.capacity == 192
    assert buffer.layers[0].memory[0].data_ptr() != memory.tensor().data_ptr()


def test_memory_for_another_shape_is_refused() -> None:
    with pytest.raises(RuntimeError):
        TorchBuffer(CacheShape(SHAPE.layers[:1], "bfloat16"), 100, memory=HostMemory(SHAPE, 100))


def test_memory_lasts_as_long_as_what_lies_in_it() -> None:
    buffer = TorchBuffer(SHAPE, 64, memory=HostMemory(SHAPE, 64).touch())
    part: torch.Tensor = buffer.layers[1].memory[1]
    del buffer
    part.fill_(1)
    assert part.sum() == part.numel()
