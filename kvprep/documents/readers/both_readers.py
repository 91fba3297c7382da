"""PDFium and pypdf side by side: the plain text of one page by each."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kvprep.documents.readers.pdf_ink import Ink
from kvprep.documents.readers.pypdf_edge import PypdfTrouble, contained, opened

if TYPE_CHECKING:
    import pypdf
    import pypdfium2  # type: ignore[import-untyped]

_MAX_CONTENT_BYTES = 4 * 1024 * 1024
"""Drawing instructions of one file that pypdf is given to read; it takes some seconds for as many."""
_MAX_FORMS = 1000


class BothReaders:
    """The pages of one file, for PDFium and pypdf; each opens it when it is first asked. Page numbers start at 1."""

    def __init__(self, data: bytes) -> None:
        """Keep a file that PDFium can open at hand."""
        self._data = data
        self._left_bytes = _MAX_CONTENT_BYTES

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
        """Read a page with pypdf, all that is in it; None where it fails, or would take too long."""
        return self._extracted(number, None)

    def shown(self, number: int) -> str:
        """Read a page with pypdf, and leave out each piece of text that leaves no mark on the page when it is drawn."""
        import pypdfium2

        try:
            ink = Ink(self._pdfium[number - 1])
        except (pypdfium2.PdfiumError, ValueError):  # a ValueError where the page has no size to draw
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
                page = self._pypdf.pages[number - 1]
                num_bytes = _content_bytes(page)
                if num_bytes > self._left_bytes:
                    return None
                self._left_bytes -= num_bytes
                return str(page.extract_text(visitor_text=visitor))
        except PypdfTrouble:
            return None


def _content_bytes(page: "pypdf.PageObject") -> int:
    """Measure the instructions that draw a page, those of the forms on it included, each once."""
    contents = page.get_contents()
    total = 0 if contents is None else len(contents.get_data())  # an empty dictionary, as Python sees it
    pending: list[Any] = [page]
    seen: set[int] = set()
    while pending and len(seen) < _MAX_FORMS:
        resources = pending.pop().get("/Resources")
        forms = resources.get_object().get("/XObject") if resources else None
        for form in map(_resolved, forms.get_object().values() if forms else ()):
            if form.get("/Subtype") == "/Form" and id(form) not in seen:
                seen.add(id(form))
                total += len(form.get_data())
                pending.append(form)
    return total


def _resolved(reference: Any) -> Any:
    return reference.get_object()
