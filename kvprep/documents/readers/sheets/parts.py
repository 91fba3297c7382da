"""The parts of an XLSX package: which sheet lies where, and what is drawn on it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvprep.documents.base import Block
from kvprep.documents.readers.office.graphics import chart_blocks
from kvprep.documents.readers.office.names import qn
from kvprep.documents.readers.office.package import Package

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

WORKBOOK = "xl/workbook.xml"


def sheet_parts(package: Package) -> dict[str, str]:
    """Map the names of the sheets to their parts, in their order.

    Raises:
        DocumentError: the package is broken, or unpacks to too much.
    """
    root = package.root(WORKBOOK)
    relations = package.relations(WORKBOOK)
    parts = {}
    for sheet in root.iter(qn("s:sheet")) if root is not None else ():
        relation = relations.get(sheet.get(qn("r:id"), ""))
        parts[sheet.get("name", "")] = relation.target if relation else ""
    return parts


def related(package: Package, part: str, kind: str) -> Iterator[str]:
    """Yield the parts of a kind that a part refers to."""
    for relation in package.relations(part).values():
        if relation.kind == kind and relation.target:
            yield relation.target


def drawing_blocks(package: Package, sheet: str) -> Iterator[Block]:
    """Give the text of a sheet's text boxes, and the tables that its charts draw.

    Raises:
        DocumentError: a part is broken, or the package unpacks to too much.
    """
    for drawing in related(package, sheet, "drawing"):
        yield from _boxes(package.root(drawing))
        for chart in related(package, drawing, "chart"):
            root = package.root(chart)
            yield from chart_blocks(root) if root is not None else ()


def _boxes(root: "Element | None") -> Iterator[Block]:
    for box in root.iter(qn("xdr:txBody")) if root is not None else ():
        paragraphs = box.iterfind(qn("a:p"))
        text = "\n".join("".join(map(_run, each.iter(qn("a:t"), qn("a:br")))) for each in paragraphs)
        if text.strip():
            yield Block(text)


def _run(run: "Element") -> str:
    return "\n" if run.tag == qn("a:br") else run.text or ""
