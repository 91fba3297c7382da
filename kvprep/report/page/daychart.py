"""Lines and areas over days."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from kvprep.report.page.scales import Axis
from kvprep.report.page.svg import element, picture

_HEIGHT = 180
_BELOW = 24
_ABOVE = 26
_WIDE = 1000.0
"""Units across the plot, however wide it is drawn."""
_LEGEND_STEP = 140

Run = list[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """A value for each day."""

    name: str
    values: Sequence[float | None]
    """None leaves a gap."""
    look: str = "one"
    """Classes of the style: `one` or `two` is the colour; beside another line, one is `dashed`."""
    is_filled: bool = False


def day_chart(label: str, days: Sequence[str], lines: Sequence[Line], axis: Axis, tips: Sequence[str]) -> Markup:
    """Draw lines over days.

    Args:
        label: what is to be seen, for those who do not see it.
        days: as in the facts, at least one.
        lines: as many values as days each.
        axis: that reaches all of them.
        tips: shown over each day.
    """
    top = _ABOVE if len(lines) > 1 else 0
    plot = element(
        "svg",
        *(part for line in lines for part in _drawn(line, axis)),
        *_tips(tips),
        y=top,
        width="100%",
        height=_HEIGHT,
        viewBox=f"0 0 {_WIDE:g} {_HEIGHT}",
        preserveAspectRatio="none",
        class_="plot",
    )
    legend = _legend(lines) if len(lines) > 1 else []
    parts = [*legend, *_grid(axis, top), plot, *_dates(days, top + _HEIGHT + 18)]
    return picture(label, *parts, look="chart", height=top + _HEIGHT + _BELOW)


def _grid(axis: Axis, top: int) -> Iterator[Markup]:
    for value, name in axis.ticks:
        height = top + _HEIGHT * (1 - axis.place(value))
        look = "zero" if value == 0 else "grid"
        yield element("line", x1=0, x2="100%", y1=height, y2=height, class_=look)
        yield element("text", name, x=-8, y=height + 4, text_anchor="end")


def _dates(days: Sequence[str], height: int) -> Iterator[Markup]:
    if len(days) == 1:
        yield element("text", short_day(days[0]), x="50%", y=height, text_anchor="middle")
        return
    yield element("text", short_day(days[0]), x=0, y=height)
    if len(days) >= 5 and len(days) % 2:
        yield element("text", short_day(days[len(days) // 2]), x="50%", y=height, text_anchor="middle")
    yield element("text", short_day(days[-1]), x="100%", y=height, text_anchor="end")


def short_day(name: str) -> str:
    """Write a day without its year: 25 Nov."""
    day = date.fromisoformat(name)
    return f"{day.day} {day:%b}"


def _legend(lines: Sequence[Line]) -> Iterator[Markup]:
    for number, line in enumerate(lines):
        left = number * _LEGEND_STEP
        yield element("line", x1=left, x2=left + 24, y1=8, y2=8, class_=f"line {line.look}")
        yield element("text", line.name, x=left + 32, y=12)


def _tips(tips: Sequence[str]) -> Iterator[Markup]:
    width = _WIDE / len(tips)
    for number, tip in enumerate(tips):
        shown = element("title", tip)
        yield element("rect", shown, x=number * width, y=0, width=width, height=_HEIGHT, class_="day")


def _drawn(line: Line, axis: Axis) -> Iterator[Markup]:
    for run in _runs(line.values, axis):
        if line.is_filled and len(run) > 1:
            yield element("path", d=_area(run, _HEIGHT * (1 - axis.place(0.0))), class_=f"area {line.look}")
        if len(run) == 1:
            # As thick as its round ends, and round however wide the plot is drawn.
            yield element("path", d=f"M{_point(run[0])}h0", class_=f"dot {line.look}")
        else:
            yield element("path", d=_path(run), class_=f"line {line.look}")


def _runs(values: Sequence[float | None], axis: Axis) -> Iterable[Run]:
    runs: list[Run] = [[]]
    width = _WIDE / len(values)
    for number, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(((number + 0.5) * width, _HEIGHT * (1 - axis.place(value))))
    return [run for run in runs if run]


def _path(run: Run) -> str:
    return "M" + "L".join(_point(point) for point in run)


def _area(run: Run, foot: float) -> str:
    return f"{_path(run)}V{foot:.1f}H{run[0][0]:.1f}Z"


def _point(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"
