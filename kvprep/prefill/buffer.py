"""One sequence's keys and values in memory that grows in place, and that transformers uses as its cache.

`DynamicCache` copies every layer to append one token; here a layer owns room for what is to come, and what attention
reads is a view of it. Head-major, so that one head's tokens lie in one run of bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from kvprep.prefill.base import KEYS, VALUES, ChunkTarget
from kvprep.prefill.lending import ChunkView, Lender, Loan
from kvprep.prefill.models import BLOCK_SIZE
from kvprep.prefill.transfer import PinnedReader, bytes_of, copied
from kvprep.types import CacheShape

if TYPE_CHECKING:
    import torch


class TorchBuffer:
    """A KVBuffer of torch tensors, one allocation for each layer and part."""

    def __init__(
        self, shape: CacheShape, capacity: int, device: "torch.device | str" = "cpu", *, staged: bool | None = None
    ) -> None:
        """Allocate an empty buffer.

        Args:
            shape: what the model caches for each token.
            capacity: tokens to make room for; rounded up to whole blocks.
            device: where the memory lies.
            staged: whether chunks go through host memory; by default on every device but a CPU.
        """
        import torch
        from transformers import DynamicCache

        self.shape = shape
        self._device = torch.device(device)
        self._writer = Lock()
        self._is_staged = self._device.type != "cpu" if staged is None else staged
        dtype = getattr(torch, shape.dtype)
        make = _layer_class()
        self._lender = Lender()
        self.layers = [
            make(layer, _whole_blocks(capacity), dtype, self._device, partial(self._lender.wait_for, number))
            for number, layer in enumerate(shape.layers)
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


def _whole_blocks(tokens: int) -> int:
    return max(1, -(-tokens // BLOCK_SIZE)) * BLOCK_SIZE


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

        def __init__(
            self,
            shape: Any,
            capacity: int,
            dtype: torch.dtype,
            device: torch.device,
            wait_for: Callable[[int, int], None],
        ) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.device, self.dtype, self.wait_for = device, dtype, wait_for
            self.capacity = capacity
            dims = (shape.key_dim, shape.value_dim)
            self._own([self._allocate((1, shape.num_kv_heads, capacity, dim)) for dim in dims])
            self.is_initialized = True
            self.set_length(0)

        def _allocate(self, shape: Sequence[int]) -> torch.Tensor:
            # Memory made inside inference mode could never be written to outside it.
            with torch.inference_mode(False):
                return torch.empty(*shape, dtype=self.dtype, device=self.device)

        def set_length(self, length: int) -> None:
            """Show [0, length) as keys and values."""
            self.length = length
            self.keys, self.values = (memory[:, :, :length] for memory in self.memory)

        def reserve(self, capacity: int) -> None:
            """Grow to at least `capacity` tokens, at least doubling, and keep the valid ones."""
            if capacity <= self.capacity:
                return
            self.wait_for(0, self.capacity)
            self.capacity = _whole_blocks(max(capacity, 2 * self.capacity))
            self._own([self._moved(old) for old in self.memory])
            self.set_length(self.length)

        def _own(self, memory: list[torch.Tensor]) -> None:
            self.memory = memory
            self.bytes = [bytes_of(part) for part in memory] if self.device.type == "cpu" else []

        def _moved(self, old: torch.Tensor) -> torch.Tensor:
            new = self._allocate((*old.shape[:2], self.capacity, old.shape[3]))
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
