"""Every measure, with what it needs read and the bar that it is held to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath

from bench.corpus import agreements, anew, docling, groups, invoices, whole
from bench.corpus.files import Measured, Reading, Texts, texts_of

READING_MEASURES: dict[str, tuple[str, Callable[[Mapping[str, Reading], Path], Measured]]] = {
    "saved-anew": ("files saved anew by another program, same text", anew.saved_anew),
    "outcomes": (
        "files without a crash, a hang or an unnamed outcome",
        lambda readings, _: whole.outcomes(readings),
    ),
}
"""Measures of what became of the files rather than of their text alone, with what they are called. All must be met."""


@dataclass(frozen=True)
class Measure:
    """One row of the table of results."""

    what: str
    run: Callable[[Texts, Path], Measured]
    patterns: tuple[str, ...]
    """What the files are called that it looks at."""
    bar: float | None = None
    """The least share that will do; none where the bar is to be ahead of a peer, or the row only informs."""
    shared: bool = True
    """Other extractors can be held to it as well."""

    def looks_at(self, name: str) -> bool:
        """Tell whether a file must be read for it."""
        return any(PurePath(name).match(pattern) for pattern in self.patterns)


def _docling(form: str) -> dict[str, Measure]:
    patterns, name = (f"data/{form}/sources/*",), form.upper()
    once = partial(docling.recall, form=form, cut=docling.words_of_merged_cells_once)
    merged = {f"merged-{form}": Measure(f"docling, {name}: words, merged cells once", once, patterns)}
    return {
        f"docling-{form}": Measure(f"docling, {name}: words", partial(docling.recall, form=form), patterns, 0.99),
        **(merged if form != "csv" else {}),
        f"order-{form}": Measure(f"docling, {name}: words in order", partial(docling.order, form=form), patterns),
    }


MEASURES = {
    "fields": Measure("values of e-invoices", invoices.field_recall, ("*.pdf",), 1.0),
    "lines": Measure("line items in one line", invoices.line_items, ("tests/compare/*.pdf",), 0.95),
    "same-text": Measure("files of the same text, one document", groups.same_text, ("*.pdf",), 1.0),
    "kept-apart": Measure("look-alikes kept apart", groups.kept_apart, ("*.pdf",), 1.0),
    "bonterms": Measure("agreement against its Markdown, in order", agreements.bonterms, ("Bonterms+*/*.pdf",), 0.995),
    "docx": Measure("words of every DOCX", agreements.docx_words, ("*.docx",), 0.999),
    "templates": Measure("templates against their Markdown, in order", agreements.templates, ("template.docx",), 0.999),
    **{key: measure for form in docling.FORMATS for key, measure in _docling(form).items()},
    "fragile": Measure(
        "characters that NFKC destroys", whole.fragile_characters, ("*.pdf", "*.docx", "*.md", "*.txt"), 1.0, False
    ),
    "stable": Measure("texts that stay as they are", lambda texts, _: whole.stable(texts), ("*",), 1.0, False),
}


def judge(readings: Mapping[str, Reading], corpus: Path) -> dict[str, Measured]:
    """Take every measure of what kvprep read."""
    texts = texts_of(readings)
    found = {key: measure.run(texts, corpus) for key, measure in MEASURES.items()}
    return found | {key: run(readings, corpus) for key, (_, run) in READING_MEASURES.items()}
