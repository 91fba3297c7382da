"""Tables without a grid: lines whose cells stand below one another, one logical row for each item.

A table is taken for one only where it is sure: at least two lines of at least three cells that share at least three
columns, and figures in one of them. A lone item is put together as one line; everything else stays lines.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile

from kvprep.documents.layout.columns import (
    Column,
    add_missing,
    hit_columns,
    places,
    split_at_strips,
    widen,
    without_weak,
)
from kvprep.documents.layout.figures import has_digit, is_figure, is_value
from kvprep.documents.layout.rows import Cell, Line
from kvprep.documents.layout.tablerows import HEAD_STEP, ROW_STEP, table_rows

# Steps between base lines and distances are in font sizes.
_MIN_CELLS = 3
_MIN_ANCHORS = 2
_MAX_STEP = 5.0
_MAX_BETWEEN = 14
_MAX_STRANGE = 2
_MAX_WRAP = 10
_MANY_ANCHORS = 12
_ALIGNED = 0.5
_HEADING_SIZE = 1.15
_HEADING_STEP = 1.8
_HEADING_WORDS = 4


@dataclass(slots=True)
class Table:
    """Lines `[first, end)` of a page, as rows of cells."""

    first: int
    end: int
    rows: list[list[str]]
    is_sure: bool
    """Else it is one item whose cells wrap."""


@dataclass(slots=True)
class _Region:
    columns: list[Column]
    first: int
    last: int
    """The last line that surely belongs to it."""
    anchors: list[Line]
    """Lines of at least three cells."""
    head_end: int
    """Where its first full line ends."""
    in_head: bool
    """So far there are only close lines without a digit."""
    row_size: float = 0.0
    """Largest font size among anchors with digits."""


def find_tables(lines: Sequence[Line]) -> Iterator[Table]:
    """Find the tables among a page's lines, top to bottom; they do not overlap."""
    at = taken = 0
    while at < len(lines):
        if len(lines[at].cells) < _MIN_CELLS:
            at += 1
            continue
        region = _grow(lines, at)
        table = _sure_table(lines, region, taken) or _lone_item(lines, at, region.columns)
        if table is not None:
            yield table
            at = taken = table.end
        else:
            # What goes on for so long without becoming a table does not become one a line later.
            at = region.last + 1 if len(region.anchors) > _MANY_ANCHORS else at + 1


def _sure_table(lines: Sequence[Line], region: _Region, floor: int) -> Table | None:
    if not _is_sure(region):
        return None
    _grow_upwards(lines, region, floor)
    start, stop = region.first, region.last + 1
    columns = without_weak(region.columns, lines[start:stop], lines[start : region.head_end])
    columns = split_at_strips(columns, lines[start:stop])
    rows, num_lines = table_rows(lines[start : stop + _MAX_BETWEEN], stop - start, columns)
    return Table(start, start + num_lines, rows, is_sure=True) if len(rows) > 1 else None


def _lone_item(lines: Sequence[Line], first: int, columns: Sequence[Column]) -> Table | None:
    """Put together an item whose cells wrap; a line that ends with a figure does not belong to it."""
    if not _is_item(lines[first]):
        return None
    others = takewhile(lambda line: not is_figure(line.cells[-1].text) or len(line.cells) == 1, lines[first + 1 :])
    around = [lines[first], *islice(others, _MAX_WRAP)]
    columns = split_at_strips(without_weak(columns, around, around[:1]), around)
    rows, num_lines = table_rows(around, 1, columns)
    return Table(first, first + num_lines, rows, is_sure=False) if num_lines > 1 else None


def _grow(lines: Sequence[Line], first: int) -> _Region:
    """Go down from a line with its cells as columns, as long as lines fit or a fitting one follows soon."""
    columns = [Column(cell.start, cell.end) for cell in lines[first].cells]
    region = _Region(columns, first, first, [lines[first]], first + 1, not has_digit(lines[first].text))
    region.row_size = lines[first].size * has_digit(lines[first].text)
    num_strange = 0
    for index in range(first + 1, len(lines)):
        line, above = lines[index], lines[index - 1]
        if _step(above, line) > _MAX_STEP or _begins_another(region, above, line):
            break
        found = places(line, columns)
        if found is not None and _is_row(line, columns):
            widen(columns, line)
            region.last = index
            num_strange = 0
            if len(line.cells) >= _MIN_CELLS:
                region.anchors.append(line)
                region.row_size = max(region.row_size, line.size * has_digit(line.text))
            continue
        if (
            found is not None
            and _step(above, line) <= ROW_STEP
            and not any(is_figure(cell.text) for cell in line.cells)
        ):
            add_missing(columns, line)
        num_strange += found is None and len(line.cells) >= _MIN_CELLS
        if num_strange > _MAX_STRANGE or index - region.last > _MAX_BETWEEN:
            break
    return region


def _step(above: Line, below: Line) -> float:
    return (above.base - below.base) / max(above.size, below.size)


def _begins_another(region: _Region, above: Line, line: Line) -> bool:
    """Tell whether a line is a heading in larger letters than the rows above it, or the head of another table."""
    region.in_head = region.in_head and _step(above, line) <= HEAD_STEP and not has_digit(line.text)
    if len(line.cells) > 1:
        return _is_like_a_head(line) and not region.in_head
    if region.row_size and line.size > _HEADING_SIZE * region.row_size:
        return True
    apart = _step(above, line) > _HEADING_STEP and line.start < region.columns[0].end
    return apart and _is_label(line.text) and len(line.cells[0].words) <= _HEADING_WORDS


def _is_like_a_head(line: Line) -> bool:
    return len(line.cells) >= _MIN_CELLS and not any(has_digit(cell.text) for cell in line.cells)


def _is_row(line: Line, columns: Sequence[Column]) -> bool:
    if len(line.cells) >= _MIN_CELLS:
        return True
    last = line.cells[-1]
    is_last = hit_columns(last, columns, line.size)[-1:] == [len(columns) - 1]
    return len(line.cells) == 2 and is_figure(last.text) and is_last


def _grow_upwards(lines: Sequence[Line], region: _Region, floor: int) -> None:
    """Take in the upper lines of a head whose cells have several: close above, without figures, column by column."""
    columns = region.columns
    for index in range(region.first - 1, floor - 1, -1):
        line, below = lines[index], lines[index + 1]
        inside = columns[0].start - line.size <= line.start and line.end <= columns[-1].end + line.size
        if _step(line, below) > HEAD_STEP or not inside or has_digit(line.text):
            return
        indented = line.start > columns[0].end
        if places(line, columns) is None or not (indented or len(line.cells) > 1):
            return
        widen(columns, line)
        region.first = index


def _is_item(line: Line) -> bool:
    """Tell whether a line alone is an item of an invoice: it ends with a figure, and has another."""
    cells = [cell.text for cell in line.cells]
    return is_figure(cells[-1]) and any(map(is_figure, cells[:-1])) and not any(map(_is_label, cells))


def _is_sure(region: _Region) -> bool:
    """Tell whether aligned cells are a table: with a head and a column of values, or with two such columns.

    Labels and values set in columns are none.
    """
    if len(region.anchors) < _MIN_ANCHORS:
        return False
    columns = _column_cells(region)
    first = region.anchors[0]
    has_head = _is_like_a_head(first) and not any(_is_label(cell.text) for cell in first.cells)
    if not has_head and any(2 * sum(_is_label(cell.text) for cell in cells) > len(region.anchors) for cells in columns):
        return False
    num_aligned = sum(_share_an_edge(cells, first.size) for cells in columns)
    num_values = sum(_holds_values(cells[1:]) for cells in columns)
    return num_aligned >= _MIN_CELLS and num_values >= (1 if has_head else 2)


def _is_label(text: str) -> bool:
    return text.endswith(":")


def _holds_values(cells: Sequence[Cell]) -> bool:
    return 2 * sum(is_value(cell.text) for cell in cells) >= len(cells) > 0


def _column_cells(region: _Region) -> list[list[Cell]]:
    found: list[list[Cell]] = [[] for _ in region.columns]
    for line in region.anchors:
        for cell in line.cells:
            for number in hit_columns(cell, region.columns, line.size):
                found[number].append(cell)
    return found


_EDGES: tuple[Callable[[Cell], float], ...] = (
    lambda cell: cell.start,
    lambda cell: cell.end,
    lambda cell: (cell.start + cell.end) / 2,
)


def _share_an_edge(cells: Sequence[Cell], size: float) -> bool:
    """Tell whether two cells start, end or are centred at the same place."""
    for edge in _EDGES:
        at = sorted(map(edge, cells))
        if any(after - before <= _ALIGNED * size for before, after in pairwise(at)):
            return True
    return False
