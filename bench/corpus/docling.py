"""Measures against docling's expected Markdown for DOCX, HTML, XLSX and CSV: words, and their order."""

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from bench.corpus.files import NOTHING, Measured, Texts
from bench.corpus.words import likeness, markdown_words, word_recall

FORMATS = ("docx", "html", "xlsx", "csv")


def pairs(corpus: Path, form: str) -> Iterator[tuple[str, Path]]:
    """Yield each source of a format with its expected Markdown."""
    for expected in sorted(corpus.glob(f"docling-project+docling/tests/data/{form}/groundtruth/*.md")):
        source = expected.parent.parent / "sources" / expected.stem
        if source.exists():
            yield str(source.relative_to(corpus)), expected


def recall(texts: Texts, corpus: Path, form: str) -> Measured:
    """Count the expected words that the text has, wherever they stand. A source without a text has none of them."""
    measured = NOTHING
    for name, path in pairs(corpus, form):
        measured += word_recall(name, markdown_words(path.read_text()), markdown_words(texts.get(name, "")))
    return measured


def order(texts: Texts, corpus: Path, form: str) -> dict[str, float]:
    """Give for each source how like its words are to the expected ones, in their order; see `words.likeness`.

    A source of which nothing is expected and a reader gives nothing counts as 1.
    """
    return {
        name: likeness(markdown_words(path.read_text()), markdown_words(texts.get(name, "")))
        for name, path in pairs(corpus, form)
    }


def mean(likenesses: dict[str, float]) -> float:
    """Average over files, each counting the same: a long page must not outweigh thirty short ones."""
    return fmean(likenesses.values()) if likenesses else 1.0
