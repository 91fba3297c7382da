"""PDF, through PDFium: lines rebuilt by place, hidden text left out, every kind of failure named."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from kvprep.documents.base import Extracted, Limits
from kvprep.documents.layout.page import page_blocks
from kvprep.documents.readers.glyphs import TextPage
from kvprep.documents.readers.painting import painting_of
from kvprep.documents.readers.pdf_attachments import attachments
from kvprep.documents.readers.pdf_embedded import listed_by_pdfium
from kvprep.documents.readers.pdf_pages import PdfPages
from kvprep.documents.readers.pdf_repair import has_impossible_pages, rewritten
from kvprep.documents.readers.pypdf_edge import PypdfTrouble, opened
from kvprep.documents.readers.scene import Scene
from kvprep.documents.readers.second_reader import review, unmapped_share
from kvprep.documents.readers.visible import page_text
from kvprep.errors import EmptyDocument, NeedsOcr, OversizedDocument, ProtectedDocument, UnreadableDocument

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]

_UNREADABLE_SHARE = 0.5
"""Share of a document's characters without a known meaning, past which it is no text."""
# Annotations whose look is part of the page for a reader: filled-in fields, typed text, stamps.
_PRINTED_ANNOTATIONS = ("FPDF_ANNOT_WIDGET", "FPDF_ANNOT_FREETEXT", "FPDF_ANNOT_STAMP")


class PdfReader:
    """Reads PDF with PDFium."""

    name = "pdf"

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Read every page's text, in an order that does not depend on how it was drawn.

        Raises:
            ProtectedDocument: it opens with a password only.
            UnreadableDocument: PDFium cannot open it, or no page of it.
            OversizedDocument: more pages than the limit.
            NeedsOcr: no text, but pictures; or a text whose characters are not known.
            EmptyDocument: neither.
        """
        pages = _read_pages(data, limits)
        second_findings = review(pages)
        _require_text(pages)
        embedded = attachments(data, pages, limits)
        return Extracted(
            blocks=tuple(pages.blocks),
            title=pages.title,
            findings=(*pages.findings(), *second_findings, *embedded.findings),
            reader=_reader_id(),
            members=tuple(embedded.members),
        )


@cache
def _reader_id() -> str:
    return f"pdf (pypdfium2 {version('pypdfium2')}, pypdf {version('pypdf')})"


def _read_pages(data: bytes, limits: Limits) -> PdfPages:
    """Read the pages with PDFium; where it fails on a file, let pypdf write the file anew and try again."""
    try:
        pages = _as_they_are(data, limits)
    except (ProtectedDocument, OversizedDocument):
        raise
    except UnreadableDocument:
        again = _repaired(data, limits)
        if again is None:
            raise
        return again
    if not pages.broken_pages and (pages.blocks or not has_impossible_pages(data)):
        return pages
    again = _repaired(data, limits)
    return replace(again, title=pages.title) if again and again.num_chars > pages.num_chars else pages


def _repaired(data: bytes, limits: Limits) -> PdfPages | None:
    repaired = rewritten(data)
    if repaired is None:
        return None
    with contextlib.suppress(UnreadableDocument):
        # The new file holds the pages only.
        return replace(_as_they_are(repaired, limits), embedded=None, is_rewritten=True)
    return None


def _as_they_are(data: bytes, limits: Limits) -> PdfPages:
    with _open(data) as document:
        if len(document) > limits.pages:
            raise OversizedDocument(f"{len(document)} pages, more than {limits.pages}")
        pages = PdfPages(data, len(document), document.get_metadata_value("Title"))
        for number in range(1, len(document) + 1):
            _read_page(document, number, pages)
        pages.embedded = listed_by_pdfium(document, limits.expanded_bytes)
    return pages


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
    try:
        return opened(data).is_encrypted
    except PypdfTrouble:
        return False


def _read_page(document: "pypdfium2.PdfDocument", number: int, pages: PdfPages) -> None:
    import pypdfium2

    try:
        with contextlib.closing(_page(document, number)) as page:
            scene = Scene(painting_of(page), page.get_bbox())
            text = page_text(TextPage(page.get_textpage()), scene)
    except pypdfium2.PdfiumError:
        pages.broken_pages.append(number)
        return
    pages.blocks += page_blocks(text.runs, number)
    pages.hidden.update({f"page {number}, {reason}": count for reason, count in text.hidden.items()})
    if text.hidden:
        pages.hidden_pages.add(number)
    pages.ocr_chars += text.ocr_chars
    if not text.runs and scene.pictures:
        pages.picture_pages.append(number)


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

    num_annotations = pdfium.FPDFPage_GetAnnotCount(page)
    printed = {getattr(pdfium, name) for name in _PRINTED_ANNOTATIONS if num_annotations}
    for index in range(num_annotations):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        subtype = pdfium.FPDFAnnot_GetSubtype(annotation) if annotation else None
        pdfium.FPDFPage_CloseAnnot(annotation)
        if subtype in printed:
            return True
    return False


def _require_text(pages: PdfPages) -> None:
    if pages.blocks and unmapped_share(pages) > _UNREADABLE_SHARE:
        raise NeedsOcr("its fonts do not say which characters they draw")
    if pages.blocks:
        return
    if pages.picture_pages:
        raise NeedsOcr(f"no text layer on any of {pages.num_pages} pages")
    if pages.broken_pages:
        raise UnreadableDocument(f"PDFium cannot read any of {pages.num_pages} pages")
    raise EmptyDocument("neither text nor pictures")
