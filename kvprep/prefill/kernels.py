"""Which of torch's kernels multiply the weights with a single token, on a CPU.

oneDNN's, which torch prefers, are made for many tokens at once. For one token of bfloat16 torch's own read the weights
about twice as fast, and are as exact (docs/performance.md, "Warm first token"). But torch can choose only for the whole
process: another thread's prefill would meanwhile give other bits than its replay. So only who computes alone in a
process may ask for them.
"""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_kernels() -> Iterator[None]:
    """Let torch use its own kernels instead of oneDNN's, in the whole process, until the block ends."""
    import torch

    mkldnn = torch.backends.mkldnn
    before = mkldnn.enabled
    mkldnn.enabled = False  # type: ignore[assignment]
    try:
        yield
    finally:
        mkldnn.enabled = before
