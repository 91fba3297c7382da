"""A buffer's tokens lent to a reader in another thread, while forward passes write to the same buffer.

A segment's chunks leave group of tokens by group, and in a group layer by layer. Forward passes write piece by piece,
and in a piece layer by layer. So whoever writes follows the reader in its own order, and hardly ever waits for it.
"""

from collections.abc import Callable
from threading import Condition

ChunkView = Callable[[int, int, int, int, int], memoryview]
"""(layer, part, head, start, end) → the bytes of those tokens."""

_WAKE_SECONDS = 0.25


class Loan:
    """Tokens of a buffer, to be read once from front to back; what has been read may be written over."""

    def __init__(self, view: ChunkView, start: int, end: int, last: tuple[int, int, int]) -> None:
        """Lend tokens [start, end); `last` is the layer, part and head that are read last."""
        self._view, self._last_run = view, (*last, end)
        self._end = end
        """0 once all is given back."""
        self._group, self._layer = (start, start), 0
        """What is being read: tokens [start, end) of the layer; all before is given back."""
        self._changed = Condition()

    def view(self, layer: int, part: int, head: int, start: int, end: int) -> memoryview:
        """Show the bytes of tokens [start, end) of one head. The layers asked for before are given back.

        Raises:
            ValueError: not lent, or given back already.
        """
        with self._changed:
            if (start, layer) < (self._group[0], self._layer) or end > self._end:
                raise ValueError(f"tokens [{start}, {end}) of layer {layer} are not lent any more")
            self._group, self._layer = (start, end), layer
            self._changed.notify_all()
        run = self._view(layer, part, head, start, end)
        if (layer, part, head, end) != self._last_run:
            return run
        # Nobody would say when this one has been read.
        copy = memoryview(bytes(run))
        self.give_back()
        return copy

    def give_back(self) -> None:
        """End the loan; also where not everything has been read."""
        with self._changed:
            self._end, self._view = 0, _given_back
            self._changed.notify_all()

    def wait_for(self, layer: int, start: int, end: int) -> None:
        """Wait until tokens [start, end) of a layer may be written over."""
        self._wait(lambda: end <= self._unread_from(layer) or start >= self._end)

    def wait_for_end(self) -> None:
        """Wait until everything is given back."""
        self._wait(lambda: not self._end)

    def _wait(self, is_over: Callable[[], bool]) -> None:
        with self._changed:
            # Waking lets Python run the handler of a signal that came to another thread.
            while not self._changed.wait_for(is_over, _WAKE_SECONDS):
                pass

    def _unread_from(self, layer: int) -> int:
        return self._group[0] if layer >= self._layer else self._group[1]


class Lender:
    """What a buffer has lent: one loan at a time. Outlives no loan's view, and so keeps no buffer in memory."""

    def __init__(self) -> None:
        """Begin with nothing lent."""
        self._loan: Loan | None = None

    def lend(self, view: ChunkView, start: int, end: int, last: tuple[int, int, int]) -> Loan:
        """Begin a loan, as `Loan` says, once the one before has ended."""
        self.wait_for_end()
        self._loan = Loan(view, start, end, last)
        return self._loan

    def wait_for(self, layer: int, start: int, end: int) -> None:
        """Wait until tokens [start, end) of a layer may be written over."""
        if self._loan is not None:
            self._loan.wait_for(layer, start, end)

    def wait_for_end(self) -> None:
        """Wait until everything is given back."""
        if self._loan is not None:
            self._loan.wait_for_end()


def _given_back(*run: int) -> memoryview:
    raise ValueError("the loan has ended")
