"""Measures against docling's expected Markdown for DOCX, HTML, XLSX and CSV: words, and their order."""

from collections.abc import Iterator
from pathlib import Path

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
    """Count the expected words that the text has, wherever they stand."""
    measured = NOTHING
    for name, path in pairs(corpus, form):
        if name in texts:
            measured += word_recall(name, markdown_words(path.read_text()), markdown_words(texts[name]))
    return measured


def order(texts: Texts, corpus: Path, form: str) -> Measured:
    """Add up, file by file, how like the words are to the expected ones, in their order; see `words.likeness`.

    Its share is the mean over files, each counting the same: a long page must not outweigh thirty short ones.
    """
    likenesses = {
        name: likeness(markdown_words(path.read_text()), markdown_words(texts[name]))
        for name, path in pairs(corpus, form)
        if name in texts
    }
    worst = sorted((like, name) for name, like in likenesses.items() if like < 1)
    return Measured(
        sum(likenesses.values()), len(likenesses), tuple(f"{name}: {100 * like:.1f} %" for like, name in worst)
    )
