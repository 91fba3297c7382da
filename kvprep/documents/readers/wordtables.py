"""Rows and cells of a DOCX table."""

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
