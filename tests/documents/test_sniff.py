import io
import zipfile

import document_makers as make
import pytest
import sheet_makers

from kvprep.documents.base import Kind, reader_for, sniff
from kvprep.errors import EmptyDocument, ProtectedDocument, UnsupportedDocument

PDF = make.pdf(make.lines("text"))
DOCX = make.docx_of(make.p(make.r("text")))


XLSX = sheet_makers.xlsx(sheet_makers.sheet([["a"]]))
HTML = b"<!DOCTYPE html><html><body>text"
INVOICE = b"<?xml version='1.0'?><Invoice xmlns='urn:oasis'/>"
MAIL = b"Subject: x\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\r\ntext"


def package(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as container:
        for name in names:
            container.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "suffix", "kind"),
    [
        (PDF, ".txt", Kind.PDF),
        (b"\n\n junk before \n" + PDF, "", Kind.PDF),
        (DOCX, ".zip", Kind.DOCX),
        (DOCX[: len(DOCX) // 2], ".docx", Kind.DOCX),
        (b"# Title", ".md", Kind.MARKDOWN),
        (b"# Title", ".MARKDOWN", Kind.MARKDOWN),
        (b"# Title", ".txt", Kind.TEXT),
        (b"# Title", "", Kind.TEXT),
        ("Grüße".encode("utf-16"), ".txt", Kind.TEXT),
        ("Gruesse".encode("utf-16-le"), ".txt", Kind.TEXT),
        (b"<div align=center>\n\n# Title", ".md", Kind.MARKDOWN),
        (XLSX, ".docx", Kind.XLSX),
        (XLSX[: len(XLSX) // 2], "", Kind.XLSX),
        (package("[Content_Types].xml", "xl/workbook.xml", "xl/embeddings/word/a.docx"), "", Kind.XLSX),
        (HTML, ".txt", Kind.HTML),
        (b"\xef\xbb\xbf \r\n<!-- saved --><!-- twice --> <HTML lang=de>", "", Kind.HTML),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0'>", ".xml", Kind.HTML),
        (HTML.decode().encode("utf-16"), "", Kind.HTML),
        (HTML.decode().encode("utf-16-be"), "", Kind.HTML),
        (b"<div><p>a piece</p></div>", ".html", Kind.HTML),
        (b"Dear all,<br>a piece", ".htm", Kind.HTML),
        (b"no markup, 1 < 2", ".html", Kind.TEXT),
        (b"<div><p>a piece</p></div>", ".txt", Kind.TEXT),
        (INVOICE, "", Kind.EINVOICE),
        (b"\xef\xbb\xbf" + INVOICE, ".html", Kind.EINVOICE),
        (b'<rsm:Invoice\n xmlns:rsm="urn:x">', "", Kind.EINVOICE),
        (MAIL, ".txt", Kind.MAIL),
        (b"Received: from a by b\nMessage-ID: <1@example.com>\nSubject: x\n\ntext", "", Kind.MAIL),
        (b"a;b\n1;2", ".CSV", Kind.CSV),
        (b"a\tb", ".tsv", Kind.CSV),
        (b'{"key": ["value"]}', ".json", Kind.TEXT),
        (b"key: value\nother: value\n", ".yaml", Kind.TEXT),
        (b"#include <html>\nint main() {}", ".c", Kind.TEXT),
        ("Договор".encode("utf-16-le") * 3 + "\n".encode("utf-16-le"), ".txt", Kind.TEXT),
        (b"From: the seller\nTo: the buyer\n\nDear all", ".txt", Kind.TEXT),
    ],
)
def test_the_content_decides_and_the_suffix_only_tells_markdown(data: bytes, suffix: str, kind: Kind) -> None:
    assert sniff(data, suffix) is kind


@pytest.mark.parametrize(
    "data",
    [
        package("ppt/presentation.xml"),
        package("xl/workbook.bin", "[Content_Types].xml"),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        bytes(range(256)) * 4,
        b"{\\rtf1 text}",
        b"<?xml version='1.0'?><rss/>",
        b"<!-- a --><svg xmlns='http://www.w3.org/2000/svg'>",
        b"\xd0\xcf\x11\xe0" + bytes(600),
    ],
)
def test_content_without_a_reader_is_unsupported_whatever_it_is_called(data: bytes) -> None:
    with pytest.raises(UnsupportedDocument):
        sniff(data, ".html")


def test_a_beginning_made_of_comments_is_told_in_no_time() -> None:
    assert sniff(b"<!---->" * 100_000 + b"<", ".txt") is Kind.TEXT
    assert sniff(b"<?a?>" * 100_000 + b"<", ".txt") is Kind.TEXT


def test_no_bytes_are_an_empty_document() -> None:
    with pytest.raises(EmptyDocument):
        sniff(b"", ".pdf")


def test_an_office_file_under_a_password_is_protected() -> None:
    with pytest.raises(ProtectedDocument):
        sniff(b"\xd0\xcf\x11\xe0" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), ".docx")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_reader(kind: Kind) -> None:
    assert reader_for(kind).name == kind.value
