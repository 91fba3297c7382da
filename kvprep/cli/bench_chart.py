"""The drawing of `kvprep bench`: what loading and computing take, by length, on one axis of time."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_WIDTH = 48
_LOAD, _COLD, _PREFILL, _SAVED = "o", "d", "#", "-"
LEGEND = (
    f"{_LOAD} load   {_COLD} load, from the disk itself   {_PREFILL} compute   each column to the right takes longer"
)


@dataclass(frozen=True, slots=True)
class Line:
    """What one length takes, in seconds."""

    label: str
    load_s: float
    cold_load_s: float | None
    prefill_s: float


def chart(lines: Sequence[Line]) -> Iterator[str]:
    """Draw one line for each length; the axis is logarithmic and begins and ends at a power of ten."""
    times = [time for line in lines for time in (line.load_s, line.cold_load_s, line.prefill_s) if time]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    high = max(high, low + 1)

    def column(seconds: float) -> int:
        return round((math.log10(seconds) - low) / (high - low) * (_WIDTH - 1))

    width = max(len(line.label) for line in lines)
    for line in lines:
        yield f"{line.label:>{width}}  {_drawn(line, column)}".rstrip()
    decades = range(low, high + 1)
    yield f"{'':>{width}}  {_marks({column(10.0**n): '|' for n in decades})}"
    yield f"{'':>{width}}  {_labels({column(10.0**n): _decade(n) for n in decades})}"


def _drawn(line: Line, column: Callable[[float], int]) -> str:
    first, last = sorted((column(line.load_s), column(line.prefill_s)))
    cells = dict.fromkeys(range(first, last + 1), _SAVED)
    if line.cold_load_s:
        cells[column(line.cold_load_s)] = _COLD
    cells[column(line.load_s)] = _LOAD
    cells[column(line.prefill_s)] = _PREFILL
    return _marks(cells)


def _marks(cells: dict[int, str]) -> str:
    return "".join(cells.get(at, " ") for at in range(_WIDTH))


def _decade(n: int) -> str:
    return f"{10**n} s" if n >= 0 else f"{10 ** (n + 3)} ms" if n >= -3 else f"{10 ** (n + 6)} µs"


def _labels(places: dict[int, str]) -> str:
    text = ""
    for at, label in places.items():
        if at >= len(text):  # where decades lie close, a label that has no room is left out
            text = text.ljust(at) + label + " "
    return text.rstrip()
