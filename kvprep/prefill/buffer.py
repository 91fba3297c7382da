"""One sequence's keys and values in memory that grows in place, and that transformers uses as its cache.

`DynamicCache` copies every layer to append one token; here a layer owns room for what is to come, and what attention
reads is a view of it. Head-major, so that one head's tokens lie in one run of bytes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from kvprep.prefill.base import KEYS, VALUES, ChunkTarget
from kvprep.prefill.lending import ChunkView, Lender, Loan
from kvprep.prefill.memory import HostMemory, whole_blocks
from kvprep.prefill.transfer import PinnedReader, bytes_of, copied
from kvprep.types import CacheShape

if TYPE_CHECKING:
    import torch


class TorchBuffer:
    """A KVBuffer of torch tensors: on a CPU in one mapping, elsewhere one allocation for each layer and part."""

    def __init__(
        self,
        shape: CacheShape,
        capacity: int,
        device: "torch.device | str" = "cpu",
        *,
        staged: bool | None = None,
        memory: HostMemory | None = None,
    ) -> None:
        """Allocate an empty buffer.

        Args:
            shape: what the model caches for each token.
            capacity: tokens to make room for; rounded up to whole blocks.
            device: where the memory lies.
            staged: whether chunks go through host memory; by default on every device but a CPU.
            memory: made for this shape, to be used on a CPU if it is large enough; given to no other buffer.
        """
        import torch
        from transformers import DynamicCache

        self.shape = shape
        self._device = torch.device(device)
        self._writer = Lock()
        self._is_staged = self._device.type != "cpu" if staged is None else staged
        self._lender = Lender()
        make = _layer_class()
        self.layers = [
            make(parts, partial(self._lender.wait_for, number))
            for number, parts in enumerate(_allocated(shape, whole_blocks(capacity), self._device, memory))
        ]
        self.cache: Any = DynamicCache()
        """What transformers' `forward` and `generate` take as `cache`; it appends to this buffer."""
        self.cache.layers = self.layers
        self.cache.layer_class_to_replicate = None

    @property
    def length(self) -> int:
        """Tokens that are valid."""
        return int(self.layers[0].length)

    @property
    def capacity(self) -> int:
        """Tokens that fit before memory must grow."""
        return int(min(layer.capacity for layer in self.layers))

    def reserve(self, capacity: int) -> None:
        """Make room for `capacity` tokens."""
        for layer in self.layers:
            layer.reserve(capacity)

    def set_length(self, length: int) -> None:
        """Declare [0, length) valid."""
        if not 0 <= length <= self.capacity:
            raise ValueError(f"length {length} is beyond the capacity of {self.capacity} tokens")
        for layer in self.layers:
            layer.set_length(length)

    def truncate(self, length: int) -> None:
        """Forget the tokens from `length` on."""
        if length > self.length:
            raise ValueError(f"cannot truncate {self.length} tokens to {length}")
        self.set_length(length)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep every other prefill, load and answer out meanwhile.

        Raises:
            RuntimeError: one is under way; two at once would write over one another.
        """
        if not self._writer.acquire(blocking=False):
            raise RuntimeError("the buffer is in use by another prefill, load or answer; give each a buffer of its own")
        try:
            yield
        finally:
            self._writer.release()

    def chunk_view(self, layer: int, part: int, head: int, start: int, end: int) -> memoryview:
        """Show the bytes of tokens [start, end) of one head."""
        if self._is_staged:
            return bytes_of(self._run(layer, part, head, start, end).cpu())
        return self._slice(layer, part, head, start, end)

    def lend(self, start: int, end: int) -> Loan:
        """Lend tokens [start, end) to a reader in another thread."""
        if not 0 <= start < end <= self.length:
            raise ValueError(f"tokens [{start}, {end}) are beyond the length of {self.length}")
        last = len(self.layers) - 1
        last_run = (last, VALUES, self.shape.layers[last].num_kv_heads - 1)
        return self._lender.lend(self._lent_view(start, end), start, end, last_run)

    def _lent_view(self, start: int, end: int) -> ChunkView:
        if not self._is_staged:
            return self._slice
        if self._device.type == "cuda":
            reader = PinnedReader(self._device)
            return lambda *run: reader.read(self._run(*run))
        return copied([layer.memory for layer in self.layers], start, end)

    @contextmanager
    def filling(self) -> Iterator[ChunkTarget]:
        """Fill tokens from outside."""
        staged: list[tuple[torch.Tensor, torch.Tensor]] = []
        with self.writing():
            self._lender.wait_for_end()
            yield self._staging(staged) if self._is_staged else self._slice
            for run, host in staged:
                run.copy_(host, non_blocking=True)
            self._wait()

    def _staging(self, staged: "list[tuple[torch.Tensor, torch.Tensor]]") -> ChunkTarget:
        """Give host memory for each chunk, and note where it belongs."""
        import torch

        def target(layer: int, part: int, head: int, start: int, end: int) -> memoryview:
            run = self._run(layer, part, head, start, end)
            host = torch.empty(run.shape, dtype=run.dtype, pin_memory=self._device.type == "cuda")
            staged.append((run, host))
            return bytes_of(host)

        return target

    def _slice(self, layer: int, part: int, head: int, start: int, end: int) -> memoryview:
        """Cut a run of tokens out of the memory's bytes; a load does so hundreds of times, and tensors take longer."""
        held = self.layers[layer]
        _check_run(held.capacity, part, start, end)
        heads, row_bytes = held.memory[part].shape[1], held.memory[part].shape[3] * self.shape.itemsize
        if not 0 <= head < heads:
            raise ValueError(f"head {head} of {heads}")
        first = head * held.capacity
        return held.bytes[part][(first + start) * row_bytes : (first + end) * row_bytes]  # type: ignore[no-any-return]

    def _run(self, layer: int, part: int, head: int, start: int, end: int) -> "torch.Tensor":
        """Find tokens [start, end) of one head, shape (end - start, dim), contiguous."""
        _check_run(self.layers[layer].capacity, part, start, end)
        memory: torch.Tensor = self.layers[layer].memory[part]
        return memory[0, head, start:end]

    def _wait(self) -> None:
        """Staging memory may be freed only when the copies from it are done."""
        import torch

        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def _check_run(capacity: int, part: int, start: int, end: int) -> None:
    if not 0 <= start <= end <= capacity:
        raise ValueError(f"tokens [{start}, {end}) are beyond the capacity of {capacity}")
    if part not in (KEYS, VALUES):
        raise ValueError(f"part {part} is neither keys nor values")


def _allocated(
    shape: CacheShape, capacity: int, device: "torch.device", memory: HostMemory | None
) -> "list[list[torch.Tensor]]":
    """Give every layer's keys and values, shape (1, num_kv_heads, capacity, dim); for `capacity` tokens or more."""
    import torch

    dtype = getattr(torch, shape.dtype)
    # Memory made inside inference mode could never be written to outside it.
    with torch.inference_mode(False):
        if device.type != "cpu":
            sizes = [[(1, s.num_kv_heads, capacity, dim) for dim in (s.key_dim, s.value_dim)] for s in shape.layers]
            return [[torch.empty(size, dtype=dtype, device=device) for size in layer] for layer in sizes]
        if memory is None or memory.capacity < capacity:
            memory = HostMemory(shape, capacity)
        heads = [(s.num_kv_heads, dim) for s in shape.layers for dim in (s.key_dim, s.value_dim)]
        runs = torch.split(memory.tensor().view(dtype), [count * memory.capacity * dim for count, dim in heads])
        parts = [run.view(1, count, memory.capacity, dim) for run, (count, dim) in zip(runs, heads, strict=True)]
    return [parts[first : first + 2] for first in range(0, len(parts), 2)]


@cache
def _layer_class() -> "Callable[..., Any]":
    """Make the cache layer's class when it is first needed, for importing transformers takes seconds."""
    import torch
    from transformers.cache_utils import DynamicLayer

    class BufferLayer(DynamicLayer):  # type: ignore[no-untyped-call]
        """One layer: memory of shape (1, num_kv_heads, capacity, dim) for keys and values, and views of its tokens."""

        memory: "list[torch.Tensor]"
        bytes: list[memoryview]
        """On a CPU, the same memory."""

        def __init__(self, memory: list[torch.Tensor], wait_for: Callable[[int, int], None]) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.device, self.dtype, self.wait_for = memory[0].device, memory[0].dtype, wait_for
            self.capacity = memory[0].shape[2]
            self._own(memory)
            self.is_initialized = True
            self.set_length(0)

        def set_length(self, length: int) -> None:
            """Show [0, length) as keys and values."""
            self.length = length
            self.keys, self.values = (memory[:, :, :length] for memory in self.memory)

        def reserve(self, capacity: int) -> None:
            """Grow to at least `capacity` tokens, at least doubling, and keep the valid ones."""
            if capacity <= self.capacity:
                return
            self.wait_for(0, self.capacity)
            self.capacity = whole_blocks(max(capacity, 2 * self.capacity))
            self._own([self._moved(old) for old in self.memory])
            self.set_length(self.length)

        def _own(self, memory: list[torch.Tensor]) -> None:
            self.memory = memory
            self.bytes = [bytes_of(part) for part in memory] if self.device.type == "cpu" else []

        def _moved(self, old: torch.Tensor) -> torch.Tensor:
            with torch.inference_mode(False):
                new = old.new_empty((*old.shape[:2], self.capacity, old.shape[3]))
            new[:, :, : self.length] = old[:, :, : self.length]
            return new

        def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            """Append in place; called by the model's attention. States: (1, num_kv_heads, new_tokens, dim)."""
            if key_states.shape[0] != 1:
                raise ValueError("a buffer holds one sequence; batches and beams need a cache of their own")
            start, end = self.length, self.length + key_states.shape[2]
            self.reserve(end)
            self.wait_for(start, end)
            for memory, states in zip(self.memory, (key_states, value_states), strict=True):
                memory[:, :, start:end] = states.detach()
            self.set_length(end)
            return self.keys, self.values

        def crop(self, tokens_to_remove: int) -> None:
            """Forget the last tokens; transformers passes their number negated."""
            self.set_length(self.length - abs(tokens_to_remove))

        def reset(self) -> None:
            """Forget all tokens; the memory stays."""
            self.set_length(0)

    return BufferLayer
