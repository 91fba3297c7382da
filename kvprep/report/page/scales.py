"""Axes: which values a chart reaches, where each lies, and which of them are named."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 5.0, 10.0)
_MOST_TICKS = 5
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_TIMES = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))


@dataclass(frozen=True)
class Axis:
    """A vertical axis."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    """Values with their names."""
    is_logarithmic: bool = False

    def place(self, value: float) -> float:
        """Say how high a value lies: 0 at the foot, 1 at the top."""
        if self.is_logarithmic:
            return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def share_axis() -> Axis:
    """Make an axis from nothing to all."""
    return Axis(0.0, 1.0, [(share, f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)])


def size_axis(values: Iterable[float]) -> Axis:
    """Make an axis of bytes, from 0."""
    return _in_units(values, _SIZES)


def time_axis(values: Iterable[float]) -> Axis:
    """Make an axis of seconds, from 0."""
    return _in_units(values, _TIMES)


def count_axis(values: Iterable[float]) -> Axis:
    """Make an axis of counts, from 0."""
    return _linear(values, _plain)


def money_axis(values: Iterable[float]) -> Axis:
    """Make an axis of money, from 0 or from what was lost."""
    return _linear(values, _plain)


def latency_axis(values: Iterable[float]) -> Axis:
    """Make an axis of seconds in powers of ten: a load takes milliseconds where a prefill takes minutes."""
    found = [value for value in values if value > 0] or [1.0]
    first = math.floor(math.log10(min(found)))
    last = max(math.ceil(math.log10(max(found))), first + 1)
    powers = [10.0**power for power in range(first, last + 1)]
    return Axis(powers[0], powers[-1], [(power, _time(power)) for power in powers], is_logarithmic=True)


def _in_units(values: Iterable[float], units: Sequence[tuple[float, str]]) -> Axis:
    found = list(values)
    most = max(found, default=0.0)
    factor, unit = next(((f, u) for f, u in units if most >= f), units[-1])
    scaled = _linear([value / factor for value in found], lambda value: f"{_plain(value)} {unit}" if value else "0")
    return Axis(scaled.low * factor, scaled.high * factor, [(value * factor, name) for value, name in scaled.ticks])


def _linear(values: Iterable[float], name: Callable[[float], str]) -> Axis:
    found = [0.0, *values]
    low, high = min(found), max(found)
    step = _step((high - low) or 1.0)
    first, last = math.floor(low / step + 1e-9), max(math.ceil(high / step - 1e-9), 1)
    ticks = [(number * step, name(number * step)) for number in range(first, last + 1)]
    return Axis(first * step, last * step, ticks)


def _step(span: float) -> float:
    least = span / (_MOST_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * step for step in _STEPS if power * step >= least * (1 - 1e-9))


def _plain(value: float) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"


def _time(value: float) -> str:
    if value < 0.001:
        return f"{value * 1e6:g} µs"
    return f"{value * 1000:g} ms" if value < 1 else f"{value:,g} s"
