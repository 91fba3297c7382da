"""What a check looks at in one run where it does not look at everything: what was unchecked for the longest time."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kvprep.store.checklog import CheckLog
from kvprep.store.findings import Tally


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of what takes long is done in one run; by default all of it."""

    sample: int | float | None = None
    """At most so many, or such a share (a float up to 1)."""
    max_seconds: float | None = None
    """Begin nothing more after this time; at least one is done."""
    max_age_seconds: float | None = None
    """Pass over what was found sound within this time."""

    def __post_init__(self) -> None:
        """Refuse what asks for nothing."""
        if any(n is not None and n <= 0 for n in (self.sample, self.max_seconds, self.max_age_seconds)):
            raise ValueError("sample, duration and age must be more than nothing")


class Scrub:
    """One run over subjects of one kind, with its log."""

    def __init__(
        self, effort: Effort, log: CheckLog, tally: Tally, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start the clock of `effort.max_seconds`."""
        self._effort, self._log, self._tally, self._clock = effort, log, tally, clock
        self._began = clock()

    def over(self, subjects: Sequence[str]) -> Iterator[str]:
        """Yield what is due, the longest unchecked first. What is passed over is counted in the tally.

        What has given no error when the next is asked for was sound.
        """
        now = time.time()
        # A time to come is that of a clock that was set back since: it proves nothing.
        last = {subject: seen for subject, seen in self._log.last().items() if seen[0] <= now}
        newest = now - (self._effort.max_age_seconds or 0.0)
        due = [subject for subject in subjects if not _is_newer(last.get(subject), newest)]
        self._tally.recent += len(subjects) - len(due)
        due.sort(key=lambda subject: (last.get(subject, (0.0, False))[0], subject))
        done = 0
        for subject in due[: self._num(len(due))]:
            if done and self._is_over():
                break
            yield subject
            done += 1
            self._log.note(subject, is_sound=not self._tally.is_damaged(subject))
        self._tally.left += len(due) - done
        self._log.keep(subjects)

    def _num(self, total: int) -> int:
        sample = self._effort.sample
        if sample is None:
            return total
        return math.ceil(sample * total) if isinstance(sample, float) else sample

    def _is_over(self) -> bool:
        return self._effort.max_seconds is not None and self._clock() - self._began >= self._effort.max_seconds


def _is_newer(seen: tuple[float, bool] | None, newest: float) -> bool:
    """Tell whether something was found sound after a time."""
    return seen is not None and seen[1] and seen[0] > newest
