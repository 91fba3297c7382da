"""Bars and lines of letters, for a terminal that can show them."""

import sys
from collections.abc import Sequence

_FULL, _EMPTY = "█", "░"
_STEPS = "▁▂▃▄▅▆▇█"
_NO_DAY = " "


def are_shown() -> bool:
    """Tell whether stdout is a terminal whose encoding has them: into a pipe, figures alone are of use."""
    try:
        (_FULL + _EMPTY + _STEPS).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return sys.stdout.isatty()


def bar(share: float, *, width: int = 24) -> str:
    """Draw a share of 1. Only nothing is empty, and only all is full."""
    filled = round(share * width)
    if 0 < share < 1:
        filled = min(max(filled, 1), width - 1)
    return _FULL * filled + _EMPTY * (width - filled)


def sparkline(values: Sequence[float], *, width: int = 40) -> str:
    """Draw values as heights between 0 and the largest one; where there are more than fit, the latest."""
    shown = values[-width:]
    most = max(shown, default=0.0)
    return "".join(_step(value, most) for value in shown)


def _step(value: float, most: float) -> str:
    if value <= 0:
        return _NO_DAY
    return _STEPS[min(int(value / most * len(_STEPS)), len(_STEPS) - 1)]
