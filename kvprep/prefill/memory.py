"""Memory that keys and values lie in on a CPU: one mapping in large pages, which can be touched before it is needed.

The system hands memory out page by page when it is first written to. A load into memory that nobody has touched waits
for that longer than for the cipher; large pages are a five-hundredth of the number, and quicker to find afterwards.

Source: docs/performance.md, "Warm first token".
"""

import mmap
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np

from kvprep.prefill.models import BLOCK_SIZE
from kvprep.types import CacheShape

if TYPE_CHECKING:
    import torch


class HostMemory:
    """Room for one buffer. Knows no torch, so that it can be touched while that is still being imported."""

    def __init__(self, shape: CacheShape, capacity: int) -> None:
        """Map memory for `capacity` tokens, rounded up to whole blocks; nothing of it is taken from the system yet."""
        self.capacity = whole_blocks(capacity)
        self.num_bytes = self.capacity * shape.token_bytes
        self._map = mmap.mmap(-1, self.num_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._touching: Thread | None = None
        if hasattr(mmap, "MADV_HUGEPAGE"):  # only Linux can be asked
            with suppress(OSError):  # a kernel without large pages
                self._map.madvise(mmap.MADV_HUGEPAGE)

    def touch(self) -> "HostMemory":
        """Have a thread of its own write to every page, once, before anything is kept here; return itself."""
        self._touching = Thread(target=self._write_to_pages, name="touch", daemon=True)
        self._touching.start()
        return self

    @property
    def is_touched(self) -> bool:
        """Whether that was begun."""
        return self._touching is not None

    def tensor(self) -> "torch.Tensor":
        """Show all of it, shape (num_bytes,), uint8, once it is touched if that was begun."""
        import torch

        if self._touching is not None:
            self._touching.join()
        return torch.frombuffer(self._map, dtype=torch.uint8)

    def _write_to_pages(self) -> None:
        np.frombuffer(self._map, dtype=np.uint8)[:: mmap.PAGESIZE] = 0


def whole_blocks(tokens: int) -> int:
    """Round a number of tokens up to whole blocks, at least one."""
    return max(1, -(-tokens // BLOCK_SIZE)) * BLOCK_SIZE
