"""How names, counts, sizes, times and money are written for a person, on a terminal and on a page alike."""

import math
import unicodedata

_KEPT = "\n\t"
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})
_LEAST_AMOUNT = 1e-9
"""Less is nothing."""
_UNITS = ("B", "kB", "MB", "GB", "TB")


def printable(text: str) -> str:
    """Show what could steer a terminal, or turn the order of writing, as an escape: names come from strangers."""
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in _KEPT or unicodedata.category(char) not in _HIDDEN_CATEGORIES:
        return char
    return char.encode("unicode_escape", "backslashreplace").decode()


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: 1 entry, 2 entries."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(num_bytes: float) -> str:
    """Write bytes for a person: 1.3 GB."""
    for unit in _UNITS[:-1]:
        if abs(num_bytes) < 1000:
            return f"{num_bytes:.0f} {unit}" if unit == "B" else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.1f} {_UNITS[-1]}"


def seconds(value: float) -> str:
    """Write a time span for a person: 12 ms, 3.1 s, 2 h 05 min."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 100:
        return f"{value:.1f} s"
    minutes = round(value / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


def amount(value: float) -> str:
    """Write an amount of money without its currency: cents, and below one unit the first two digits that count."""
    size = abs(value)
    digits = 2 if size >= 1 or size < _LEAST_AMOUNT else 1 - math.floor(math.log10(size))
    return f"{value:,.{digits}f}"


def money(value: float, currency: str) -> str:
    """Write an amount of money."""
    return f"{amount(value)} {currency}"
