"""Damaged PDFs written anew by pypdf, which forgives other things than PDFium, so that PDFium can read them."""

import contextlib
import io
from typing import TYPE_CHECKING

from kvprep.documents.readers.pypdf_edge import PypdfTrouble, contained, opened

if TYPE_CHECKING:
    import pypdf

_MIN_SIDE = 3.0
"""Points; no page is smaller (ISO 32000-1, annex C.2)."""
_MAX_SIDE = 14_400.0
"""Points; no page is larger."""


def rewritten(data: bytes) -> bytes | None:
    """Write a PDF's pages into a new file, without metadata; nothing where pypdf finds no page either.

    A page whose box cannot be one is opened to the largest that there is: its text then stands on it.
    """
    import pypdf

    writer = pypdf.PdfWriter()
    buffer = io.BytesIO()
    try:
        document = opened(data)
        with contained():
            for page in document.pages:
                _open_up(writer.add_page(page))
            writer.write(buffer)
    except PypdfTrouble:
        return None
    return buffer.getvalue() if len(writer.pages) else None


def _open_up(page: "pypdf.PageObject") -> None:
    if min(page.mediabox.width, page.mediabox.height) < _MIN_SIDE:
        from pypdf.generic import RectangleObject

        for box in ("/CropBox", "/TrimBox", "/BleedBox", "/ArtBox"):
            page.pop(box, None)
        page.mediabox = RectangleObject((0, 0, _MAX_SIDE, _MAX_SIDE))


def has_impossible_pages(data: bytes) -> bool:
    """Tell whether a PDF that PDFium can open has only pages too small to be pages."""
    import pypdfium2  # type: ignore[import-untyped]

    try:
        with contextlib.closing(pypdfium2.PdfDocument(data)) as document:
            sizes = [document.get_page_size(index) for index in range(len(document))]
    except pypdfium2.PdfiumError:
        return False
    return bool(sizes) and all(min(size) < _MIN_SIDE for size in sizes)
