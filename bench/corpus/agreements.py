"""Measures on contracts: all words of a DOCX, and words in the order of a Markdown twin."""

import re
from collections.abc import Iterator
from pathlib import Path

from bench.corpus.files import NOTHING, Measured, Texts
from bench.corpus.words import markdown_words, word_recall, words, words_in_order
from bench.corpus.wordxml import accepted_text

_SLOT = re.compile(r"\{[a-z0-9_]+\}")


def docx_words(texts: Texts, corpus: Path) -> Measured:
    """Count the words of every DOCX against those of its raw XML; see `wordxml.accepted_text`."""
    measured = NOTHING
    for name, text in texts.items():
        if name.endswith(".docx") and (corpus / name).is_file():  # no member of a mail
            raw = accepted_text((corpus / name).read_bytes())
            measured += word_recall(name, words(raw), words(text))
    return measured


def bonterms(texts: Texts, corpus: Path) -> Measured:
    """Count the words of an agreement's Markdown that its PDF gives in the same order.

    Decoration of the Markdown is no word (see `words.plain_markdown`); clause numbers are words on both sides.
    """
    measured = NOTHING
    for name, twin in bonterms_pairs(corpus):
        if name in texts:
            expected = markdown_words(twin.read_text())
            measured += words_in_order(name, expected, markdown_words(texts[name]))
    return measured


def bonterms_pairs(corpus: Path) -> Iterator[tuple[str, Path]]:
    """Yield each PDF of a `Bonterms+*` folder with its Markdown."""
    for folder in sorted(corpus.glob("Bonterms+*")):
        twins = [path for path in folder.glob("*.md") if path.name != "README.md"]
        for pdf in sorted(folder.glob("*.pdf")) if len(twins) == 1 else []:
            yield str(pdf.relative_to(corpus)), twins[0]


def templates(texts: Texts, corpus: Path) -> Measured:
    """Count the words of `template.md` that `template.docx` beside it gives in the same order.

    Slots are not counted: where the Markdown has `{company_name}`, the DOCX describes what is to be filled in.
    """
    measured = NOTHING
    for path in sorted(corpus.rglob("template.docx")):
        name, twin = str(path.relative_to(corpus)), path.with_suffix(".md")
        if name in texts and twin.exists():
            expected = markdown_words(_SLOT.sub(" ", twin.read_text()))
            measured += words_in_order(name, expected, markdown_words(texts[name]))
    return measured
