"""Measures on contracts: all words of a DOCX, and words in the order of a Markdown twin."""

from collections.abc import Iterator
from pathlib import Path

from bench.corpus.files import NOTHING, Measured, Texts
from bench.corpus.words import markdown_words, word_recall, words, words_in_order
from bench.corpus.wordxml import accepted_text


def docx_words(texts: Texts, corpus: Path) -> Measured:
    """Count the words of every DOCX that gave a text against those of its raw XML; see `wordxml.accepted_text`."""
    measured = NOTHING
    for name in (name for name in texts if name.endswith(".docx")):
        raw = accepted_text((corpus / name).read_bytes())
        measured += word_recall(name, words(raw), words(texts[name]))
    return measured


def bonterms(texts: Texts, corpus: Path) -> Measured:
    """Count the words of an agreement's Markdown that its PDF gives in the same order.

    Decoration of the Markdown is no word (see `words.plain_markdown`); clause numbers are words on both sides.
    """
    return _in_order(texts, corpus, bonterms_pairs(corpus))


def bonterms_pairs(corpus: Path) -> Iterator[tuple[str, Path]]:
    """Yield each PDF of a `Bonterms+*` folder with its Markdown."""
    for folder in sorted(corpus.glob("Bonterms+*")):
        twins = [path for path in folder.glob("*.md") if path.name != "README.md"]
        for pdf in sorted(folder.glob("*.pdf")) if len(twins) == 1 else []:
            yield str(pdf.relative_to(corpus)), twins[0]


def templates(texts: Texts, corpus: Path) -> Measured:
    """Count the words of `template.md` that `template.docx` beside it gives in the same order."""
    pairs = ((str(path.relative_to(corpus)), path.with_suffix(".md")) for path in corpus.rglob("template.docx"))
    return _in_order(texts, corpus, ((name, twin) for name, twin in sorted(pairs) if twin.exists()))


def _in_order(texts: Texts, corpus: Path, pairs: Iterator[tuple[str, Path]]) -> Measured:
    measured = NOTHING
    for name, twin in pairs:
        expected = markdown_words(twin.read_text())
        measured += words_in_order(name, expected, markdown_words(texts.get(name, "")))
    return measured
