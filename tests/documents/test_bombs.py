"""Hostile files, through the real cage: each ends in a named outcome, and the next document is read well."""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bomb_makers as bomb
import document_makers as make
import einvoice_makers as einvoices
import pytest
import sheet_makers as sheets

from kvprep.documents.base import Limits
from kvprep.documents.cage import Cage, Reading
from kvprep.types import CanonicalDocument, Skipped

MIB = bomb.MIB
LIMITS = Limits(
    memory_bytes=1 << 30,
    cpu_seconds=1,
    wall_seconds=60.0,
    output_bytes=4 * MIB,
    expanded_bytes=64 * MIB,
)
TEXT = "text"
"""It is read after all."""
# A library that ends its process where memory does not suffice looks like one that crashes.
DEAR = {"too-large", "timeout", "crashed"}
LETTER = b"BT /F 9 Tf 1 0 0 1 50 50 Tm (text) Tj ET"
TABLE_CELL = "<w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc>"
SHARED_STRING = f'<worksheet xmlns="{sheets.MAIN}"><sheetData><row><c t="s"><v>0</v></c></row></sheetData></worksheet>'


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    """One cage for all of them: what a bomb leaves behind would show at the next one."""
    with Cage(jobs=1, limits=LIMITS) as opened:
        yield opened


def read(cage: Cage, data: bytes, name: str) -> dict[str, Reading]:
    """What became of a file and its members, by path; the document behind it is read well in any case."""
    *items, after = cage.read([("bomb", data, name), ("after", b"the next document", "after.txt")])
    assert isinstance(after.reading, CanonicalDocument)
    assert after.reading.text == "the next document\n"
    assert {item.tag for item in items} == {"bomb"}
    return {item.member: item.reading for item in items}


def outcome(reading: Reading) -> str:
    if isinstance(reading, CanonicalDocument):
        return TEXT
    # No exception that a reader does not expect: `crashed` is for a process that had to end.
    assert "the reader failed" not in reading.message, reading.message
    return reading.reason


def strings(package_text: str) -> bytes:
    return bomb.replaced(sheets.xlsx(SHARED_STRING), "xl/sharedStrings.xml", package_text.encode())


Maker = Callable[[], bytes]

BOMBS: dict[str, tuple[str, Maker, set[str]]] = {
    # PDF
    "600 MiB deflated three times": ("pdf", bomb.zlib_pdf, DEAR),
    "20 million letters on one page": ("pdf", bomb.zlib_pdf_text, {TEXT, *DEAR}),
    "530 MB of LZW": ("pdf", bomb.lzw_pdf, {"empty", *DEAR}),
    "pages that contain themselves": ("pdf", bomb.page_cycle_pdf, {"broken", "empty"}),
    "a page a million times": ("pdf", lambda: bomb.kids_pdf(10**6, 10**6), {"too-large"}),
    "a page a million times, declared once": ("pdf", lambda: bomb.kids_pdf(10**6, 1), {"empty"}),
    "a page once, declared two billion times": ("pdf", lambda: bomb.kids_pdf(1, 2**31 - 1), {"empty", "too-large"}),
    "ten drawings in each of ten drawings, twelve deep": ("pdf", lambda: bomb.forms_pdf(12, 10), DEAR),
    "a drawing that draws itself": ("pdf", bomb.form_cycle_pdf, {"empty", *DEAR}),
    "a million arrays in one another": ("pdf", bomb.nested_pdf, {TEXT, "broken"}),
    "100,000 names of one embedded file": (
        "pdf",
        lambda: bomb.attached_pdf(100_000, bomb.stream(b"x")),
        {TEXT},
    ),
    "embedded files of 100 MiB": (
        "pdf",
        lambda: bomb.attached_pdf(20, bomb.stream(bomb.deflated(b" ", 100 * MIB), "/Filter /FlateDecode")),
        {TEXT, *DEAR},
    ),
    "laughs in an embedded e-invoice": (
        "pdf",
        lambda: bomb.attached_pdf(
            1, bomb.stream(einvoices.cii(head=bomb.laughs("rsm:CrossIndustryInvoice"), more="<ram:a>&e10;</ram:a>"))
        ),
        {TEXT},
    ),
    "letters a billion points high": (
        "pdf",
        lambda: bomb.pdf_page(bomb.stream(b"BT /F 1e38 Tf 1e38 0 0 1e38 1e38 50 Tm (text) Tj /F -9 Tf (text) Tj ET")),
        {TEXT, "empty"},
    ),
    "letters all over a page": ("pdf", lambda: bomb.scattered_pdf(50_000), {TEXT, *DEAR}),
    "a table of objects before itself": ("pdf", bomb.previous_cycle_pdf, {TEXT}),
    "a page of a billion points": (
        "pdf",
        lambda: bomb.pdf_page(bomb.stream(LETTER), media_box="0 0 1000000000 1000000000"),
        {TEXT},
    ),
    # DOCX
    "a body of 100 MiB": ("docx", bomb.blank_docx, {"too-large"}),
    "a body larger than it says": ("docx", bomb.lying_docx, {"too-large", "broken"}),
    "2,000 parts in the same place": ("docx", bomb.overlapping_docx, {"too-large", "broken"}),
    "20,000 parts": ("docx", bomb.many_entries_docx, {"broken", *DEAR}),
    "a row of 300,000 cells above 3,000 rows": (
        "docx",
        lambda: bomb.docx_body(
            f"<w:tbl><w:tr>{TABLE_CELL * 300_000}</w:tr>{f'<w:tr>{TABLE_CELL}</w:tr>' * 3000}</w:tbl>"
        ),
        DEAR,
    ),
    "a cell over two billion columns": (
        "docx",
        lambda: bomb.docx_body(
            "<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val='2000000000'/></w:tcPr><w:p><w:r><w:t>x</w:t></w:r></w:p>"
            f"</w:tc>{TABLE_CELL}</w:tr></w:tbl>"
        ),
        {TEXT, "too-large"},
    ),
    "5,000 tables in one another": (
        "docx",
        lambda: bomb.docx_body("<w:tbl><w:tr><w:tc>" * 5000 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 5000),
        {"broken", "too-large"},
    ),
    "clause numbers of two billion": ("docx", bomb.numbered_docx, {TEXT}),
    "styles based on one another": ("docx", bomb.style_cycle_docx, {TEXT}),
    "laughs in a DOCX": (
        "docx",
        lambda: bomb.docx_body("<w:p><w:r><w:t>&e10;</w:t></w:r></w:p>", bomb.laughs("w:document")),
        {"broken"},
    ),
    # XLSX
    "two cells in the corners of a sheet": ("xlsx", bomb.far_cell_xlsx, {"too-large"}),
    "a sheet of 100 MiB": ("xlsx", bomb.wide_xlsx, {"too-large"}),
    "a cell over a whole sheet": ("xlsx", bomb.merged_xlsx, {TEXT, "too-large"}),
    "numbers that are none": (
        "xlsx",
        lambda: sheets.xlsx(
            f'<worksheet xmlns="{sheets.MAIN}"><sheetData><row><c><v>nan</v></c><c><v>1e999</v></c></row></sheetData>'
            "</worksheet>"
        ),
        {TEXT},
    ),
    "laughs in an XLSX": (
        "xlsx",
        lambda: strings(f'{bomb.laughs("sst")}<sst xmlns="{sheets.MAIN}"><si><t>&e10;</t></si></sst>'),
        {"broken"},
    ),
    # HTML
    "a million elements in one another": ("html", lambda: b"<html>" + b"<div>" * 10**6 + b"text", {"too-large"}),
    "a cell over a billion rows": (
        "html",
        lambda: b"<html><table><tr><td colspan=1000000000 rowspan=1000000000>x<td>y<tr><td>z</table>",
        {TEXT, "too-large"},
    ),
    "2,000 tables in one another": (
        "html",
        lambda: b"<html>" + b"<table><tr><td colspan=1000 rowspan=65534>x" * 2000,
        {"too-large"},
    ),
    "a row of a million cells": ("html", lambda: b"<html><table><tr>" + b"<td>x" * 1_000_000, {TEXT, *DEAR}),
    "a rule for each of many elements": (
        "html",
        lambda: (
            (b"<html><style>" + b"".join(b".a%d .b%d p{color:red}" % (n, n) for n in range(20_000)) + b"</style>")
            + b"<p class=x>y" * 20_000
        ),
        {TEXT, *DEAR},
    ),
    "laughs in HTML": ("html", lambda: f"{bomb.laughs('html')}<html><p>&e10;".encode(), {TEXT}),
    # E-invoices
    "laughs in an e-invoice": (
        "xml",
        lambda: einvoices.cii(head=bomb.laughs("rsm:CrossIndustryInvoice"), more="<ram:a>&e10;</ram:a>"),
        {"broken"},
    ),
    "100,000 elements in one another": (
        "xml",
        lambda: einvoices.cii(more="<ram:a>" * 100_000),
        {"broken", "too-large"},
    ),
    "a million elements beside one another": (
        "xml",
        lambda: einvoices.cii(more="<ram:a>x</ram:a>" * 1_000_000),
        {TEXT, *DEAR},
    ),
    # Text
    "a CSV of one line of 200 MB": ("csv", lambda: b"a,b\n" + b"x" * (200 * MIB), DEAR),
    "a CSV of 50 million values": ("csv", lambda: b"a,b\n1,2\n" + b"," * (50 * MIB), {TEXT, *DEAR}),
    "a CSV whose quotation mark never ends": (
        "csv",
        lambda: b'a,b\n1,"2\n' + b"1,2\n" * 2_000_000,
        {TEXT, *DEAR},
    ),
    "a word of a million letters, in no Unicode": ("txt", lambda: ("a" * 1_000_000 + " grün").encode("cp1252"), {TEXT}),
    "a word of a million letters in a line that is cut": (
        "txt",
        lambda: b"page\f" + b"a" * 1_000_000 + b" pass-\nword",
        {TEXT},
    ),
    "a letter with a million accents": ("txt", lambda: ("a" + "\u0301\u0323" * 500_000).encode(), {TEXT, "timeout"}),
    "joiners and selectors": (
        "txt",
        lambda: ("\U0001f600\u200d" + "\u200d\u200c" * 1_000_000 + "\ufe0f\ufe0f" * 1_000_000).encode(),
        {TEXT, *DEAR},
    ),
    "blanks and line breaks": ("txt", lambda: b" " * (20 * MIB) + b"x\n" + b"\n \t" * MIB, {TEXT, *DEAR}),
    "brackets in one another": ("md", lambda: b"[" * 200_000 + b"a" + b"]" * 200_000, {TEXT}),
    "quotes in one another": ("md", lambda: b"> " * 100_000 + b"a", {TEXT}),
    "lists in one another": ("md", lambda: b"".join(b" " * n + b"- a\n" for n in range(1000)), {TEXT}),
    "emphasis without an end": ("md", lambda: b"*a _b `c " * 200_000, {TEXT}),
    "elements without an end": ("md", lambda: b"<div style='display:none'>" * 50_000 + b"<!-- " * 100_000, {"empty"}),
    # Mail
    "a mail of 100,000 parts": (
        "eml",
        lambda: bomb.mixed_mail([b"Content-Type: text/plain\n\nx"] * 100_000),
        {"too-large"},
    ),
    "a mail of 1,500 files": ("eml", lambda: bomb.mixed_mail([bomb.attached("a.txt", b"x")] * 1500), {"too-large"}),
    "a mail of two million fields": (
        "eml",
        lambda: b"From: a@example.com\nMIME-Version: 1.0\n" + b"X: y\n" * 2_000_000 + b"\ntext",
        {"too-large"},
    ),
    "a mail of flowed lines": (
        "eml",
        lambda: b"MIME-Version: 1.0\nContent-Type: text/plain; format=flowed\n\n" + b"x \n" * 1_000_000,
        {TEXT, *DEAR},
    ),
    "a mail of uuencoded files without an end": (
        "eml",
        lambda: b"MIME-Version: 1.0\nFrom: a@example.com\n\n" + b"begin 644 x\nMabc\n" * 100_000 + b"\nend",
        {TEXT},
    ),
    "a mail of one word, beside the same in HTML": (
        "eml",
        lambda: bomb.mixed_mail(
            f"Content-Type: text/{kind}\n\n".encode() + b"a" * 1_000_000 for kind in ("plain", "html")
        ).replace(b"multipart/mixed", b"multipart/alternative"),
        {TEXT},
    ),
    "a mail of one field": (
        "eml",
        lambda: b"From: a@example.com\nMIME-Version: 1.0\nX: " + b"y" * (50 * MIB) + b"\n\ntext",
        {"too-large"},
    ),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_ends_in_a_named_outcome_and_the_next_document_is_read(cage: Cage, what: str) -> None:
    suffix, made, allowed = BOMBS[what]
    readings = read(cage, made(), f"bomb.{suffix}")
    assert outcome(readings.pop("")) in allowed
    assert not readings


def test_mails_a_thousand_deep_end_at_the_limit(cage: Cage) -> None:
    readings = read(cage, bomb.nested_mail(1000), "bomb.eml")
    assert [(path.count("/"), outcome(reading)) for path, reading in readings.items() if path] == [
        (0, TEXT),
        (1, TEXT),
        (2, TEXT),
        (3, "nested-too-deep"),
    ]


def test_a_bomb_in_a_mail_costs_itself_only(cage: Cage) -> None:
    files = [("a.docx", bomb.blank_docx()), ("b.txt", b"good"), ("c.pdf", bomb.page_cycle_pdf())]
    readings = read(cage, bomb.mixed_mail(bomb.attached(name, data) for name, data in files), "mail.eml")
    assert {path: outcome(reading) for path, reading in readings.items()} == {
        "": TEXT,
        "a.docx": "too-large",
        "b.txt": TEXT,
        "c.pdf": "broken",
    }


def test_mails_of_mails_cost_no_more_than_the_limits_of_one_file(cage: Cage) -> None:
    inner = bomb.mixed_mail([bomb.attached("a.txt", b"x" * 1000)] * 900, b"=_8")
    forwarded = [b"Content-Type: message/rfc822\n\n" + inner] * 20
    readings = read(cage, bomb.mixed_mail(forwarded), "mail.eml")
    assert sum(outcome(reading) == TEXT for reading in readings.values()) <= 1 + LIMITS.members
    assert "too-large" in map(outcome, readings.values())


# Nothing from elsewhere


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that nobody may ask anything."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        yield server


def everything_external(url: str) -> dict[str, bytes]:
    """Files of every kind that refer to a URL in every way that their formats know."""
    page = (
        f'<html><head><base href="{url}"><link rel=stylesheet href="{url}"><style>@import url({url});</style>'
        f'<meta http-equiv=refresh content="0;url={url}"><script src="{url}"></script></head><body><p>text</p>'
        f'<img src="{url}"><iframe src="{url}"></iframe><object data="{url}"></object><embed src="{url}">'
        f'<p style="background:url({url})">more</p></body></html>'
    )
    relation = f'<Relationship Id="rX" Type="{sheets.RELATIONS}/image" Target="{url}" TargetMode="External"/>'
    template = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f"{relation}{relation.replace('rX', 'rY').replace('/image', '/attachedTemplate')}</Relationships>"
    )
    entity = "<w:p><w:r><w:t>text &e10;</w:t></w:r></w:p>"
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{url}" parse="text"/>'
    root = "rsm:CrossIndustryInvoice"
    return {
        "entity.docx": bomb.docx_body(entity, bomb.external("w:document", url)),
        "relation.docx": bomb.docx_part("word/_rels/document.xml.rels", template.encode()),
        "included.docx": bomb.docx_body(f"<w:p><w:r><w:t>text {include}</w:t></w:r></w:p>"),
        "entity.xlsx": strings(f'{bomb.external("sst", url)}<sst xmlns="{sheets.MAIN}"><si><t>&e10;</t></si></sst>'),
        "entity.xml": einvoices.cii(head=bomb.external(root, url), more="<ram:a>&e10;</ram:a>"),
        "included.xml": einvoices.cii(more=include),
        "styled.xml": einvoices.cii(head=f'<?xml-stylesheet type="text/xsl" href="{url}"?>'),
        "page.html": page.encode(),
        "entity.html": f"{bomb.external('html', url)}<html><p>text &e10;".encode(),
        "page.md": f"![text]({url})\n\n<img src='{url}'>\n".encode(),
        "mail.eml": bomb.mixed_mail(
            [
                b"Content-Type: text/html\n\n" + page.encode(),
                f'Content-Type: message/external-body; access-type=URL; URL="{url}"\n\n'.encode(),
            ]
        ),
        "page.pdf": bomb.pdf_of(
            f"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /URI /URI ({url}) >> >>",
            bomb.PAGES,
            bomb.page().replace("/Type /Page ", f"/Type /Page /AA << /O << /S /GoToR /F ({url}) >> >> "),
            f"<< /F ({url}) /FFilter /FlateDecode /Length 0 >>\nstream\n\nendstream",
            bomb.FONT,
        ),
    }


def test_no_file_makes_its_reader_open_a_url(cage: Cage, listener: socket.socket) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/secret"
    for name, data in everything_external(url).items():
        readings = read(cage, data, name)
        assert outcome(readings[""]) in {TEXT, "broken", "empty"}, name
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_no_file_makes_its_reader_open_another_file(cage: Cage, tmp_path: Path) -> None:
    secret, pipe = tmp_path / "secret.txt", tmp_path / "pipe"
    secret.write_text("hunter2")
    os.mkfifo(pipe)  # whoever opens it waits for ever
    for path in (secret, pipe):
        for url in (path.as_uri(), str(path)):
            for name, data in everything_external(url).items():
                readings = read(cage, data, name)
                assert outcome(readings[""]) in {TEXT, "broken", "empty"}, name
                assert not re.search("hunter2", repr(readings)), name


# A child that ends or hangs while it reads a real file


def reading_processes() -> set[int]:
    """The processes that read for this one, those among them that are about to end."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for child in children for pid in child.read_text().split()]
    return {pid for pid in pids if b"kvprep.documents.child" in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="tells children by /proc, which only Linux has")
def test_a_reader_that_is_killed_in_the_middle_costs_its_document_only() -> None:
    former = reading_processes()
    with Cage(jobs=1) as cage:
        slow = "".join(f"<w:p>{make.r('a paragraph')}</w:p>" for _ in range(200_000))
        files = [(0, bomb.docx_body(slow), "a.docx"), (1, b"after", "b.txt")]
        killer = threading.Timer(0.5, lambda: os.kill(*(reading_processes() - former), signal.SIGKILL))
        killer.start()
        killed, after = (item.reading for item in cage.read(files))
        killer.join()
    assert killed == Skipped("crashed", "the reading process ended unasked (SIGKILL)", failed=True)
    assert outcome(after) == TEXT


def test_a_reader_that_hangs_in_a_real_file_ends_in_a_timeout() -> None:
    began = time.monotonic()
    with Cage(jobs=1, limits=Limits(wall_seconds=1.0)) as cage:
        files = [(0, bomb.forms_pdf(12, 10), "a.pdf"), (1, b"after", "b.txt")]
        hung, after = (item.reading for item in cage.read(files))
    assert isinstance(hung, Skipped)
    assert hung.reason in DEAR
    assert outcome(after) == TEXT
    assert time.monotonic() - began < 60  # the child is ended, not waited for
