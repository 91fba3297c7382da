"""A measure of whose work the text is: files saved anew by another program, with everything unseen changed."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.corpus.files import NOTHING, Measured, Reading
from kvprep.documents.cage import Cage
from kvprep.types import CanonicalDocument

_REVISION = re.compile(rb' w:rsid\w*="\w+"')


def saved_anew(readings: Mapping[str, Reading], corpus: Path) -> Measured:
    """Count the PDF, DOCX and XLSX files that come out the same after another program has written them again.

    A PDF is written by pypdf: other object numbers, compression, producer and title. A package is zipped anew: other
    order, times and compression, no revision marks. What pypdf cannot write again does not count.
    """
    measured = NOTHING
    with Cage(jobs=2) as cage:
        for item in cage.read(_copies(readings, corpus)):
            if not item.member:
                same = _outcome(item.reading) == _outcome(readings[item.tag])
                measured += Measured(same, 1, () if same else (f"{item.tag}: another text once saved anew",))
    return measured


def _outcome(reading: Reading) -> str:
    return reading.text if isinstance(reading, CanonicalDocument) else reading.reason


def _copies(readings: Mapping[str, Reading], corpus: Path) -> Iterator[tuple[str, bytes, str]]:
    for name in readings:
        path = corpus / name
        if not path.is_file():  # a member of a mail
            continue
        if path.suffix == ".pdf" and (copy := _pdf_anew(path.read_bytes())):
            yield name, copy, name
        elif path.suffix in (".docx", ".xlsx"):
            yield name, _package_anew(path.read_bytes()), name


def _pdf_anew(data: bytes) -> bytes:
    import pypdf

    out = io.BytesIO()
    try:
        writer = pypdf.PdfWriter(clone_from=pypdf.PdfReader(io.BytesIO(data)))
        for page in writer.pages:
            page.compress_content_streams()
    except Exception:  # some files are broken on purpose, and pypdf says so in many ways
        return b""
    writer.add_metadata({"/Producer": "another program", "/Title": "another title"})
    writer.write(out)
    return out.getvalue()


def _package_anew(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name in reversed(old.namelist()):
            new.writestr(name, _REVISION.sub(b"", old.read(name)))
    return out.getvalue()
