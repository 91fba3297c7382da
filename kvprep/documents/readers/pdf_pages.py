"""What was found on the pages of a PDF, and how it is told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kvprep.documents.base import Block
from kvprep.documents.hidden import text_findings
from kvprep.documents.readers.pdf_embedded import EmbeddedFile
from kvprep.types import TextFinding

OCR_LAYER = "ocr-layer"
"""Kind of a finding: invisible text over a picture of the page, kept; count is in characters."""
PAGE_WITHOUT_TEXT = "page-without-text"
"""Kind of a finding: pages that are pictures only, in a document that has text elsewhere."""
BROKEN_PAGE = "broken-page"
"""Kind of a finding: pages that PDFium cannot read."""
REPAIRED = "repaired"
"""Kind of a finding: pages of a damaged file, read after pypdf had written it anew."""


@dataclass
class PdfPages:
    """The pages of a PDF as PDFium reads them. Page numbers start at 1."""

    data: bytes = field(repr=False)
    """The file that they were read from."""
    num_pages: int
    title: str
    """From the metadata."""
    blocks: list[Block] = field(default_factory=list)
    """In the order of the pages."""
    hidden: Counter[str] = field(default_factory=Counter)
    """Characters left out, by page and reason."""
    hidden_pages: set[int] = field(default_factory=set)
    """Pages with text that was left out because nobody sees it."""
    ocr_chars: int = 0
    picture_pages: list[int] = field(default_factory=list)
    """Pages with a picture and without text."""
    broken_pages: list[int] = field(default_factory=list)
    embedded: list[EmbeddedFile] | None = None
    """What PDFium finds in the name tree; None where that is not all, or odd."""
    is_rewritten: bool = False
    """PDFium failed on the file as it is, and `data` is what pypdf made of it."""

    @property
    def num_chars(self) -> int:
        """Count the characters of the text."""
        return sum(len(block.text) for block in self.blocks)

    def findings(self) -> Iterator[TextFinding]:
        """Say what a reader of the text should know about it."""
        yield from text_findings(self.hidden)
        if self.ocr_chars:
            yield TextFinding(OCR_LAYER, self.ocr_chars, "over pictures")
        if self.picture_pages:
            yield TextFinding(PAGE_WITHOUT_TEXT, len(self.picture_pages), page_list(self.picture_pages))
        if self.broken_pages:
            yield TextFinding(BROKEN_PAGE, len(self.broken_pages), page_list(self.broken_pages))
        if self.is_rewritten:
            yield TextFinding(REPAIRED, self.num_pages, "all pages")


def page_list(numbers: Sequence[int]) -> str:
    """Name pages in a finding; the first ten of many."""
    shown = ", ".join(map(str, numbers[:10]))
    return f"page{'s' if len(numbers) > 1 else ''} {shown}{', …' if len(numbers) > 10 else ''}"
