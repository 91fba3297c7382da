"""The printed lines of a table put together into its logical rows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from kvprep.documents.furniture import is_cut_word
from kvprep.documents.layout.columns import Column, hit_columns, nearest_column
from kvprep.documents.layout.figures import ends_with_amount, has_digit, is_figure, is_value
from kvprep.documents.layout.rows import Cell, Line, Word

HEAD_STEP = 1.6
"""Lines of one head are at most so many font sizes apart."""
ROW_STEP = 2.2
"""Lines of one row are at most so many font sizes apart."""
_CLOSE_STEP = 1.6
_NEARER = 0.88
_EDGE = 0.6


@dataclass(slots=True)
class _Placed:
    """One line with its text column by column."""

    line: Line
    cells: dict[int, str]
    spans: bool = False
    """Its text does not keep to the columns, and stands whole in the one where it starts."""


@dataclass(slots=True)
class _LogicalRow:
    cells: dict[int, str]
    last: Line
    spans: bool
    num_lines: int = 1
    first_column: int = field(init=False)

    def __post_init__(self) -> None:
        self.first_column = min(self.cells)


def table_rows(lines: Sequence[Line], num_sure: int, columns: Sequence[Column]) -> tuple[list[list[str]], int]:
    """Put a table's lines into rows; a line that continues the cells of the row above is taken into it.

    Args:
        lines: from the table's first to the page's last.
        num_sure: how many of them surely belong to the table; more do if they continue its last row.

    Returns:
        The rows, each with a text for every column, and how many lines they took.
    """
    placed = [_place(line, columns) for line in lines]
    figures = _columns_of(is_figure, placed[:num_sure], len(columns))
    num_head = _head_lines(placed[:num_sure], _columns_of(is_value, placed[:num_sure], len(columns)))
    pitch = _pitch(placed[:num_sure])
    rows: list[_LogicalRow] = []
    for index, item in enumerate(placed):
        row = rows[-1] if rows else None
        if row is not None and (
            index < num_head or (index > num_head and _continues(row, placed, index, figures, pitch))
        ):
            _take_in(row, item)
        elif index < num_sure:
            rows.append(_LogicalRow(dict(item.cells), item.line, item.spans))
        else:
            break
    _settle_numbers(rows, figures)
    num_lines = sum(row.num_lines for row in rows)
    texts = [[row.cells.get(number, "") for number in range(len(columns))] for row in rows]
    return (_with_heads_over_columns(texts) if num_head else texts), num_lines


def _pitch(placed: Sequence[_Placed]) -> float:
    """Give the least distance of two full lines of the same columns that follow one another, in font sizes."""
    pairs = [
        (above, below)
        for above, below in pairwise(placed)
        if _is_full(above) and above.cells.keys() == below.cells.keys()
    ]
    return min((_step(above.line, below.line) for above, below in pairs), default=math.inf)


def _is_full(item: _Placed) -> bool:
    return len(item.cells) > 2 and not item.spans


def _settle_numbers(rows: Sequence[_LogicalRow], figures: set[int]) -> None:
    """Move the number of an item that is centred beside its lines up to the row with its figures."""
    for index, row in enumerate(rows):
        if not is_figure(row.cells.get(0, "")) or figures & (row.cells.keys() - {0}):
            continue
        for above in reversed(rows[:index]):
            if 0 in above.cells:
                break
            if figures & above.cells.keys():
                above.cells[0] = row.cells.pop(0)
                break


def _with_heads_over_columns(rows: list[list[str]]) -> list[list[str]]:
    """Put the name of a column over it where it is set to its side: neighbours of which only one is ever filled."""
    head, *body = rows
    number = 0
    while number + 1 < len(head):
        left = not head[number] and not any(row[number + 1] for row in body)
        right = not head[number + 1] and not any(row[number] for row in body)
        if (left and head[number + 1]) or (right and head[number]):
            for row in rows:
                row[number : number + 2] = [row[number] or row[number + 1]]
        number += 1
    return rows


def _place(line: Line, columns: Sequence[Column]) -> _Placed:
    cells: dict[int, str] = {}
    spans = False
    for cell in line.cells:
        for number, words in _shares(cell, columns, line.size):
            text = " ".join([word.text for word in words])
            if number is None:
                spans = True
                number = _column_of_span(cell, line, columns)
            if spans and number in cells:
                return _Placed(line, {min([*cells, number]): line.text}, spans)
            cells[number] = f"{cells[number]} {text}" if number in cells else text
    return _Placed(line, cells, spans)


def _column_of_span(cell: Cell, line: Line, columns: Sequence[Column]) -> int:
    """Choose the column for text that runs across several: the first, but beside its figure for a total's label."""
    hits = hit_columns(cell, columns, line.size)
    is_label = len(line.cells) == 2 and cell is line.cells[0] and is_figure(line.cells[1].text)
    return hits[-1] if is_label else hits[0]


def _shares(cell: Cell, columns: Sequence[Column], size: float) -> list[tuple[int | None, list[Word]]]:
    """Share a cell's words out to columns; the number is missing where it runs across columns as one text."""
    hits = hit_columns(cell, columns, size)
    if len(hits) < 2:
        return [(hits[0] if hits else nearest_column(cell, columns), cell.words)]
    shares: dict[int, list[Word]] = {}
    for word in cell.words:
        number = max(hits, key=lambda hit: (_overlap(word, columns[hit]), -hit))
        shares.setdefault(number, []).append(word)
    ordered = list(shares)
    if ordered != sorted(ordered) or not all(_fits(shares[number], columns[number], size) for number in ordered[1:]):
        return [(None, cell.words)]
    return list(shares.items())


def _overlap(piece: Cell | Word, column: Column) -> float:
    return min(piece.end, column.end) - max(piece.start, column.start)


def _fits(words: Sequence[Word], column: Column, size: float) -> bool:
    """Tell whether words start or end where their column does: then the gap before them is the gap of the columns."""
    slack = _EDGE * size
    return abs(words[0].start - column.start) <= slack or abs(words[-1].end - column.end) <= slack / 2


def _columns_of(is_kind: Callable[[str], bool], placed: Sequence[_Placed], num_columns: int) -> set[int]:
    """Name the columns whose cells are of a kind in at least half of the full lines below the first."""
    full = [item.cells for item in placed[len(placed) > 1 :] if _is_full(item) and 2 * len(item.cells) > num_columns]
    found = set()
    for number in range(num_columns):
        texts = [cells[number] for cells in full if number in cells]
        if texts and 2 * sum(map(is_kind, texts)) >= len(texts):
            found.add(number)
    return found


def _head_lines(placed: Sequence[_Placed], values: set[int]) -> int:
    """Count the lines of the head: close to one another, before the first with a value below a column's name."""
    for count, item in enumerate(placed):
        if item.spans or ends_with_amount(item.line.text):
            return count
        if any(is_value(text) for number, text in item.cells.items() if number in values):
            return count
        if count and _step(placed[count - 1].line, item.line) > HEAD_STEP:
            return count
        if item.cells.keys() == {0} and any(map(_is_full, placed[:count])):
            return count
    return len(placed)


def _step(above: Line, below: Line) -> float:
    """Give the distance of two base lines, in font sizes."""
    return (above.base - below.base) / max(above.size, below.size)


def _continues(row: _LogicalRow, placed: Sequence[_Placed], index: int, figures: set[int], pitch: float) -> bool:
    item = placed[index]
    step = _step(row.last, item.line)
    if row.spans or item.spans:
        below = row.spans and len(item.line.cells) == 1 and item.cells.keys() <= row.cells.keys()
        return (
            below and step <= _CLOSE_STEP and abs(row.last.cells[-1].start - item.line.start) <= _EDGE * row.last.size
        )
    if any(has_digit(text) and number in figures and number in row.cells for number, text in item.cells.items()):
        return False
    if len(item.cells) > 1 and step >= _NEARER * pitch:
        return False
    leftmost = min(item.cells)
    if leftmost > row.first_column:
        return step <= ROW_STEP
    if step > _CLOSE_STEP or len(item.cells) > len(row.cells):
        return False
    if leftmost == 0 or len(item.cells) == 1:
        at_home = leftmost == row.first_column and not figures & item.cells.keys()
        return at_home and _is_nearer(placed, index, figures)
    return not any(is_figure(text) and is_figure(row.cells.get(number, "")) for number, text in item.cells.items())


def _is_nearer(placed: Sequence[_Placed], index: int, figures: set[int]) -> bool:
    """Tell whether a line, with those like it below, is nearer to the row above than to the next with figures."""
    above = placed[index - 1].line.base - placed[index].line.base
    for upper, lower in pairwise(placed[index:]):
        gap = upper.line.base - lower.line.base
        if above <= _NEARER * gap:
            return True
        if figures & lower.cells.keys():
            return False
    return True


def _take_in(row: _LogicalRow, item: _Placed) -> None:
    for number, text in item.cells.items():
        before = row.cells.get(number, "")
        if is_cut_word(before, text):
            row.cells[number] = before[:-1] + text
        else:
            row.cells[number] = f"{before} {text}".strip()
    row.last = item.line
    row.num_lines += 1
