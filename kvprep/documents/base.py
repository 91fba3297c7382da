"""What a reader is, what it gives, and which one takes which content."""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kvprep.documents import signs
from kvprep.errors import EmptyDocument, ProtectedDocument, UnsupportedDocument
from kvprep.types import Member, TextFinding

MIB = 1024 * 1024
_PDF_MARK = re.compile(rb"%PDF-\d")
_OLE = b"\xd0\xcf\x11\xe0"
_SIGNATURES = (
    (_OLE, "an OLE file (old Office formats, mail)"),
    (b"{\\rtf", "RTF"),
    (b"%!PS", "PostScript"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"II*\0", "a picture"),
    (b"MM\0*", "a picture"),
    (b"\x1f\x8b", "a compressed file"),
)
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_WITHOUT_CONTROLS = dict.fromkeys({*range(32), 127} - {9, 10, 12, 13, 27})
_MAX_CONTROL_SHARE = 0.002


class Kind(StrEnum):
    """The contents that have a reader."""

    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"
    HTML = "html"
    MAIL = "mail"
    EINVOICE = "e-invoice"
    CSV = "csv"
    MARKDOWN = "markdown"
    TEXT = "text"


_TEXT_SUFFIXES = {
    **dict.fromkeys(("md", "markdown", "mdown", "mkd"), Kind.MARKDOWN),
    **dict.fromkeys(("csv", "tsv"), Kind.CSV),
    "eml": Kind.MAIL,  # its header may be as short as a letter's
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one document may cost; past it, the document is given up."""

    file_bytes: int = 256 * MIB
    memory_bytes: int = 2048 * MIB
    """Address space of the reading process."""
    cpu_seconds: int = 60
    wall_seconds: float = 120.0
    output_bytes: int = 64 * MIB
    """UTF-8 bytes of the canonical text."""
    expanded_bytes: int = 512 * MIB
    """Bytes that a compressed container may unpack to, or that all files inside one file may have together."""
    pages: int = 20_000
    members: int = 1000
    """Files inside one file, at all depths together."""
    depth: int = 3
    """How many files may stand around a file that is read: mail in mail in mail."""


class BlockKind(StrEnum):
    """What a block is, as far as it decides how the next one is joined to it."""

    LINE = "line"
    """One printed line of a page."""
    ITEM = "item"
    """One item of a list."""
    PARAGRAPH = "paragraph"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of text, in reading order."""

    text: str
    kind: BlockKind = BlockKind.PARAGRAPH
    page: int = 0
    """From 1; 0 where the format has no pages."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a reader found in a file; not canonical yet."""

    blocks: tuple[Block, ...]
    title: str
    """What the file's own metadata call it; often empty."""
    findings: tuple[TextFinding, ...]
    reader: str
    """Name and version of the reader and the library below it."""
    members: tuple[Member, ...] = ()


class Reader(Protocol):
    """Turns the bytes of one format into blocks of text."""

    name: str

    def read(self, data: bytes, limits: Limits) -> Extracted:
        """Read a whole file.

        Raises:
            DocumentError: one of its kinds; the message never quotes the document.
        """


def sniff(data: bytes, suffix: str) -> Kind:
    """Tell what the bytes are by looking at them; the suffix only tells kinds of text apart.

    Raises:
        EmptyDocument: there are no bytes.
        ProtectedDocument: an Office file under a password.
        UnsupportedDocument: no reader takes this content.
    """
    if not data:
        raise EmptyDocument("the file has no bytes")
    if _PDF_MARK.search(data[:1024]):
        return Kind.PDF
    if data.startswith(b"PK\x03\x04"):
        return _sniff_container(data)
    if data.startswith(_OLE) and _ENCRYPTED_OFFICE in data:
        raise ProtectedDocument("an Office file that opens with a password only")
    _refuse_signatures(data)
    head = signs.head_text(data)
    _refuse_binary(head)
    return _sniff_text(head, suffix.lower().rpartition(".")[2])


def _sniff_container(data: bytes) -> Kind:
    names = _package_names(data)
    if _holds(names, "word/") and _holds(names, "[Content_Types].xml"):
        return Kind.DOCX
    if _holds(names, "xl/workbook.xml"):
        return Kind.XLSX
    raise UnsupportedDocument("no reader takes this kind of container")


def _package_names(data: bytes) -> Sequence[str] | bytes:
    """List the files of a package; of a broken one give the bytes, in which their names stand uncompressed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return package.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return data


def _holds(names: Sequence[str] | bytes, beginning: str) -> bool:
    if isinstance(names, bytes):
        return beginning.encode() in names
    return any(name.startswith(beginning) for name in names)


def _refuse_signatures(data: bytes) -> None:
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            raise UnsupportedDocument(f"no reader takes {name}")


def _refuse_binary(head: str) -> None:
    num_controls = len(head) - len(head.translate(_WITHOUT_CONTROLS))
    if num_controls > _MAX_CONTROL_SHARE * len(head):
        raise UnsupportedDocument("the content is no text, and no reader takes it")


def _sniff_text(head: str, suffix: str) -> Kind:
    if signs.is_html(head, suffix):
        return Kind.HTML
    if signs.is_xml(head):
        if signs.is_einvoice(head):
            return Kind.EINVOICE
        raise UnsupportedDocument("no reader takes this kind of XML")
    if signs.is_mail(head):
        return Kind.MAIL
    return _TEXT_SUFFIXES.get(suffix, Kind.TEXT)


def reader_for(kind: Kind) -> Reader:
    """Give the reader of a kind of content; this imports the library below it.

    Raises:
        UnsupportedDocument: the kind has no reader.
    """
    if kind is Kind.PDF:
        from kvprep.documents.readers.pdf import PdfReader

        return PdfReader()
    if kind is Kind.DOCX:
        from kvprep.documents.readers.docx import DocxReader

        return DocxReader()
    if kind in (Kind.TEXT, Kind.MARKDOWN):
        from kvprep.documents.readers.text import TextReader

        return TextReader(kind)
    if kind is Kind.EINVOICE:
        from kvprep.documents.readers.einvoice import EInvoiceReader

        return EInvoiceReader()
    if kind is Kind.HTML:
        from kvprep.documents.readers.html import HtmlReader

        return HtmlReader()
    if kind is Kind.XLSX:
        from kvprep.documents.readers.sheet import SheetReader

        return SheetReader()
    if kind is Kind.CSV:
        from kvprep.documents.readers.separated import SeparatedReader

        return SeparatedReader()
    if kind is Kind.MAIL:
        from kvprep.documents.readers.mail import MailReader

        return MailReader()
    raise UnsupportedDocument(f"no reader takes {kind}")
