"""PDF, through PDFium: lines rebuilt by place, hidden text left out, every kind of failure named."""

import contextlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from kvprep.documents.base import Block, BlockKind, Extracted, Limits
from kvprep.documents.hidden import text_findings
from kvprep.documents.lines import page_lines
from kvprep.documents.readers.glyphs import Box, GlyphSource, page_text
from kvprep.errors import EmptyDocument, NeedsOcr, OversizedDocument, ProtectedDocument, UnreadableDocument
from kvprep.types import TextFinding

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]

OCR_LAYER = "ocr-layer"
"""Kind of a finding: invisible text over a picture of the page, kept; count is in characters."""
PAGE_WITHOUT_TEXT = "page-without-text"
"""Kind of a finding: pages that are pictures only, in a document that has text elsewhere."""

_MAX_FORM_DEPTH = 8
# Annotations whose look is part of the page for a reader: filled-in fields, typed text, stamps.
_PRINTED_ANNOTATIONS = ("FPDF_ANNOT_WIDGET", "FPDF_ANNOT_FREETEXT", "FPDF_ANNOT_STAMP")


@dataclass
class _Found:
    blocks: list[Block] = field(default_factory=list)
    hidden: Counter[str] = field(default_factory=Counter)
    ocr_chars: int = 0
    picture_pages: list[int] = field(default_factory=list)
    """Pages with a picture and without text."""
    broken_pages: list[int] = field(default_factory=list)


class PdfReader:
    """Reads PDF with PDFium."""

    name = "pdf"

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Read every page's text, in an order that does not depend on how it was drawn.

        Raises:
            ProtectedDocument: it opens with a password only.
            UnreadableDocument: PDFium cannot open it, or no page of it.
            OversizedDocument: more pages than the limit.
            NeedsOcr: no text, but pictures.
            EmptyDocument: neither.
        """
        with _open(data) as document:
            if len(document) > limits.pages:
                raise OversizedDocument(f"{len(document)} pages, more than {limits.pages}")
            found = _Found()
            for number in range(1, len(document) + 1):
                _read_page(document, number, found)
            _require_text(found, len(document))
            title = document.get_metadata_value("Title")
        return Extracted(tuple(found.blocks), title, tuple(_findings(found)), f"pdf (pypdfium2 {version('pypdfium2')})")


@contextlib.contextmanager
def _open(data: bytes) -> Iterator["pypdfium2.PdfDocument"]:
    import pypdfium2
    import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY) or _is_encrypted(data):
            raise ProtectedDocument("opens with a password only") from None
        raise UnreadableDocument("PDFium cannot open it") from None
    try:
        yield document
    finally:
        document.close()


def _is_encrypted(data: bytes) -> bool:
    """Ask pypdf, which still finds the encryption of files that PDFium gives up on for another reason."""
    import pypdf
    from pypdf.errors import PyPdfError

    try:
        return pypdf.PdfReader(io.BytesIO(data)).is_encrypted
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError, OSError):
        return False


def _read_page(document: "pypdfium2.PdfDocument", number: int, found: _Found) -> None:
    import pypdfium2

    try:
        with contextlib.closing(_page(document, number)) as page:
            pictures = _pictures(page)
            text = page_text(GlyphSource(page.get_textpage()), page.get_bbox(), pictures)
    except pypdfium2.PdfiumError:
        found.broken_pages.append(number)
        return
    found.blocks += [Block(line, BlockKind.LINE, number) for line in page_lines(text.runs)]
    found.hidden.update({f"page {number}, {reason}": count for reason, count in text.hidden.items()})
    found.ocr_chars += text.ocr_chars
    if not text.runs and pictures:
        found.picture_pages.append(number)


def _page(document: "pypdfium2.PdfDocument", number: int) -> "pypdfium2.PdfPage":
    """Open a page with its filled-in fields and typed notes drawn onto it, where its text is read from."""
    import pypdfium2.raw as pdfium

    page = document[number - 1]
    if not _has_printed_annotations(page):
        return page
    pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY)
    page.close()
    return document[number - 1]


def _has_printed_annotations(page: "pypdfium2.PdfPage") -> bool:
    import pypdfium2.raw as pdfium

    printed = {getattr(pdfium, name) for name in _PRINTED_ANNOTATIONS}
    for index in range(pdfium.FPDFPage_GetAnnotCount(page)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        subtype = pdfium.FPDFAnnot_GetSubtype(annotation) if annotation else None
        pdfium.FPDFPage_CloseAnnot(annotation)
        if subtype in printed:
            return True
    return False


def _pictures(page: "pypdfium2.PdfPage") -> list[Box]:
    import pypdfium2.raw as pdfium

    images = page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=_MAX_FORM_DEPTH)
    return [image.get_bounds() for image in images]


def _require_text(found: _Found, num_pages: int) -> None:
    if found.blocks:
        return
    if found.picture_pages:
        raise NeedsOcr(f"no text layer on any of {num_pages} pages")
    if found.broken_pages:
        raise UnreadableDocument(f"PDFium cannot read any of {num_pages} pages")
    raise EmptyDocument("neither text nor pictures")


def _findings(found: _Found) -> Iterator[TextFinding]:
    yield from text_findings(found.hidden)
    if found.ocr_chars:
        yield TextFinding(OCR_LAYER, found.ocr_chars, "over pictures")
    if found.picture_pages:
        yield TextFinding(PAGE_WITHOUT_TEXT, len(found.picture_pages), _page_list(found.picture_pages))
    if found.broken_pages:
        yield TextFinding("broken-page", len(found.broken_pages), _page_list(found.broken_pages))


def _page_list(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return f"pages {shown}{', …' if len(numbers) > 10 else ''}"
