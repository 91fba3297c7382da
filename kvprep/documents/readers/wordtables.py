"""Rows and cells of a DOCX table, and the Markdown that they become."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, BlockKind
from kvprep.documents.readers.wordml import descend, qn

if TYPE_CHECKING:
    from lxml.etree import _Element as Element


def table_rows(table: "Element") -> "Iterator[Element]":
    """Yield the rows that are not deleted."""
    for row in descend(table, qn("w:tr")):
        properties = row.find(qn("w:trPr"))
        if properties is None or properties.find(qn("w:del")) is None:
            yield row


def is_covered(properties: "Element | None") -> bool:
    """Tell whether a merged cell covers this one, by the properties of the cell."""
    for name in ("w:vMerge", "w:hMerge"):
        merge = properties.find(qn(name)) if properties is not None else None
        if merge is not None and merge.get(qn("w:val"), "continue") == "continue":
            return True
    return False


def span(value: str | None, *, least: int) -> int:
    """Read a number of columns; nonsense counts as `least`."""
    return min(max(int(value), least), 64) if value and value.isdigit() else least


def holds_table(cell: Sequence[Block]) -> bool:
    """Tell whether a cell holds another table."""
    return any(block.kind is BlockKind.TABLE for block in cell)


def cell_text(cell: Sequence[Block]) -> str:
    """Write a cell's blocks on one line of a Markdown table."""
    text = " ".join(block.text.replace("\n", " ") for block in cell)
    return text.replace("|", "\\|")


def markdown_rows(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write rows as a Markdown table without its empty rows and columns; the first row becomes its head."""
    filled = [row for row in rows if any(row)]
    columns = [index for index in range(len(rows[0])) if any(row[index] for row in filled)]
    lines = ["| " + " | ".join(row[index] for index in columns) + " |" for row in filled]
    if lines:
        lines.insert(1, "| " + " | ".join("---" for _ in columns) + " |")
    return lines
