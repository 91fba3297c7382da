"""Prose in columns and blocks side by side: found by the gutter between them, and read one after the other.

A gutter is believed where both sides are prose: lines of several words that start flush and mostly fill their side; or
where both sides are blocks of close lines whose base lines have nothing to do with one another, or addresses. Tables,
and labels with values, share their base lines, and are read across.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from kvprep.documents.layout.figures import is_value
from kvprep.documents.layout.rows import Cell, Line

# Counts of lines and words, and shares; lengths are in font sizes, but for _EDGE, which is in points.
_MAX_LINES = 1_000
_MIN_LINES = 6
_MIN_BLOCK = 3
_BLOCK_STEP = 1.8
_BLOCK_GUTTER = 1.5
_SAME_BASE = 0.5
_MAX_SHARED = 0.34
_APART = 1.6
_MIN_WORDS = 3.5
_MIN_WIDTH = 8.0
_FILLED = 0.75
_MIN_FILLED = 0.5
_MIN_FLUSH = 0.6
_EDGE = 1.5
_MAX_STEP = 2.5

_TOWN = re.compile(r"(?:[A-Z]{1,2}[- ])?\d{4,5} [^\W\d_]{3}")

Flow = list[Line]
"""Lines that are read one after the other."""


@dataclass(frozen=True, slots=True)
class _Signs:
    """What a page must have before it is looked at more closely."""

    has_prose: bool
    has_towns: bool


def flows(lines: Sequence[Line]) -> Iterator[Flow]:
    """Part a page's lines into what is read straight down, in reading order."""
    rest = list(lines)
    while (gutter := _gutter(rest)) is not None:
        first, stop, at = gutter
        if first:
            yield rest[:first]
        yield from flows(list(_side(rest[first:stop], at, right=False)))
        yield from flows(list(_side(rest[first:stop], at, right=True)))
        rest = rest[stop:]
    if rest:
        yield rest


def _gutter(lines: Sequence[Line]) -> tuple[int, int, float] | None:
    """Find the uppermost stretch of lines `[first, stop)` that is parted at a place on the line."""
    if len(lines) > _MAX_LINES:
        return None
    extents = [[(cell.start, cell.end) for cell in line.cells] for line in lines]
    margin = min((extent[0][0] for extent in extents), default=0.0)
    starts = Counter(round(start) for extent in extents for start, _ in extent)
    signs = _signs(lines)
    found: list[tuple[int, int, float]] = []
    for start, count in starts.items():
        at = start - _EDGE
        if at > margin and count + starts[start - 1] + starts[start + 1] >= _MIN_BLOCK:
            for first, stop in _stretches(extents, at):
                found += _believed(lines, first, stop, at, signs)
    return min(found, default=None)


def _signs(lines: Sequence[Line]) -> _Signs:
    num_wordy = sum([len(cell.words) > _MIN_WORDS for line in lines for cell in line.cells])
    has_towns = any(len(line.cells) > 1 and len(_towns(line)) > 1 for line in lines)
    return _Signs(has_prose=num_wordy >= _MIN_LINES, has_towns=has_towns)


def _towns(line: Line) -> list[float]:
    """Give the places of cells that begin with a post code and a town."""
    return [cell.start for cell in line.cells if _TOWN.match(cell.text)]


def _believed(
    lines: Sequence[Line], first: int, stop: int, at: float, signs: _Signs
) -> Iterator[tuple[int, int, float]]:
    """Yield what of a stretch without crossing cells is columns of prose, or blocks side by side."""
    beside = _beside(lines, first, stop, at) if signs.has_prose else None
    if beside and all(map(_is_prose, _sides(lines, *beside, at))):
        yield *beside, at
        return
    for upper, lower in _parts(lines, first, stop):
        part = lines[upper:lower]
        if _are_apart(part, at) and _are_blocks(*_sides(lines, upper, lower, at)):
            yield upper, lower, at
        elif signs.has_towns and _are_addresses(part, at):
            yield upper, lower, at


def _are_addresses(lines: Sequence[Line], at: float) -> bool:
    """Tell whether two addresses stand side by side: a town on both sides, but not in every line, as in a table."""
    towns = [_towns(line) for line in lines]
    num_pairs = sum(any(start < at for start in starts) and any(start > at for start in starts) for starts in towns)
    sides = _sides(lines, 0, len(lines), at)
    return 0 < num_pairs <= len(lines) / _MIN_BLOCK and all(
        len(side) >= _MIN_BLOCK and _is_flush(side) for side in sides
    )


def _are_apart(lines: Sequence[Line], at: float) -> bool:
    """Tell whether lines on both sides are few beside those on one side."""
    num_left = sum([line.cells[0].start < at for line in lines])
    num_right = sum([line.cells[-1].end > at for line in lines])
    least = min(num_left, num_right)
    return least >= _MIN_BLOCK and num_left + num_right - len(lines) <= _MAX_SHARED * least


def _parts(lines: Sequence[Line], first: int, stop: int) -> Iterator[tuple[int, int]]:
    """Cut a stretch where lines stand farther apart than most of it."""
    gaps = [above.base - below.base for above, below in pairwise(lines[first:stop])]
    usual = median(gaps) if gaps else 0.0
    start = first
    for index, gap in enumerate(gaps, start=first + 1):
        if gap > max(_APART * usual, _BLOCK_STEP * lines[index].size):
            yield start, index
            start = index
    yield start, stop


def _sides(lines: Sequence[Line], first: int, stop: int, at: float) -> tuple[list[Line], list[Line]]:
    stretch = lines[first:stop]
    return list(_side(stretch, at, right=False)), list(_side(stretch, at, right=True))


def _stretches(extents: Sequence[Sequence[tuple[float, float]]], at: float) -> Iterator[tuple[int, int]]:
    """Yield the stretches of lines that no cell crosses and that have three lines on either side."""
    first = num_left = num_right = 0
    for index, cells in enumerate([*extents, [(-math.inf, math.inf)]]):
        for start, end in cells:
            if start < at < end:
                if min(num_left, num_right) >= _MIN_BLOCK:
                    yield first, index
                first, num_left, num_right = index + 1, 0, 0
                break
        else:
            num_left += cells[0][0] < at
            num_right += cells[-1][1] > at


def _beside(lines: Sequence[Line], start: int, stop: int, at: float) -> tuple[int, int] | None:
    """Leave out lines at either end that stand on one side only, and apart from the columns."""
    left = [index for index in range(start, stop) if lines[index].start < at]
    right = [index for index in range(start, stop) if lines[index].end > at]
    if len(left) < _MIN_LINES or len(right) < _MIN_LINES:
        return None
    first, last = max(left[0], right[0]), min(left[-1], right[-1])
    while first > start and _is_close(lines[first - 1], lines[first]):
        first -= 1
    while last + 1 < stop and _is_close(lines[last], lines[last + 1]):
        last += 1
    return first, last + 1


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
    if sum([len(cell.words) for cell in cells]) < _MIN_WORDS * len(cells):
        return False
    if fmean(map(_width, cells)) < _MIN_WIDTH * fmean([line.size for line in lines]):
        return False
    groups = _columns(cells)
    flush = sum(len(group) for group in groups)
    return flush >= _MIN_FLUSH * len(cells) and all(_fills(group) for group in groups)


def _are_blocks(left: Sequence[Line], right: Sequence[Line]) -> bool:
    """Tell whether two sides are blocks of their own: flush lines, of which few stand on a line of the other's."""
    if min(len(left), len(right)) < _MIN_BLOCK or not all(map(_is_block, (left, right))):
        return False
    if min(line.start for line in right) - max(line.end for line in left) < _BLOCK_GUTTER * left[0].size:
        return False
    num_shared = sum(any(_share_base(line, other) for other in right) for line in left)
    return num_shared <= _MAX_SHARED * min(len(left), len(right))


def _share_base(line: Line, other: Line) -> bool:
    return abs(line.base - other.base) <= _SAME_BASE * min(line.size, other.size)


def _is_block(lines: Sequence[Line]) -> bool:
    if any(len(line.cells) > 2 for line in lines):
        return False
    num_others = sum(is_value(line.text) or line.text.endswith(":") for line in lines)
    return _is_flush(lines) and 2 * num_others <= len(lines)


def _is_flush(lines: Sequence[Line]) -> bool:
    starts = Counter(round(line.start) for line in lines)
    return max(count + starts[start + 1] for start, count in starts.items()) >= _MIN_FLUSH * len(lines)


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
