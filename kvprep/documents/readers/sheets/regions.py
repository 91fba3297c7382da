"""Regions of a sheet: what empty rows part, and wide gaps between columns, is written one after the other."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.markdown import is_label, titled_table
from kvprep.documents.readers.sheets.layout import Place, Span

Cells = Mapping[Place, str]
"""What the cells show, in the order of rows; those that show nothing are left out."""


_WIDE_GAP = 2
"""Columns; a single empty one is only a spacer."""


def region_blocks(cells: Cells, merged: Sequence[Span]) -> Iterator[Block]:
    """Write the cells of a sheet as lines and tables, from top to bottom."""
    ends = dict(merged)
    for band in _split(cells, ends, axis=0):
        for region in _tables_side_by_side(list(_split(band, ends, axis=1))):
            yield from _blocks(region, ends)


def _split(cells: Cells, ends: Mapping[Place, Place], axis: int) -> Iterator[Cells]:
    """Cut between cells along rows (axis 0) or columns (axis 1) that are empty and that no merged cell reaches over."""
    reach = -1
    part: dict[Place, str] = {}
    for place in sorted(cells, key=lambda place: place[axis]):
        if part and place[axis] > reach + 1:
            yield part
            part = {}
        part[place] = cells[place]
        reach = max(reach, ends.get(place, place)[axis])
    if part:
        yield part


def _tables_side_by_side(parts: Sequence[Cells]) -> Iterator[Cells]:
    """Join the parts of a band again that are columns of one table rather than tables of their own."""
    joined = dict(parts[0])
    for left, right in itertools.pairwise(parts):
        if _is_another_table(joined, left, right):
            yield joined
            joined = {}
        joined |= right
    yield joined


def _is_another_table(joined: Cells, left: Cells, right: Cells) -> bool:
    """Tell a table of its own: it shares few rows with what is left of it, or starts in another row behind a gap."""
    if _width(joined) < 2 or _width(right) < 2:
        return False
    rows, right_rows = {row for row, _ in joined}, {row for row, _ in right}
    gap = min(column for _, column in right) - max(column for _, column in left) - 1
    if gap >= _WIDE_GAP and min(rows) != min(right_rows):
        return True
    return 2 * len(rows & right_rows) < min(len(rows), len(right_rows))


def _width(cells: Cells) -> int:
    return len({column for _, column in cells})


def _blocks(region: Cells, ends: Mapping[Place, Place]) -> Iterator[Block]:
    rows, columns = sorted({row for row, _ in region}), sorted({column for _, column in region})
    labelled = _with_labels(region, ends, rows, columns)
    values = [[labelled.get((row, column), "") for column in columns] for row in rows]
    width = max(sum(map(bool, row)) for row in values)
    if len(rows) > 1 and width > 1:
        yield from titled_table(values, width)
        return
    for row in values:
        yield Block(" ".join(" ".join(row).split()), BlockKind.LINE)


def _with_labels(region: Cells, ends: Mapping[Place, Place], rows: Sequence[int], columns: Sequence[int]) -> Cells:
    """Put the labels among merged cells, and their heads, into each row and column that they are for.

    What has a row to itself is a title, and stays one; what is a figure must not be read twice.
    """
    labelled = dict(region)
    filled = Counter(row for row, _ in region)
    for place in region.keys() & ends.keys():
        text, (last_row, last_column) = region[place], ends[place]
        if filled[place[0]] > 1 and (place[0] == rows[0] or is_label(text)):
            across = [column for column in columns if place[1] <= column <= last_column]
            down = [row for row in rows if place[0] <= row <= last_row]
            labelled |= dict.fromkeys(itertools.product(down, across), text)
    return labelled
