"""PDFium and pypdf side by side: the plain text of one page by each."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from kvprep.documents.readers.pdf_ink import Ink
from kvprep.documents.readers.pypdf_edge import PypdfTrouble, contained, opened

if TYPE_CHECKING:
    import pypdf
    import pypdfium2  # type: ignore[import-untyped]


class BothReaders:
    """The pages of one file, for PDFium and pypdf; each opens it when it is first asked. Page numbers start at 1."""

    def __init__(self, data: bytes) -> None:
        """Keep a file that PDFium can open at hand."""
        self._data = data

    def close(self) -> None:
        """Let go of PDFium's memory."""
        self._pdfium.close()

    @cached_property
    def _pdfium(self) -> "pypdfium2.PdfDocument":
        import pypdfium2

        return pypdfium2.PdfDocument(self._data)

    @cached_property
    def _pypdf(self) -> "pypdf.PdfReader | None":
        try:
            return opened(self._data)
        except PypdfTrouble:
            return None

    def first(self, number: int) -> str:
        """Read a page with PDFium in its own order, hidden text included; nothing where it fails."""
        import pypdfium2

        try:
            return str(self._pdfium[number - 1].get_textpage().get_text_range())
        except pypdfium2.PdfiumError:
            return ""

    def second(self, number: int) -> str | None:
        """Read a page with pypdf, all that is in it; None where it fails."""
        return self._extracted(number, None)

    def shown(self, number: int) -> str:
        """Read a page with pypdf, and leave out each piece of text that leaves no mark on the page when it is drawn."""
        import pypdfium2

        try:
            ink = Ink(self._pdfium[number - 1])
        except pypdfium2.PdfiumError:
            return ""
        pieces: list[str] = []

        def collect(text: str, cm: list[float], tm: list[float], font: object, font_size: float) -> None:
            if not text.strip() or (font is not None and ink.shows(text, cm, tm, font_size)):
                pieces.append(text)

        self._extracted(number, collect)
        return "".join(pieces)

    def _extracted(self, number: int, visitor: Callable[..., None] | None) -> str | None:
        if self._pypdf is None:
            return None
        try:
            with contained():
                return str(self._pypdf.pages[number - 1].extract_text(visitor_text=visitor))
        except PypdfTrouble:
            return None
