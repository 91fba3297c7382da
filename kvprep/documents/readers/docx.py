"""DOCX: the body in order, as an accepting reader sees it; tables, boxes, notes, headers and clause numbers with it.

python-docx opens the package. Its paragraph list is not used: it leaves out tables, text boxes and content controls.
"""

import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from kvprep.documents.base import Block, Extracted, Limits
from kvprep.documents.hidden import text_findings
from kvprep.documents.readers.numbering import Numbering
from kvprep.documents.readers.styles import Styles
from kvprep.documents.readers.wordbody import BodyReader, Notes
from kvprep.documents.readers.wordml import is_on, qn
from kvprep.errors import EmptyDocument, OversizedDocument, UnreadableDocument

if TYPE_CHECKING:
    from docx.opc.package import OpcPackage
    from lxml.etree import _Element as Element

_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
# What is left of a header or footer that only counts pages.
_FOLIO = re.compile(r"(?:page|seite|sheet|of|von|de|sur|\W|_)*", re.I)


class DocxReader:
    """Reads DOCX, and its relatives with macros or as templates."""

    name = "docx"

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Read headers, body, notes and footers.

        Raises:
            UnreadableDocument: the package or an XML part of it is broken.
            OversizedDocument: it unpacks to more than the limit.
            EmptyDocument: nothing but white space.
        """
        try:
            _check_size(data, limits)
            package = _open(data)
            hidden: Counter[str] = Counter()
            blocks = tuple(_blocks(package, hidden))
            title = package.core_properties.title
        except _broken_package_errors() as error:
            raise UnreadableDocument(f"the package is broken ({type(error).__name__})") from None
        if not blocks:
            raise EmptyDocument("no text is left")
        return Extracted(blocks, title, tuple(text_findings(hidden)), f"docx (python-docx {version('python-docx')})")


def _broken_package_errors() -> tuple[type[Exception], ...]:
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    zip_errors = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
    return (OpcError, LxmlError, *zip_errors, KeyError, ValueError, AttributeError)


def _check_size(data: bytes, limits: Limits) -> None:
    """Refuse a package by the sizes it declares; unpacking stops at them, so that it cannot declare too little."""
    with zipfile.ZipFile(io.BytesIO(data)) as container:
        size = sum(info.file_size for info in container.infolist())
    if size > limits.expanded_bytes:
        raise OversizedDocument(f"unpacks to {size} bytes, more than {limits.expanded_bytes}")


def _open(data: bytes) -> "OpcPackage":
    import docx  # registers the kinds of parts
    from docx.opc.package import OpcPackage

    del docx
    return OpcPackage.open(io.BytesIO(data))


def _blocks(package: "OpcPackage", hidden: Counter[str]) -> Iterator[Block]:
    main = package.main_document_part
    root = _root(main)
    styles = Styles(_related_root(main, "styles"))
    numbering = Numbering(_related_root(main, "numbering"), styles)
    notes = Notes(_related_root(main, "footnotes"), _related_root(main, "endnotes"))
    headers = list(_edge_blocks(main, root, "header", styles, hidden))
    footers = list(_edge_blocks(main, root, "footer", styles, hidden))
    reader = BodyReader(styles, numbering, notes, hidden)
    body = root.find(qn("w:body"))
    yield from headers
    if body is not None:
        yield from reader.blocks(body)
    yield from reader.note_blocks()
    yield from footers


def _edge_blocks(main: Any, root: "Element", edge: str, styles: Styles, hidden: Counter[str]) -> Iterator[Block]:
    """Read each different header or footer once, without the page numbers in it."""
    seen = set()
    for relation in _edge_relations(root, edge, _has_even_pages(main)):
        part = main.rels[relation].target_part if relation in main.rels else None
        if part is None:
            continue
        numbering = Numbering(_related_root(main, "numbering"), styles)
        reader = BodyReader(styles, numbering, Notes(None, None), hidden, without_page_numbers=True)
        blocks = [block for block in reader.blocks(_root(part)) if not _FOLIO.fullmatch(block.text)]
        text = "\n".join(block.text for block in blocks)
        if text not in seen:
            yield from blocks
        seen.add(text)


def _edge_relations(root: "Element", edge: str, even_pages: bool) -> Iterator[str]:
    """Name the headers or footers that are really printed, in order of their sections."""
    for section in root.iter(qn("w:sectPr")):
        printed = {"default": True, "first": is_on(section, "w:titlePg"), "even": even_pages}
        for reference in section.iterfind(qn(f"w:{edge}Reference")):
            if printed.get(reference.get(qn("w:type"), "default"), True):
                yield reference.get(qn("r:id"), "")


def _has_even_pages(main: Any) -> bool:
    return is_on(_related_root(main, "settings"), "w:evenAndOddHeaders")


def _related_root(part: Any, kind: str) -> "Element | None":
    try:
        return _root(part.part_related_by(f"{_RELATIONS}/{kind}"))
    except KeyError:
        return None


def _root(part: Any) -> "Element":
    """Give a part's XML, also where python-docx takes it for mere bytes."""
    from docx.oxml.parser import parse_xml

    element: Element = part.element if hasattr(part, "element") else parse_xml(part.blob)
    return element
