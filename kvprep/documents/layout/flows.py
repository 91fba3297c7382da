"""Prose set in columns: found by the gutter between them, and read one column after the other.

A gutter is believed only where both sides are prose: lines of several words that start flush and mostly fill their
side. Tables, addresses and labels with values are none of that, and are read across.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import fmean

from kvprep.documents.layout.rows import Cell, Line

_MIN_LINES = 6
_MIN_WORDS = 3.5
_MIN_WIDTH = 8.0
_FILLED = 0.75
_MIN_FILLED = 0.5
_MIN_FLUSH = 0.6
_EDGE = 1.5
_MAX_STEP = 2.5

Flow = list[Line]
"""Lines that are read one after the other."""


def flows(lines: Sequence[Line]) -> Iterator[Flow]:
    """Part a page's lines into what is read straight down, in reading order."""
    rest = list(lines)
    gutter = _gutter(rest)
    if gutter is None:
        yield rest
        return
    first, stop, at = gutter
    if first:
        yield rest[:first]
    yield from flows(list(_side(rest[first:stop], at, right=False)))
    yield from flows(list(_side(rest[first:stop], at, right=True)))
    if stop < len(rest):
        yield from flows(rest[stop:])


def _gutter(lines: Sequence[Line]) -> tuple[int, int, float] | None:
    """Find the uppermost stretch of lines `[first, stop)` with prose left and right of a place on the line."""
    starts = Counter(round(cell.start) for line in lines for cell in line.cells)
    found = []
    for start, count in starts.items():
        if count + starts[start - 1] + starts[start + 1] >= _MIN_LINES:
            at = start - _EDGE
            found += [(first, at, stop) for first, stop in _stretches(lines, at)]
    for first, at, stop in sorted(found):
        if all(_is_prose(list(_side(lines[first:stop], at, right=right))) for right in (False, True)):
            return first, stop, at
    return None


def _stretches(lines: Sequence[Line], at: float) -> Iterator[tuple[int, int]]:
    """Yield the stretches of lines that no cell crosses, as far as there is text on both sides."""
    start = 0
    for index, line in enumerate(lines):
        if any(cell.start < at < cell.end for cell in line.cells):
            yield from _beside(lines, start, index, at)
            start = index + 1
    yield from _beside(lines, start, len(lines), at)


def _beside(lines: Sequence[Line], start: int, stop: int, at: float) -> Iterator[tuple[int, int]]:
    """Leave out lines at either end that stand on one side only, and apart from the columns."""
    left = [index for index in range(start, stop) if lines[index].start < at]
    right = [index for index in range(start, stop) if lines[index].end > at]
    if len(left) < _MIN_LINES or len(right) < _MIN_LINES:
        return
    first, last = max(left[0], right[0]), min(left[-1], right[-1])
    while first > start and _is_close(lines[first - 1], lines[first]):
        first -= 1
    while last + 1 < stop and _is_close(lines[last], lines[last + 1]):
        last += 1
    yield first, last + 1


def _is_close(above: Line, below: Line) -> bool:
    return above.base - below.base <= _MAX_STEP * below.size


def _side(lines: Sequence[Line], at: float, *, right: bool) -> Iterator[Line]:
    for line in lines:
        cells = [cell for cell in line.cells if (cell.start > at) == right]
        if cells:
            yield Line(line.base, line.size, cells)


def _is_prose(lines: Sequence[Line]) -> bool:
    """Tell whether lines are of a column of prose, or of several such columns."""
    if len(lines) < _MIN_LINES:
        return False
    cells = [cell for line in lines for cell in line.cells]
    size = fmean(line.size for line in lines)
    if fmean(len(cell.words) for cell in cells) < _MIN_WORDS or fmean(map(_width, cells)) < _MIN_WIDTH * size:
        return False
    groups = _columns(cells)
    flush = sum(len(group) for group in groups)
    return flush >= _MIN_FLUSH * len(cells) and all(_fills(group) for group in groups)


def _columns(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Group cells that start at the same place, where several do."""
    ordered = sorted(cells, key=lambda cell: cell.start)
    groups: list[list[Cell]] = [[ordered[0]]]
    for before, cell in pairwise(ordered):
        if cell.start - before.start <= _EDGE:
            groups[-1].append(cell)
        else:
            groups.append([cell])
    return [group for group in groups if len(group) >= _MIN_LINES]


def _fills(cells: Sequence[Cell]) -> bool:
    widest = max(map(_width, cells))
    return sum(_width(cell) >= _FILLED * widest for cell in cells) >= _MIN_FILLED * len(cells)


def _width(cell: Cell) -> float:
    return cell.end - cell.start
