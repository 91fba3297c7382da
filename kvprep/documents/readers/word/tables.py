"""Rows and cells of a DOCX table."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.readers.word.wordml import child_value, descend, qn, whole_number

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAX_COLUMNS = 256
"""Word has 63 at most; a wider table would be blanks for the most part."""
_MAX_SPAN = 64
_SHORT_ROW = 200
"""Characters; a row of an arranged page that is no longer than this stands on one line."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, and how many columns it covers."""

    element: "Element"
    num_columns: int
    is_covered: bool
    """A merged cell, from above or from the left, lies over it."""
    shading: "Element | None"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the columns that it leaves free at its beginning, and its cells."""

    num_free: int
    cells: tuple[Cell, ...]

    @property
    def num_columns(self) -> int:
        """Count the columns that the row reaches over."""
        return self.num_free + sum(cell.num_columns for cell in self.cells)

    def texts(self, contents: Iterable[Sequence[Block]]) -> list[str]:
        """Put the text of each cell into its first column; what it covers besides is empty."""
        texts = [""] * self.num_free
        for cell, blocks in zip(self.cells, contents, strict=True):
            texts.append(" ".join(block.text for block in blocks))
            texts += [""] * (cell.num_columns - 1)
        return texts


def table_rows(table: "Element") -> list[Row]:
    """Give the rows and cells that are not deleted."""
    rows = []
    for element in descend(table, qn("w:tr")):
        properties = element.find(qn("w:trPr"))
        if properties is None or properties.find(qn("w:del")) is None:
            free = whole_number(child_value(properties, "w:gridBefore"), 0, _MAX_SPAN)
            rows.append(Row(free, tuple(_cells(element))))
    return rows


def is_data(rows: Sequence[Row]) -> bool:
    """Tell a table of values from one that only arranges text: a single row or column, or tables in its cells."""
    if len(rows) < 2 or all(len(row.cells) < 2 for row in rows):
        return False
    if any(row.num_columns > _MAX_COLUMNS for row in rows):
        return False
    return not any(_holds_table(cell.element) for row in rows for cell in row.cells)


def arranged(cells: Iterable[Sequence[Block]]) -> Iterator[Block]:
    """Give short values that stand side by side as one line, anything else cell by cell."""
    filled = [blocks for blocks in cells if blocks]
    texts = [blocks[0].text for blocks in filled if len(blocks) == 1 and blocks[0].kind is BlockKind.PARAGRAPH]
    line = " ".join(texts)
    if len(texts) == len(filled) > 1 and len(line) <= _SHORT_ROW and "\n" not in line:
        yield Block(line, BlockKind.LINE)
        return
    for blocks in filled:
        yield from blocks


def _cells(row: "Element") -> Iterator[Cell]:
    for element in descend(row, qn("w:tc")):
        properties = element.find(qn("w:tcPr"))
        if properties is not None and properties.find(qn("w:cellDel")) is not None:
            continue
        columns = max(1, whole_number(child_value(properties, "w:gridSpan"), 1, _MAX_SPAN))
        shading = properties.find(qn("w:shd")) if properties is not None else None
        yield Cell(element, columns, _is_covered(properties), shading)


def _is_covered(properties: "Element | None") -> bool:
    for name in ("w:vMerge", "w:hMerge"):
        merge = properties.find(qn(name)) if properties is not None else None
        if merge is not None and merge.get(qn("w:val"), "continue") == "continue":
            return True
    return False


def _holds_table(cell: "Element") -> bool:
    return next(descend(cell, qn("w:tbl")), None) is not None
