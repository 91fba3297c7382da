"""The columns of a table: the room that its cells take, and which cell stands in which."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kvprep.documents.layout.rows import Cell, Line, Word

# Lengths are in font sizes.
_OVERLAP = 0.2
_SAME_CELL = 3.0
_STRIP = 0.25
_MIN_BOTH = 2


@dataclass(slots=True)
class Column:
    """The room that a table's cells take along the line, in points."""

    start: float
    end: float


def hit_columns(piece: Cell | Word, columns: Sequence[Column], size: float) -> list[int]:
    """Name the columns that a cell stands in, by number.

    Args:
        size: the font size in points; an overlap of a fifth of it does not count.
    """
    start, end = piece.start, piece.end
    slack = min(_OVERLAP * size, (end - start) / 2)
    reach, limit = start + slack, end - slack
    return [
        number
        for number, column in enumerate(columns)
        if column.end > reach and column.start < limit and column.end - column.start > slack
    ]


def nearest_column(cell: Cell, columns: Sequence[Column]) -> int:
    """Name the column that a cell between columns stands nearest to; of two, the left one."""
    distances = [max(column.start - cell.end, cell.start - column.end, 0) for column in columns]
    return distances.index(min(distances))


def places(line: Line, columns: Sequence[Column]) -> list[int | None] | None:
    """Give each cell its column, or none where it stands between columns; nothing at all if one would not fit.

    Two cells may share a column where they stand close to one another.
    """
    found: list[int | None] = []
    for before, cell in zip([None, *line.cells], line.cells, strict=False):
        hits = hit_columns(cell, columns, line.size)
        if len(hits) > 1:
            return None
        if hits and hits[0] in found and (before is None or cell.start - before.end > _SAME_CELL * line.size):
            return None
        found.append(hits[0] if hits else None)
    return found


def widen(columns: list[Column], line: Line) -> None:
    """Let columns grow to the cells of a line that fits, and add those that are new."""
    for cell in line.cells:
        for number in hit_columns(cell, columns, line.size)[:1]:
            column = columns[number]
            column.start, column.end = min(column.start, cell.start), max(column.end, cell.end)
    add_missing(columns, line)


def add_missing(columns: list[Column], line: Line) -> None:
    """Add columns for the cells of a line that fits which stand between columns."""
    for cell in line.cells:
        if not hit_columns(cell, columns, line.size):
            columns.append(Column(cell.start, cell.end))
            columns.sort(key=lambda column: column.start)


def without_weak(columns: Sequence[Column], lines: Iterable[Line], head: Iterable[Line]) -> list[Column]:
    """Leave out columns that one line alone made, unless it is a line of the head, where a column may be empty."""
    support: Counter[int] = Counter()
    for weight, some in ((1, lines), (2, head)):
        for line in some:
            found = [hit_columns(cell, columns, line.size) for cell in line.cells]
            support.update(dict.fromkeys({hits[0] for hits in found if len(hits) == 1}, weight))
    return [column for number, column in enumerate(columns) if support[number] > 1]


def split_at_strips(columns: Sequence[Column], lines: Sequence[Line]) -> list[Column]:
    """Split a column where a line of two cells has both in it, and no word of any other line stands in between."""
    parts: list[Column] = []
    for column in columns:
        strip = _strip(column, lines)
        if strip is None:
            parts.append(column)
        else:
            parts += [Column(column.start, strip.start), Column(strip.end, column.end)]
    return parts


def _strip(column: Column, lines: Sequence[Line]) -> Column | None:
    """Find room between the two cells of a line in a column that the words of all lines leave free."""
    for line in lines:
        if len(line.cells) == 2 and line.cells[0].end > column.start and line.cells[1].start < column.end:
            gap = Column(line.cells[0].end, line.cells[1].start)
            strip = _widest_free(gap, [_words_in(line, column) for line in lines])
            if strip.end - strip.start >= _STRIP * line.size:
                return strip
    return None


def _words_in(line: Line, column: Column) -> list[Word]:
    return [word for cell in line.cells for word in cell.words if word.start < column.end and word.end > column.start]


def _widest_free(gap: Column, lines: Sequence[Sequence[Word]]) -> Column:
    """Give the widest part of a gap without words that has words on both sides in two lines at least."""
    inside = sorted((word.start, word.end) for words in lines for word in words)
    free, reach = Column(gap.start, gap.start), gap.start
    for start, end in [*inside, (gap.end, gap.end)]:
        stop = min(start, gap.end)
        if stop - reach > free.end - free.start and _num_both(reach, stop, lines) >= _MIN_BOTH:
            free = Column(reach, stop)
        reach = max(reach, end)
    return free


def _num_both(start: float, end: float, lines: Sequence[Sequence[Word]]) -> int:
    return sum(any(word.end <= start for word in words) and any(word.start >= end for word in words) for words in lines)
