"""Bars in rows, each with its name and its value in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kvprep.report.page.svg import element, picture

_HEIGHT = 10
_LEAST = 0.006
"""Of the width: what there is can be seen."""


@dataclass(frozen=True)
class Row:
    """One bar of a list."""

    name: str
    value: str
    bar: Markup


def bar_row(name: str, value: str, parts: Sequence[tuple[float, str]], *, mark: float | None = None) -> Row:
    """Make a row.

    Args:
        name: what it is of.
        value: what the bar says, in words.
        parts: shares of the whole width, from the left, each with its look.
        mark: where a line crosses the bar.
    """
    drawn = [element("rect", x=0, y=0, width="100%", height=_HEIGHT, class_="track")]
    left = 0.0
    for part, look in parts:
        share = max(part, _LEAST) if part else 0.0
        drawn.append(element("rect", x=_percent(left), y=0, width=_percent(share), height=_HEIGHT, class_=look))
        left += share
    if mark is not None:
        drawn.append(element("line", x1=_percent(mark), x2=_percent(mark), y1=-3, y2=_HEIGHT + 3, class_="mark"))
    return Row(name, value, picture(f"{name}: {value}", *drawn, look="bar", height=_HEIGHT))


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"
