"""How long a run may take: it ends between two pieces of work, and the next run carries on."""

import time
from collections.abc import Callable


class TimeLimit:
    """Tells when the time is over, from when it was made."""

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow so many seconds by a clock; None: as many as it takes."""
        self.seconds = seconds
        self._clock, self._began = clock, clock()

    def is_over(self, share: float = 1.0) -> bool:
        """Tell whether a share of the time is over."""
        return self.seconds is not None and self._clock() - self._began >= self.seconds * share
