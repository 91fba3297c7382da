"""The inside of the cage: a process that reads one document after another, under limits, and knows no secret.

Run as `python -m kvprep.documents.child` by `kvprep.documents.cage`. Its limits hold against accidents and bombs;
they are no sandbox.
"""

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from kvprep.documents.base import Kind, Limits, Reader, reader_for, sniff
from kvprep.documents.canonical import canonicalise
from kvprep.documents.frames import read_frame, write_frame
from kvprep.errors import DocumentError, OversizedDocument
from kvprep.types import CanonicalDocument

ReaderTable = Callable[[Kind], Reader]


def serve(readers: ReaderTable = reader_for) -> None:
    """Read documents from standard input until it ends, and answer each on standard output.

    Standard output is taken away from everybody else first: what a library prints would break the frames.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _silence()
    _load_libraries()
    first = read_frame(requests, 1 << 20)
    if first is None:
        return
    limits = Limits(**first[0])  # type: ignore[arg-type]
    _limit_process(limits)
    while request := read_frame(requests, limits.file_bytes):
        _answer(answers, request[1], str(request[0]["suffix"]), readers, limits)


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _load_libraries() -> None:
    """Import what nearly every batch needs, before the clock of a document runs."""
    import docx.package
    import pypdfium2  # type: ignore[import-untyped]

    del docx, pypdfium2


def _limit_process(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform != "darwin":  # macOS refuses, or ignores, a limit on address space
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def _limit_cpu(seconds: int) -> None:
    """Give the document at hand so many more seconds of processor time; past them the system ends the process."""
    spent = time.process_time()
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(spent) + seconds + 1, hard))


def _answer(answers: BinaryIO, data: bytes, suffix: str, readers: ReaderTable, limits: Limits) -> None:
    _limit_cpu(limits.cpu_seconds)
    started = time.perf_counter()
    try:
        document = _read(data, suffix, readers, limits)
        header, body = _success(document), document.text.encode()
        if len(body) > limits.output_bytes:
            raise OversizedDocument(f"{len(body)} bytes of text, more than {limits.output_bytes}")
    except DocumentError as error:
        header, body = {"reason": error.reason, "message": str(error)}, b""
    except MemoryError:
        header, body = {"reason": OversizedDocument.reason, "message": "reading it takes more memory than allowed"}, b""
    except Exception as error:  # a bug, or a library's: the batch goes on, and what is told never quotes the document
        header, body = {"reason": "crashed", "message": f"the reader failed: {_place(error)}"}, b""
    write_frame(answers, {**header, "seconds": time.perf_counter() - started}, body)


def _read(data: bytes, suffix: str, readers: ReaderTable, limits: Limits) -> CanonicalDocument:
    return canonicalise(readers(sniff(data, suffix)).read(data, limits))


def _success(document: CanonicalDocument) -> dict[str, object]:
    return {
        "title": document.title,
        "reader": document.reader,
        "canonicaliser": document.canonicaliser,
        "findings": [asdict(finding) for finding in document.findings],
    }


def _place(error: Exception) -> str:
    """Name an exception's type and where it came from, not what it says: that may quote the document."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


if __name__ == "__main__":
    serve()
