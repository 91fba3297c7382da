"""Work on many chunks, shared among the processor's cores: the cipher lets other threads run meanwhile."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

MIN_THREAD_BYTES = 4 << 20
"""Below that, a thread takes longer to start than it saves."""
_MOST_THREADS = 8
"""Memory is no faster for more."""


def usable_cores() -> int:
    """Count the cores that this process may run on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


def share_out(count: int, num_bytes: int, work: Callable[[range], None]) -> None:
    """Do `work` for the numbers below `count`, cut into ranges of equal length that run beside one another.

    What one of them raises is raised here, once all have ended.

    Args:
        count: how many.
        num_bytes: size of all of it; decides how many threads it is worth.
        work: called once in every thread.
    """
    threads = max(1, min(usable_cores(), _MOST_THREADS, count, num_bytes // MIN_THREAD_BYTES))
    edges = [count * part // threads for part in range(threads + 1)]
    own, *others = (range(start, end) for start, end in zip(edges, edges[1:], strict=False))
    if not others:
        work(own)
        return
    with ThreadPoolExecutor(len(others)) as pool:
        futures = [pool.submit(work, other) for other in others]
        work(own)
    for future in futures:
        future.result()
