"""Rows and cells of a DOCX table."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.markdown import is_label, table
from kvprep.documents.readers.office.names import child_value, descend, qn, whole_number

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAX_COLUMNS = 256
"""Word has 63 at most; a wider table would be blanks for the most part."""
_MAX_SPAN = 64


class Covered(Enum):
    """Whether a merged cell lies over a cell."""

    NOT = auto()
    FROM_ABOVE = auto()
    FROM_THE_LEFT = auto()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, and the columns [start, end) that it reaches over."""

    element: "Element"
    start: int
    end: int
    covered: Covered
    shading: "Element | None"


Row = tuple[Cell, ...]


def table_rows(element: "Element") -> list[Row]:
    """Give the rows and cells of a table that are not deleted."""
    rows = []
    for row in descend(element, qn("w:tr")):
        properties = row.find(qn("w:trPr"))
        if properties is None or properties.find(qn("w:del")) is None:
            rows.append(tuple(_cells(row, whole_number(child_value(properties, "w:gridBefore"), 0, _MAX_SPAN))))
    return rows


def is_data(rows: Sequence[Row]) -> bool:
    """Tell a table of values from one that only arranges text: a single row or column, or tables in its cells."""
    if len(rows) < 2 or all(len(row) < 2 for row in rows):
        return False
    cells = [cell for row in rows for cell in row]
    return not any(cell.end > _MAX_COLUMNS or _holds_table(cell.element) for cell in cells)


def lay_out(rows: Sequence[Row], texts: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """Put the text of each cell into its column; yield the rows. Columns that no cell starts in are left out.

    A label stands in every cell that its merged cell covers, so that each row says by itself what it is about. A figure
    stands once: a second one would be a second amount. So does everything where no row has a cell in every column: then
    the columns are those of a form, and mean nothing.
    """
    columns = sorted({cell.start for row in rows for cell in row})
    names_columns = any(len(row) == len(columns) for row in rows)
    above: dict[int, str] = {}
    for row, contents in zip(rows, texts, strict=True):
        line = dict.fromkeys(columns, "")
        below: dict[int, str] = {}
        label = ""
        for cell, content in zip(row, contents, strict=True):
            text = _text(cell, content, above, label)
            label = text if names_columns and is_label(text) else ""
            below[cell.start] = label
            covered = columns[bisect_left(columns, cell.start) : bisect_left(columns, cell.end)] if len(row) > 1 else ()
            line.update(dict.fromkeys(covered, label))
            line[cell.start] = text
        above = below
        yield list(line.values())


def _text(cell: Cell, content: str, above: Mapping[int, str], left: str) -> str:
    """Give what is seen in a cell: its own content, or what covers it."""
    if cell.covered is Covered.FROM_ABOVE:
        return above.get(cell.start, "")
    return left if cell.covered is Covered.FROM_THE_LEFT else content


def grid_blocks(rows: Sequence[Row], grid: Sequence[Sequence[str]]) -> Iterator[Block]:
    """Write rows that were laid out. Cells over the whole width at the top are the table's title, not its head.

    What turns out to have text in one row or column only is no table.
    """
    num_titles = next(index for index, row in enumerate(rows) if len(row) > 1)
    filled = [line for line in grid[num_titles:] if any(line)]
    is_table = len(filled) > 1 and sum(any(column) for column in zip(*filled, strict=True)) > 1
    for line in grid[:num_titles] if is_table else grid:
        text = " ".join(cell for cell in line if cell)
        yield from [Block(text)] if text else []
    if is_table:
        yield Block(table(filled), BlockKind.TABLE)


def _cells(row: "Element", start: int) -> Iterator[Cell]:
    for element in descend(row, qn("w:tc")):
        properties = element.find(qn("w:tcPr"))
        if properties is not None and properties.find(qn("w:cellDel")) is not None:
            continue
        end = start + max(1, whole_number(child_value(properties, "w:gridSpan"), 1, _MAX_SPAN))
        shading = properties.find(qn("w:shd")) if properties is not None else None
        yield Cell(element, start, end, _covered(properties), shading)
        start = end


def _covered(properties: "Element | None") -> Covered:
    for name, covered in (("w:vMerge", Covered.FROM_ABOVE), ("w:hMerge", Covered.FROM_THE_LEFT)):
        merge = properties.find(qn(name)) if properties is not None else None
        if merge is not None and merge.get(qn("w:val"), "continue") == "continue":
            return covered
    return Covered.NOT


def _holds_table(cell: "Element") -> bool:
    return next(descend(cell, qn("w:tbl")), None) is not None
