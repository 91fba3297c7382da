"""What a reader is, what it gives, and which one takes which content."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kvprep.errors import EmptyDocument, ProtectedDocument, UnsupportedDocument
from kvprep.types import Member, TextFinding

MIB = 1024 * 1024
_HEAD_BYTES = 8192
_PDF_MARK = re.compile(rb"%PDF-\d")
_TEXT_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_COMMENTS = rb"(?:\s*<!--.{0,2000}?-->)*\s*"
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>)?" + _COMMENTS + rb"<(?:!doctype\s+html|html)\b", re.I | re.S)
_XML = re.compile(rb"\s*(?:<\?xml\b|<[\w:.-]+\s[^<>]*\bxmlns\b)", re.I)
# Root elements of CII (ZUGFeRD 2, Factur-X, Order-X, XRechnung), of ZUGFeRD 1, and of UBL.
_EINVOICE = re.compile(
    rb"<(?:[\w.-]+:)?(?:CrossIndustryInvoice|CrossIndustryDocument|SCRDMCCBDACIOMessageStructure|Invoice|CreditNote)[\s>]"
)
_MAIL_HEAD = re.compile(rb"(?:from \S[^\r\n]*\r?\n)?(?:[\w-]+:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){2,}", re.I)
# What a mail has, and a letter that starts with From and To has not.
_MAIL_SIGN = re.compile(rb"^(?:mime-version|message-id|received|return-path|content-type):", re.I | re.M)
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
_CONTROL_BYTES = bytes(set(range(32)) - {9, 10, 12, 13, 27}) + b"\x7f"
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


_TEXT_SUFFIXES = {**dict.fromkeys(("md", "markdown", "mdown", "mkd"), Kind.MARKDOWN), "csv": Kind.CSV, "tsv": Kind.CSV}


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
    """Bytes that a compressed container may unpack to."""
    pages: int = 20_000


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
    """Tell what the bytes are by looking at them; the suffix only tells Markdown, CSV and plain text apart.

    Raises:
        EmptyDocument: there are no bytes.
        ProtectedDocument: an Office file under a password.
        UnsupportedDocument: no reader takes this content.
    """
    if not data:
        raise EmptyDocument("the file has no bytes")
    head = data[:_HEAD_BYTES]
    if _PDF_MARK.search(head[:1024]):
        return Kind.PDF
    if head.startswith(b"PK\x03\x04"):
        return _sniff_container(data)
    if head.startswith(_OLE) and _ENCRYPTED_OFFICE in data:
        raise ProtectedDocument("an Office file that opens with a password only")
    _refuse_signatures(head)
    _refuse_binary(head)
    return _sniff_markup(head) or _TEXT_SUFFIXES.get(suffix.lower().rpartition(".")[2], Kind.TEXT)


def _sniff_container(data: bytes) -> Kind:
    # Names stand uncompressed in a zip, so that a broken package is still told from a foreign one.
    if b"word/" in data and b"[Content_Types].xml" in data:
        return Kind.DOCX
    if b"xl/workbook" in data:
        return Kind.XLSX
    raise UnsupportedDocument("no reader takes this kind of container")


def _refuse_signatures(head: bytes) -> None:
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            raise UnsupportedDocument(f"no reader takes {name}")


def _refuse_binary(head: bytes) -> None:
    if head.startswith(_TEXT_MARKS) or looks_utf16(head):
        return
    num_controls = len(head) - len(head.translate(None, _CONTROL_BYTES))
    if num_controls > _MAX_CONTROL_SHARE * len(head):
        raise UnsupportedDocument("the content is no text, and no reader takes it")


def _sniff_markup(head: bytes) -> Kind | None:
    plain = head.removeprefix(_TEXT_MARKS[0])
    if _HTML.match(plain):
        return Kind.HTML
    if _XML.match(plain):
        if _EINVOICE.search(plain):
            return Kind.EINVOICE
        raise UnsupportedDocument("no reader takes this kind of XML")
    mail_head = _MAIL_HEAD.match(plain)
    return Kind.MAIL if mail_head and _MAIL_SIGN.search(mail_head.group()) else None


def looks_utf16(data: bytes) -> str:
    """Name the UTF-16 byte order of a text without a mark, or nothing: Latin text has a zero in every other byte."""
    sample = data[:2048]
    half = len(sample) // 2
    if half < 2:
        return ""
    even, odd = sample[0 : 2 * half : 2].count(0), sample[1 : 2 * half : 2].count(0)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return ""


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
    raise UnsupportedDocument(f"no reader takes {kind}")
