"""Row 13: real documents, changed, through the cage: every one is a document or a refusal with a name, none hangs."""

import io
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import document_makers as make
import einvoice_makers
import pytest
import sheet_makers

from bench.corpus.files import corpus_folder
from kvprep.documents.base import Kind, Limits, sniff
from kvprep.documents.cage import Cage
from kvprep.errors import (
    DocumentError,
    EmptyDocument,
    NeedsOcr,
    OversizedDocument,
    ProtectedDocument,
    UnreadableDocument,
    UnsupportedDocument,
)
from kvprep.types import CanonicalDocument

# Taken now: tests run without the caller's settings.
CORPUS = corpus_folder()
SAMPLE, WHOLE = 20, 10_000
MAX_BYTES = 128 << 10
SOURCES = 50
"""Documents that mutants of one kind are made of, each smaller than that."""
# A child past its memory is refused it, so that memory is bounded by the system, not by a measurement.
LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=20, wall_seconds=40.0)
NAMED = {
    kind.reason
    for kind in (EmptyDocument, NeedsOcr, OversizedDocument, ProtectedDocument, UnreadableDocument, UnsupportedDocument)
} | {"timeout"}
SUFFIXES = {Kind.MARKDOWN: ".md", Kind.CSV: ".csv", Kind.MAIL: ".eml", Kind.HTML: ".html", Kind.EINVOICE: ".xml"}
SNIPPETS = (b"\0", b"\xff\xfe", b"<", b"]]>", b"<!--", b"&#x10ffff;", b"endobj", b"/Length 99999999", b"\r\n\r\n", b'"')


def made(kind: Kind) -> bytes:
    """A document of its kind, for where there is no corpus."""
    page = "<html><body><h1>A</h1><table><tr><td>1</td></tr></table></body></html>"
    makers: dict[Kind, Callable[[], bytes]] = {
        Kind.PDF: lambda: make.pdf(make.lines("Invoice 17", "Total 12.00")),
        Kind.DOCX: lambda: make.docx_of(make.p(make.r("This Agreement")), make.tbl(["a", "b"])),
        Kind.XLSX: lambda: sheet_makers.xlsx(sheet_makers.sheet([["Item", 1.5], ["b", 2]])),
        Kind.HTML: page.encode,
        Kind.MAIL: lambda: make.mail("Hello", {"a.txt": b"attached"}),
        Kind.EINVOICE: einvoice_makers.cii,
        Kind.CSV: lambda: b"name;price\nscrew;1,50\n" * 9,
        Kind.MARKDOWN: lambda: b"# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n* x\n",
        Kind.TEXT: lambda: "Grüße\n\n1. eins\n".encode("cp1252"),
    }
    return makers[kind]()


def documents(kind: Kind, *, real: bool) -> list[bytes]:
    """Documents of a kind: one that is made here, and real ones from all over the corpus; the same ones every time."""
    found = [made(kind)]
    paths = sorted(CORPUS.rglob("*")) if real and CORPUS.is_dir() else []
    random.Random(1).shuffle(paths)
    for path in paths:
        if len(found) < SOURCES and path.is_file() and 0 < path.stat().st_size < MAX_BYTES and is_of(path, kind):
            found.append(path.read_bytes())
    return found


def is_of(path: Path, kind: Kind) -> bool:
    try:
        return sniff(path.read_bytes(), path.suffix) is kind
    except DocumentError:
        return False


def mutants(sources: list[bytes], count: int) -> Iterator[bytes]:
    """Documents with one to four changes; the same ones every time."""
    draw = random.Random(1)
    for _ in range(count):
        data = draw.choice(sources)
        changes = [flipped, cut, spliced, doubled, inserted]
        for _ in range(draw.randint(1, 4)):
            change = draw.choice(changes)
            if data.startswith(b"PK") and draw.random() < 0.7:
                data = in_a_member(data, draw, draw.choice([*changes, exploded]))
            elif data.lstrip().startswith(b"<") and draw.random() < 0.2:
                data = exploded(data, draw, sources)
            else:
                data = change(data, draw, sources)
        yield data


Change = Callable[[bytes, random.Random, list[bytes]], bytes]


def flipped(data: bytes, draw: random.Random, sources: list[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.randint(1, 20) if data else 0):
        changed[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(changed)


def cut(data: bytes, draw: random.Random, sources: list[bytes]) -> bytes:
    return data[: draw.randint(0, len(data))]


def spliced(data: bytes, draw: random.Random, sources: list[bytes]) -> bytes:
    other = draw.choice(sources)
    return data[: draw.randint(0, len(data))] + other[draw.randint(0, len(other)) :]


def doubled(data: bytes, draw: random.Random, sources: list[bytes]) -> bytes:
    start = draw.randint(0, len(data))
    piece = data[start : start + draw.randint(1, 400)]
    return data[:start] + piece * draw.choice([2, 3, 50]) + data[start:]


def inserted(data: bytes, draw: random.Random, sources: list[bytes]) -> bytes:
    at = draw.randint(0, len(data))
    return data[:at] + draw.choice(SNIPPETS) + data[at:]


def exploded(data: bytes, draw: random.Random, sources: list[bytes]) -> bytes:
    """A tag with thousands of attributes, one with a long one, or thousands of tags one in the other."""
    at = data.find(b">", draw.randint(0, len(data)))
    if at < 0:
        return data
    names = b"".join(b' a%d="%d"' % (n, n) for n in range(5000))
    new = draw.choice([names, b' a="' + b"x" * 100_000 + b'"', b"><b" * 5000])
    return data[:at] + new + data[at:]


def in_a_member(data: bytes, draw: random.Random, change: Change) -> bytes:
    """A package of which one file is changed, as a whole package."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            parts = {name: package.read(name) for name in package.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, RuntimeError, EOFError, zipfile.zlib.error):
        return data
    name = draw.choice(sorted(parts) or [""])
    parts[name] = change(parts.get(name, b""), draw, list(parts.values()) or [b""])
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in parts.items():
            package.writestr(name or "x", part)
    return made.getvalue()


@pytest.mark.parametrize("kind", list(Kind))
def test_a_changed_document_is_read_or_refused_with_a_name(
    kind: Kind, whole: bool, figures: Callable[..., None]
) -> None:
    count, sources = WHOLE if whole else SAMPLE, documents(kind, real=whole)
    files = ((number, data, SUFFIXES.get(kind, ".txt")) for number, data in enumerate(mutants(sources, count)))
    tried = read = refused = late = 0
    unnamed = []
    with Cage(jobs=2, limits=LIMITS) as cage:
        for item in cage.read(files):
            tried += not item.member
            if isinstance(item.reading, CanonicalDocument):
                read += 1
            elif item.reading.reason in NAMED:
                refused, late = refused + 1, late + (item.reading.reason == "timeout")
            else:
                unnamed.append((item.tag, item.reading))
    assert unnamed == []
    assert tried == count
    figures("13", f"changed documents, {kind}", mutants=tried, sources=len(sources), refused=refused, too_slow=late)
