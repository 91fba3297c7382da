"""Reading: pages a second beside PDFium's bare text, and the values of real invoices that are found."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.corpus.files import all_files, read, texts_of
from bench.corpus.invoices import field_recall
from bench.timing import Stopwatch, ratio
from kvprep.documents.base import Limits, reader_for, sniff
from kvprep.documents.cage import Cage
from kvprep.documents.canonical import canonicalise
from kvprep.errors import DocumentError

ROUNDS = 5
_ONE_IN = 2
NORMALISE, BARE, ONE_CHILD, TWO_CHILDREN = "normalise", "pypdfium2 text alone", "cage, 1 child", "cage, 2 children"


def sample(corpus: Path) -> list[tuple[str, bytes]]:
    """Take every other PDF that PDFium opens, with its bytes."""
    names = [name for name in all_files(corpus) if name.endswith(".pdf")][::_ONE_IN]
    files = [(name, (corpus / name).read_bytes()) for name in names]
    return [(name, data) for name, data in files if _num_pages(data)]


def measure(corpus: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    """Time the ways to read the sample in turns; a first round that does not count loads the libraries.

    Returns:
        Seconds of each round by way, the sample's `files` and `pages`.
    """
    files = sample(corpus)
    watch = Stopwatch()
    with Cage(jobs=1) as one, Cage(jobs=2) as two:
        for counted in range(-1, rounds):
            for way, run in {
                NORMALISE: partial(_normalise, files),
                BARE: partial(_bare_text, files),
                ONE_CHILD: partial(_through, one, files),
                TWO_CHILDREN: partial(_through, two, files),
            }.items():
                with watch.measure(way if counted >= 0 else "not counted"):
                    run()
    del watch.seconds["not counted"]
    return {"seconds": dict(watch.seconds), "files": len(files), "pages": sum(_num_pages(data) for _, data in files)}


def _normalise(files: Sequence[tuple[str, bytes]]) -> None:
    """Read and canonicalise in this process; what ends without a text has taken its time as well."""
    for name, data in files:
        try:
            canonicalise(reader_for(sniff(data, name)).read(data, Limits()))
        except DocumentError:
            continue


def _bare_text(files: Sequence[tuple[str, bytes]]) -> None:
    import pypdfium2  # type: ignore[import-untyped]

    for _, data in files:
        with pypdfium2.PdfDocument(data) as document:
            for page in document:
                page.get_textpage().get_text_range()


def _through(cage: Cage, files: Sequence[tuple[str, bytes]]) -> None:
    for _ in cage.read((name, data, name) for name, data in files):
        pass


def _num_pages(data: bytes) -> int:
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(data) as document:
            return len(document)
    except pypdfium2.PdfiumError:
        return 0


def targets(measured: dict[str, Any], corpus: Path) -> dict[str, dict[str, Any]]:
    """Judge targets 11 and 12."""
    seconds, pages = measured["seconds"], measured["pages"]
    speed = ratio(seconds[BARE], seconds[NORMALISE])
    scaling = ratio(seconds[ONE_CHILD], seconds[TWO_CHILDREN])
    return {
        "11": {
            "value": round(speed.value, 3),
            "target": 0.25,
            "met": speed.value >= 0.25 and scaling.value >= 1.5,
            "detail": f"pages/s in one process: {speed}; {_rate(pages, seconds[NORMALISE])} against "
            f"{_rate(pages, seconds[BARE])}; two reading children against one: {scaling}; {measured['files']} PDFs, "
            f"{pages} pages, medians of {len(seconds[NORMALISE])}",
        },
        "12": _fields(corpus),
    }


def _rate(pages: int, seconds: list[float]) -> str:
    return f"{pages / sorted(seconds)[len(seconds) // 2]:.0f} pages/s"


def _fields(corpus: Path) -> dict[str, Any]:
    names = [name for name in all_files(corpus) if name.endswith(".pdf")]
    recall = field_recall(texts_of(read(corpus, names)), corpus)
    return {
        "value": round(recall.share, 4),
        "target": 1.0,
        "met": recall.share == 1,
        "detail": f"values of e-invoices found in their canonical text: {recall}",
    }
