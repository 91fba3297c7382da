"""What is written while the model computes: one thread beside it, one task after the other."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

_WAKE_SECONDS = 0.25


class Writer:
    """Runs tasks in a thread of its own, in order; after one that failed, none. Use as a context manager.

    At its end every task has run, also where the context is left by an interruption: what is whole is stored.
    """

    def __init__(self) -> None:
        """Prepare the thread."""
        self._thread = ThreadPoolExecutor(1, "writer")
        self._pending: list[Future[None]] = []
        self._has_failed = False

    def submit(self, task: Callable[[], object]) -> None:
        """Have a task run after those before it; what it raises comes out of `settle`."""
        self._pending.append(self._thread.submit(self._run, task))

    def settle(self) -> None:
        """Wait until every task has run, and raise what the first that failed raised."""
        pending, self._pending = self._pending, []
        for future in pending:
            # Waking lets Python run the handler of a signal that came to another thread.
            while not future.done():
                wait([future], timeout=_WAKE_SECONDS)
            future.result()

    def _run(self, task: Callable[[], object]) -> None:
        if self._has_failed:
            return
        try:
            task()
        except BaseException:
            self._has_failed = True
            raise

    def __enter__(self) -> "Writer":
        """Use as a context."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Run what was submitted, and end the thread."""
        self._thread.shutdown()
        if exception == (None, None, None):
            self.settle()
