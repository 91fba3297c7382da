import io
import zipfile

import document_makers as make
import pytest

from kvprep.documents.base import Kind, reader_for, sniff
from kvprep.errors import EmptyDocument, ProtectedDocument, UnsupportedDocument

PDF = make.pdf(make.lines("text"))
DOCX = make.docx_of(make.p(make.r("text")))


def other_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as container:
        container.writestr("xl/workbook.xml", "<workbook/>")
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
        (b"From: the seller\nTo: the buyer\n\nDear all", ".txt", Kind.TEXT),
    ],
)
def test_the_content_decides_and_the_suffix_only_tells_markdown(data: bytes, suffix: str, kind: Kind) -> None:
    assert sniff(data, suffix) is kind


@pytest.mark.parametrize(
    "data",
    [
        other_zip(),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        bytes(range(256)) * 4,
        b"{\\rtf1 text}",
        b"<!DOCTYPE html><html><body>text",
        b"\xef\xbb\xbf<?xml version='1.0'?><Invoice/>",
        b'<rsm:Invoice\n xmlns:rsm="urn:x">',
        b"Subject: x\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\r\ntext",
        b"Received: from a by b\nMessage-ID: <1@example.com>\nSubject: x\n\ntext",
        b"\xd0\xcf\x11\xe0" + bytes(600),
    ],
)
def test_content_without_a_reader_is_unsupported_whatever_it_is_called(data: bytes) -> None:
    with pytest.raises(UnsupportedDocument):
        sniff(data, ".pdf")


def test_no_bytes_are_an_empty_document() -> None:
    with pytest.raises(EmptyDocument):
        sniff(b"", ".pdf")


def test_an_office_file_under_a_password_is_protected() -> None:
    with pytest.raises(ProtectedDocument):
        sniff(b"\xd0\xcf\x11\xe0" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), ".docx")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_reader(kind: Kind) -> None:
    assert reader_for(kind).name == kind.value
