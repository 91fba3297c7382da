"""Measures against docling's expected Markdown for DOCX, HTML, XLSX and CSV: words, and their order."""

import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

from bench.corpus.files import NOTHING, Measured, Texts
from bench.corpus.words import likeness, markdown_words, word_recall

_BAR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")
FORMATS = ("docx", "html", "xlsx", "csv")


def pairs(corpus: Path, form: str) -> Iterator[tuple[str, Path]]:
    """Yield each source of a format with its expected Markdown."""
    for expected in sorted(corpus.glob(f"docling-project+docling/tests/data/{form}/groundtruth/*.md")):
        source = expected.parent.parent / "sources" / expected.stem
        if source.exists():
            yield str(source.relative_to(corpus)), expected


def words_of_merged_cells_once(text: str) -> list[str]:
    """Cut Markdown into its words, without those of a table's cell that says the same as the one left of it or above.

    docling writes the text of a merged cell into every cell that it covers; on the page it stands once. But equal
    neighbours need not be merged, and what is left out is not checked: this is for a figure beside the bar's own.
    """
    lines: list[str] = []
    above: list[str] = []
    for line in text.splitlines():
        cells = _cells(line)
        is_rule = bool(cells) and all(_RULE.fullmatch(cell) for cell in cells)
        lines.append(line if is_rule or not cells else " | ".join(_not_repeated(cells, above)))
        above = above if is_rule else cells
    return markdown_words("\n".join(lines))


def _cells(line: str) -> list[str]:
    is_row = line.startswith("|") and line.rstrip().endswith("|")
    return [cell.strip() for cell in _BAR.split(line.strip()[1:-1])] if is_row else []


def _not_repeated(cells: list[str], above: list[str]) -> Iterator[str]:
    for left, cell, upper in zip_longest(["", *cells[:-1]], cells, above[: len(cells)], fillvalue=""):
        if cell not in (left, upper):
            yield cell


def recall(texts: Texts, corpus: Path, form: str, cut: Callable[[str], list[str]] = markdown_words) -> Measured:
    """Count the expected words that the text has, wherever they stand, each as often as it is expected.

    Args:
        cut: how both sides are cut into words.
    """
    measured = NOTHING
    for name, path in pairs(corpus, form):
        if name in texts:
            measured += word_recall(name, cut(path.read_text()), cut(texts[name]))
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
