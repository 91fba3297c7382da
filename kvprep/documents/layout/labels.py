"""Labels that stand in the middle of their value: they are read before its first line."""

from collections.abc import Sequence
from itertools import pairwise

from kvprep.documents.layout.figures import is_figure
from kvprep.documents.layout.rows import Line

# Lengths are in font sizes, but for _APART, which is in steps of the stack.
_CLOSE_STEP = 1.35
_APART = 1.25
_EDGE = 0.5


def settle_labels(lines: Sequence[Line]) -> list[Line]:
    """Move a label that is centred beside the lines of its value to the first of them.

    A value is a stack of lines that start below one another and stand apart from what is above and below; the label
    is the only other text beside it.
    """
    settled = list(lines)
    at = 0
    while at < len(settled):
        stop = _stack_end(settled, at)
        label = _middle_label(settled, at, stop)
        if label is not None:
            first, middle = settled[at], settled[label]
            settled[at] = Line(first.base, first.size, [middle.cells[0], *first.cells])
            settled[label] = Line(middle.base, middle.size, middle.cells[1:])
        at = stop
    return settled


def _stack_end(lines: Sequence[Line], first: int) -> int:
    stop = first + 1
    while stop < len(lines) and _is_below(lines[stop - 1], lines[stop]):
        stop += 1
    return stop


def _is_below(above: Line, line: Line) -> bool:
    close = above.base - line.base <= _CLOSE_STEP * max(above.size, line.size)
    return close and abs(above.cells[-1].start - line.cells[-1].start) <= _EDGE * line.size


def _middle_label(lines: Sequence[Line], first: int, stop: int) -> int | None:
    """Find the one line of a stack that has a label, unless it is the first one."""
    labelled = [index for index in range(first, stop) if len(lines[index].cells) > 1]
    if len(labelled) != 1 or labelled[0] == first or not _stands_apart(lines, first, stop):
        return None
    line = lines[labelled[0]]
    is_centred = abs(2 * labelled[0] - first - stop + 1) <= 2
    return labelled[0] if len(line.cells) == 2 and is_centred and not is_figure(line.cells[1].text) else None


def _stands_apart(lines: Sequence[Line], first: int, stop: int) -> bool:
    step = max(above.base - below.base for above, below in pairwise(lines[first:stop]))
    above = first == 0 or lines[first - 1].base - lines[first].base > _APART * step
    return above and (stop == len(lines) or lines[stop - 1].base - lines[stop].base > _APART * step)
