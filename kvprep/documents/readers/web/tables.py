"""Tables of HTML: those that hold data become Markdown tables, those that only arrange a page give its text."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.markdown import arranged, is_label
from kvprep.documents.markdown import table as markdown_table
from kvprep.documents.readers.web.flow import TextFlow
from kvprep.errors import OversizedDocument

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MAX_CELLS = 2_000_000
"""Of one table, those that merged cells cover included."""
_MAX_COLUMN_SPAN = 64
_LONG_CELL = 1000
"""Characters; a cell that holds more in several blocks is a part of a page rather than a value."""
_BAR = re.compile(r"(?<!\\)\|")
_SECTIONS = {"thead": 0, "tfoot": 2}


@dataclass
class Cell:
    """A cell: what it holds, and how many columns and rows it covers."""

    is_head: bool
    num_columns: int
    num_rows: int
    flow: TextFlow = field(default_factory=TextFlow)

    @property
    def text(self) -> str:
        """All of it, without the marks of a table in it."""
        return " ".join(_unmarked(block) for block in self.flow.blocks)

    @property
    def is_part_of_a_page(self) -> bool:
        """Tell whether it holds what no cell of a table of data holds."""
        blocks = self.flow.blocks
        if any(block.kind is BlockKind.TABLE for block in blocks):
            return True
        return len(blocks) > 1 and sum(len(block.text) for block in blocks) > _LONG_CELL


@dataclass
class OpenTable:
    """A table whose rows are being read."""

    for_layout: bool
    """The markup says that it is no table of data."""
    has_head: bool = False
    """It has a caption or a head."""
    _rows: list[tuple[int, list[Cell]]] = field(default_factory=list)

    def add_row(self, section: str) -> None:
        """Start a row in a section of the table, such as `tbody`."""
        self._rows.append((_SECTIONS.get(section, 1), []))
        self.has_head |= section == "thead"

    def add_cell(self, element: "Element") -> Cell:
        """Start a cell in the newest row."""
        if not self._rows:
            self.add_row("")
        cell = Cell(element.tag == "th", _span(element, "colspan", _MAX_COLUMN_SPAN), _span(element, "rowspan", 65534))
        self._rows[-1][1].append(cell)
        return cell

    def blocks(self) -> Iterator[Block]:
        """Give the table's text, head first and foot last.

        Raises:
            OversizedDocument: it has more cells than any table has.
        """
        rows = [row for _, row in sorted(self._rows, key=lambda pair: pair[0]) if row]
        if self._holds_data(rows):
            yield from _data_blocks(rows, titled=not self.has_head)
            return
        for row in rows:
            yield from arranged([cell.flow.blocks for cell in row])

    def _holds_data(self, rows: Sequence[Sequence[Cell]]) -> bool:
        cells = [cell for row in rows for cell in row]
        if self.for_layout or len(rows) < 2 or max(len(row) for row in rows) < 2:
            return False
        heads = sum(cell.is_head for cell in cells)
        return self.has_head or 0 < heads < len(cells) or not any(cell.is_part_of_a_page for cell in cells)


def _unmarked(block: Block) -> str:
    if block.kind is not BlockKind.TABLE:
        return block.text
    head, _, *rows = block.text.split("\n")
    return _BAR.sub(" ", " ".join((head, *rows))).replace("\\|", "|")


def _data_blocks(rows: Sequence[Sequence[Cell]], *, titled: bool) -> Iterator[Block]:
    """Write a table of data; merged cells that fill the rows below it, or if `titled` above it, stand there as text."""
    start = next((index for index, row in enumerate(rows) if not _is_one_cell(row)), 0) if titled else 0
    end = next((index for index in range(len(rows), start, -1) if not _is_one_cell(rows[index - 1])), len(rows))
    yield from (block for row in rows[:start] for block in row[0].flow.blocks)
    text = markdown_table(_grid(rows[start:end]))
    yield from [Block(text, BlockKind.TABLE)] if text else []
    yield from (block for row in rows[end:] for block in row[0].flow.blocks)


def _is_one_cell(row: Sequence[Cell]) -> bool:
    return len(row) == 1 and row[0].num_columns > 1 and row[0].num_rows == 1


@dataclass(slots=True)
class _Reach:
    """What a cell above leaves in a column: for how many more rows, and which text."""

    num_rows: int
    text: str


def _grid(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """Put every cell's text where it stands, and a label into each row and column that it is for.

    So each row can be read for itself. What other merged cells cover stays empty: a figure must not be read twice.
    """
    covered: dict[int, _Reach] = {}
    grid: list[list[str]] = []
    num_cells = 0
    for row in rows:
        line = _place(row, covered)
        num_cells += len(line)
        if num_cells > _MAX_CELLS:
            raise OversizedDocument(f"a table of more than {_MAX_CELLS} cells")
        # A row of labels for the rows below has no line of its own.
        if any(cell.num_rows == 1 for cell in row) or row is rows[-1]:
            grid.append(line)
    return grid


def _place(row: Sequence[Cell], covered: dict[int, _Reach]) -> list[str]:
    """Lay out one row under what reaches down into it; `covered` is brought up to date, by column."""
    line: list[str] = []
    reaching = {column: _Reach(reach.num_rows - 1, reach.text) for column, reach in covered.items()}
    for cell in row:
        while len(line) in covered:
            line.append(covered[len(line)].text)
        label = cell.text if cell.is_head or is_label(cell.text) else ""
        if cell.num_rows > 1:
            reaching |= {len(line) + offset: _Reach(cell.num_rows - 1, label) for offset in range(cell.num_columns)}
        # What has a row to itself is a title rather than a label.
        line += [cell.text, *[label if len(row) > 1 else ""] * (cell.num_columns - 1)]
    while len(line) in covered:
        line.append(covered[len(line)].text)
    covered.clear()
    covered.update({column: reach for column, reach in reaching.items() if reach.num_rows > 0})
    return line


def _span(element: "Element", name: str, most: int) -> int:
    value = element.get(name, "").strip()
    return min(max(int(value), 1), most) if value.isdecimal() and len(value) < 6 else 1
