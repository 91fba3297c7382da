"""Repeated times, their medians and their ratios."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Stopwatch:
    """Seconds of each thing that is measured, one for each round."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Time a block."""
        began = time.perf_counter()
        yield
        self.seconds[name].append(time.perf_counter() - began)

    def add_sum(self, name: str, *parts: str) -> None:
        """Make a new thing of others: round by round their sum."""
        self.seconds[name] = [sum(together) for together in zip(*(self.seconds[p] for p in parts), strict=True)]


@contextmanager
def on_one_core() -> Iterator[None]:
    """Let this thread, and those that it starts, run on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@dataclass(frozen=True)
class Ratio:
    """Of two medians; the spread is what the extremes of both would give."""

    value: float
    low: float
    high: float
    fastest: float
    """Of the two fastest rounds: far from `value` where something else ran."""

    def __str__(self) -> str:
        """Say value, spread, and what the fastest rounds give."""
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g}; fastest rounds {self.fastest:.3g})"


def ratio(above: list[float], below: list[float]) -> Ratio:
    """Divide medians."""
    value, fastest = median(above) / median(below), min(above) / min(below)
    return Ratio(value, min(above) / max(below), max(above) / min(below), fastest)
