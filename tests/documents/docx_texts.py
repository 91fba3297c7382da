"""What becomes of a DOCX, for the tests of its reader."""

from document_makers import docx_of

from kvprep.documents.base import Limits
from kvprep.documents.canonical import canonicalise
from kvprep.documents.readers.docx import DocxReader
from kvprep.types import CanonicalDocument


def read(data: bytes) -> CanonicalDocument:
    """Read a DOCX as far as its canonical text."""
    return canonicalise(DocxReader().read(data, Limits()))


def text_of(*body: str) -> str:
    """Give the canonical text of a body, without its last line break."""
    return read(docx_of(*body)).text.removesuffix("\n")
