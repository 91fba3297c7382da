"""Where a child of the cage reads: the bytes of one document become an answer, whatever they are."""

import importlib
import resource
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from kvprep.documents.base import Kind, Limits, Reader, reader_for, sniff
from kvprep.documents.canonical import canonicalise
from kvprep.documents.reply import CRASHED, Header, pack, refusal
from kvprep.documents.versions import canonicaliser
from kvprep.errors import DocumentError, OversizedDocument
from kvprep.types import CanonicalDocument

ReaderTable: TypeAlias = Callable[[Kind], Reader]

_LIBRARIES = {
    Kind.PDF: ("pypdfium2",),
    Kind.DOCX: ("docx.oxml", "lxml.etree"),
    Kind.XLSX: ("python_calamine",),
    Kind.HTML: ("lxml.etree",),
    Kind.EINVOICE: ("lxml.etree",),
}
"""What the readers load, when the first document of their kind turns up."""


class Desk:
    """Reads one document after another."""

    def __init__(self, limits: Mapping[str, object], readers: ReaderTable | None = None) -> None:
        """Read within `limits`, the fields of a `Limits`, with the readers of the table."""
        self._limits = Limits(**limits)  # type: ignore[arg-type]
        self._readers = readers or reader_for

    def answer(self, data: bytes, suffix: str) -> tuple[Header, *tuple[bytes, ...]]:
        """Read a document, and give header and pieces of the frame that answers; a refusal is an answer, too."""
        started = time.perf_counter()
        _limit_cpu(self._limits.cpu_seconds)
        try:
            kind = sniff(data, suffix)
            started += _load(kind)
            header, body = self._read(kind, data)
        except DocumentError as error:
            header, body = refusal(error.reason, str(error)), []
        except MemoryError:
            header, body = refusal(OversizedDocument.reason, "reading it takes more memory than allowed"), []
        except Exception as error:  # a bug, or a library's: the batch goes on, and nothing quotes the document
            header, body = refusal(CRASHED, f"the reader failed: {_place(error)}"), []
        return {**header, "seconds": time.perf_counter() - started}, *body

    def _read(self, kind: Kind, data: bytes) -> tuple[Header, list[bytes]]:
        document = canonicalise(self._readers(kind).read(data, self._limits), canonicaliser(kind))
        _check_size(document, self._limits)
        return pack(document)


def _load(kind: Kind) -> float:
    """Load what a kind's reader needs, and give the seconds that it took: they are no document's own."""
    started = time.perf_counter()
    for name in _LIBRARIES.get(kind, ()):
        importlib.import_module(name)
    return time.perf_counter() - started


def _check_size(document: CanonicalDocument, limits: Limits) -> None:
    num_text = len(document.text.encode())
    if num_text > limits.output_bytes:
        raise OversizedDocument(f"{num_text} bytes of text, more than {limits.output_bytes}")
    if len(document.members) > limits.members:
        raise OversizedDocument(f"{len(document.members)} files inside, more than {limits.members}")
    num_inside = sum(len(member.data) for member in document.members)
    if num_inside > limits.expanded_bytes:
        raise OversizedDocument(f"{num_inside} bytes of files inside, more than {limits.expanded_bytes}")


def _limit_cpu(seconds: int) -> None:
    """Give the document at hand so many more seconds of processor time; past them the system ends the process."""
    spent = time.process_time()
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(spent) + seconds + 1, hard))


def _place(error: Exception) -> str:
    """Name an exception's type and where it came from, not what it says: that may quote the document."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
