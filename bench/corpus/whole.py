"""Measures on every file, whatever it is: a named outcome, texts that stay as they are, characters that survive."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from bench.corpus.files import NOTHING, Measured, Reading, Texts
from bench.corpus.wordxml import accepted_text
from kvprep.documents.base import Kind, Limits
from kvprep.documents.canonical import canonical_text, canonicalise
from kvprep.documents.readers.text import TextReader
from kvprep.errors import DocumentError
from kvprep.types import Skipped

_FOLDED = re.compile("[\\s\u2011\ufb00-\ufb06\uff01-\uff5e\u115f\u1160\u3164\uffa0]")
"""What the text rules fold or take away as well: NFKC is not alone there."""


def outcomes(readings: Mapping[str, Reading]) -> Measured:
    """Count the files that gave a text or were given up for a reason of `kvprep.errors`; a crash or a hang is none."""
    named = {kind.reason for kind in _kinds(DocumentError)} - {DocumentError.reason}
    measured = NOTHING
    for name, reading in readings.items():
        if isinstance(reading, Skipped) and reading.reason not in named:
            measured += Measured(0, 1, (f"{name}: {reading.reason}, {reading.message}",))
        else:
            measured += Measured(1, 1)
    return measured


def _kinds(base: type[DocumentError]) -> Iterator[type[DocumentError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


def tally(readings: Mapping[str, Reading]) -> Counter[str]:
    """Count what became of the files: `text`, or the reason for which there is none."""
    return Counter(reading.reason if isinstance(reading, Skipped) else "text" for reading in readings.values())


def stable(texts: Texts) -> Measured:
    """Count the texts that the rules leave as they are, both applied again and through the Markdown reader."""
    measured = NOTHING
    for name, text in texts.items():
        if not text:
            continue
        again = canonical_text(text) == text
        reread = canonicalise(TextReader(Kind.MARKDOWN).read(text.encode(), Limits())).text == text
        found = again and reread
        miss = f"{name}: {'changes as Markdown' if again else 'the rules change it again'}"
        measured += Measured(found, 1, () if found else (miss,))
    return measured


def fragile_characters(texts: Texts, corpus: Path) -> Measured:
    """Count ½ ² º ™ and whatever else NFKC takes apart, in DOCX, PDF, Markdown and text files, and what the text keeps.

    What there is: in a text file its bytes as UTF-8 or else Windows-1252, in a DOCX its raw XML's accepted view, in a
    PDF what PDFium gives for its pages, equal lines once (running lines stand once in canonical text, too).
    """
    measured = NOTHING
    for name, text in texts.items():
        if text and (raw := _raw_text(corpus / name)) is not None:
            wanted, kept = (Counter(filter(is_fragile, side)) for side in (raw, text))
            lost = wanted - kept
            miss = f"{name}: lost {dict(lost)} of {dict(wanted)}"
            measured += Measured(wanted.total() - lost.total(), wanted.total(), (miss,) if lost else ())
    return measured


@cache
def is_fragile(char: str) -> bool:
    """Tell whether NFKC changes a character that NFC and the text rules leave alone."""
    alone = unicodedata.normalize("NFC", char) == char and not _FOLDED.match(char)
    return alone and unicodedata.normalize("NFKC", char) != char


def _raw_text(path: Path) -> str | None:
    if not path.is_file():  # a member of another file
        return None
    match path.suffix.lower():
        case ".docx":
            return accepted_text(path.read_bytes())
        case ".pdf":
            return "\n".join(dict.fromkeys(_masked(line) for line in _pdfium_lines(path)))
        case ".md" | ".txt":
            return _decoded(path.read_bytes())
    return None


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _masked(line: str) -> str:
    return re.sub(r"[0-9]+", "0", line.strip())


def _pdfium_lines(path: Path) -> Iterator[str]:
    import pypdfium2  # type: ignore[import-untyped]

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError:
        return
    with document:
        for page in document:
            yield from page.get_textpage().get_text_range().splitlines()
