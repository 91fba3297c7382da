"""Markdown that readers write: one way to write a table, whatever the format it comes from."""

from collections.abc import Iterable, Iterator, Sequence

from kvprep.documents.base import Block, BlockKind

_LONGEST_LABEL = 80
_SHORT_ROW = 200
"""Characters; a row of an arranged page that is no longer than this stands on one line."""


def table(rows: Sequence[Sequence[str]]) -> str:
    """Write rows as a Markdown table; the first row becomes its head.

    Rows and columns without text are left out, short rows are filled up, a cell's line breaks become blanks.

    Returns:
        Lines without a line break at the end; nothing where no cell has text.
    """
    cells = [[cell_text(cell) for cell in row] for row in rows]
    filled = [row for row in cells if any(row)]
    width = max(map(len, filled), default=0)
    columns = [index for index in range(width) if any(row[index] for row in filled if index < len(row))]
    lines = [_line(row[index] if index < len(row) else "" for index in columns) for row in filled]
    if lines:
        lines.insert(1, _line("---" for _ in columns))
    return "\n".join(lines)


def titled_table(rows: Sequence[Sequence[str]], width: int) -> Iterator[Block]:
    """Write rows as lines and a table: what stands above the table has at most half as many values as it has.

    Args:
        rows: values of a sheet or a file of separated values, row by row.
        width: how many values a row of the table has.
    """
    start = next((index for index, row in enumerate(rows) if 2 * _num_filled(row) > width), 0)
    for row in rows[:start]:
        yield Block(" ".join(" ".join(row).split()), BlockKind.LINE)
    yield Block(table(rows[start:]), BlockKind.TABLE)


def arranged(cells: Iterable[Sequence[Block]]) -> Iterator[Block]:
    """Write a row of a table that only arranges a page: short values side by side as one line, else cell by cell."""
    filled = [blocks for blocks in cells if blocks]
    texts = [blocks[0].text for blocks in filled if len(blocks) == 1 and blocks[0].kind is BlockKind.PARAGRAPH]
    line = " ".join(texts)
    if len(texts) == len(filled) > 1 and len(line) <= _SHORT_ROW and "\n" not in line:
        yield Block(line, BlockKind.LINE)
        return
    for blocks in filled:
        yield from blocks


def cell_text(text: str) -> str:
    """Write a cell's text on one line, with nothing in it that would end the cell."""
    return " ".join(text.split()).replace("|", "\\|")


def _num_filled(row: Sequence[str]) -> int:
    return sum(1 for value in row if value.strip())


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def is_label(text: str) -> bool:
    """Tell a short text of words from a figure and from prose: it may stand in every cell that a merged cell covers."""
    digits = sum(char.isdigit() for char in text)
    return len(text) <= _LONGEST_LABEL and sum(char.isalpha() for char in text) > digits
